"""Schedules: when the job kinds with a cron line are due, and what becomes of ticks that nobody was there for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from jobs.cron import fire_after, parse_cron
from jobs.registry import Kind, Registry
from sql.database import Connection, queries

# A tick that fires within this time was not missed: the leader looks every second, a take-over needs a few.
ON_TIME = timedelta(seconds=60)

# A week of minutes: older ticks are not worth counting one by one.
MOST_OVERDUE = 10_080


@dataclass(frozen=True, slots=True)
class Due:
    """What to do about a schedule whose time has come: the fire time to run (or None) and where it goes on."""

    fire_at: datetime | None
    next_fire_at: datetime
    missed: int


def next_fire(cron: str, after: datetime) -> datetime:
    """Return the first time strictly after `after` (aware) that the crontab line fires, in Africa/Johannesburg time."""
    return fire_after(parse_cron(cron), after)


def next_fires(cron: str, after: datetime, how_many: int) -> list[datetime]:
    """Return the next fire times after `after`."""
    fires: list[datetime] = []
    for _ in range(how_many):
        fires.append(next_fire(cron, fires[-1] if fires else after))
    return fires


def decide(*, cron: str, missed: str, next_fire_at: datetime, paused_until: datetime | None, now: datetime) -> Due:
    """Decide about a schedule whose `next_fire_at` is not after `now`.

    A paused schedule drops its ticks. Of several overdue ticks only the latest can run: when it is on time it runs;
    when it is late it runs only under the policy `run_once`. All others count as missed.
    """
    trigger = parse_cron(cron)
    latest, overdue, following = next_fire_at, 1, fire_after(trigger, next_fire_at)
    while following <= now and overdue < MOST_OVERDUE:
        latest, overdue, following = following, overdue + 1, fire_after(trigger, following)
    if following <= now:
        following = fire_after(trigger, now)
    if paused_until is not None and paused_until > now:
        return Due(None, following, 0)
    if now - latest <= ON_TIME or missed == "run_once":
        return Due(latest, following, overdue - 1)
    return Due(None, following, overdue)


def declare(connection: Connection, registry: Registry, now: datetime) -> list[Kind[Any]]:
    """Make the schedules of the kinds known, follow changed cron lines, retire those that are gone."""
    kinds = [kind for kind in registry.kinds() if kind.cron]
    for kind in kinds:
        queries("schedules").declare_schedule(
            connection,
            name=kind.name,
            kind=kind.name,
            cron=kind.cron,
            missed=kind.missed,
            next_fire_at=next_fire(kind.cron or "", now),
        )
    queries("schedules").retire_schedules(connection, names=[kind.name for kind in kinds])
    return kinds
