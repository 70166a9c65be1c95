"""Figures about the ledger, for measures and dashboards: cheap by index, and nobody waits for them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from jobs.health import vital_signs
from jobs.platform import Platform
from sql.database import Connection, queries
from sql.errors import translated

HOUR = timedelta(hours=1)
HOURS_SHOWN = 24
COUNTED_BY = timedelta(minutes=5)
# An attempt is written down a little after it ended, and later still after an outage: the last counts are made again.
COUNTED_AGAIN = timedelta(minutes=15)
COUNTS_KEPT = timedelta(days=8)


@dataclass(frozen=True, slots=True)
class Standing:
    """How things stand: rows of unfinished jobs, of live processes, of queues and of the services outside."""

    unfinished: list[dict[str, Any]]
    processes: list[dict[str, Any]]
    queues: list[dict[str, Any]]
    has_leader: bool
    late_schedules: int
    integrations: list[dict[str, Any]]


def standing(platform: Platform) -> Standing:
    """Read how things stand now. Raises DatabaseProblem."""
    lost_after = timedelta(seconds=platform.settings.worker_lost_after)
    with translated(), platform.read() as connection:
        signs = vital_signs(platform, connection)
        named = queries("statistics")
        return Standing(
            unfinished=list(named.unfinished_jobs(connection)),
            processes=list(named.processes_alive(connection, lost_after=lost_after)),
            queues=list(named.queue_switches(connection)),
            has_leader=signs["has_leader"],
            late_schedules=len(signs["late_schedules"] or ()),
            integrations=list(queries("integrations").list_states(connection)),
        )


def attempts_ended(
    platform: Platform, since: datetime, until: datetime, wait_bounds: Sequence[float], run_bounds: Sequence[float]
) -> list[dict[str, Any]]:
    """Sum up the attempts that ended after `since` and not after `until`, by kind, queue and outcome.

    `wait_bucket` and `run_bucket` count the bounds (seconds) that an attempt's wait and run reached; None when it never
    started. Raises DatabaseProblem.
    """
    with translated(), platform.read() as connection:
        return list(
            queries("statistics").attempts_ended(
                connection, since=since, until=until, wait_bounds=list(wait_bounds), run_bounds=list(run_bounds)
            )
        )


def count_ended(connection: Connection, now: datetime) -> None:
    """Bring the counts of what ended up to date, and forget those that nobody shows any more."""
    named = queries("statistics")
    newest: datetime | None = named.newest_count(connection)
    oldest = now - COUNTS_KEPT
    named.count_ended_attempts(
        connection, since=oldest if newest is None else max(newest - COUNTED_AGAIN, oldest), now=now
    )
    named.forget_counts(connection, before=oldest)


def by_hour(connection: Connection, now: datetime) -> list[dict[str, Any]]:
    """Return the last 24 hours, the oldest first: when each `began` and how many attempts ended in it by `outcome`.

    The last hour is the one that is under way. Hours in which nothing ended have no outcomes.
    """
    first = now.replace(minute=0, second=0, microsecond=0) - HOUR * (HOURS_SHOWN - 1)
    hours: dict[datetime, dict[str, int]] = {first + HOUR * number: {} for number in range(HOURS_SHOWN)}
    for row in _ended(connection, first):
        outcomes = hours.get(row["began"])
        if outcomes is not None:
            outcomes[row["outcome"]] = outcomes.get(row["outcome"], 0) + row["attempts"]
    return [{"began": began, "outcomes": outcomes} for began, outcomes in hours.items()]


def throughput(connection: Connection, now: datetime) -> dict[str, dict[str, int]]:
    """Return by queue how many attempts ended within the last hour, by outcome; a queue where none did is left out."""
    found: dict[str, dict[str, int]] = {}
    for row in _ended(connection, now - HOUR):
        outcomes = found.setdefault(row["queue"], {})
        outcomes[row["outcome"]] = outcomes.get(row["outcome"], 0) + row["attempts"]
    return found


def _ended(connection: Connection, since: datetime) -> list[dict[str, Any]]:
    newest: datetime | None = queries("statistics").newest_count(connection)
    counted_until = since if newest is None else newest + COUNTED_BY
    # Never prepared: how little is not counted yet is told by the moment, and a plan for any moment reads everything.
    return connection.execute(
        queries("statistics").ended_by.sql,
        {"since": since, "counted_until": counted_until, "width": HOUR},
        prepare=False,
    ).fetchall()
