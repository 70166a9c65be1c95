"""Figures about the ledger, for measures and dashboards: cheap by index, and nobody waits for them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from jobs.health import vital_signs
from jobs.platform import Platform
from sql.database import queries
from sql.errors import translated


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
