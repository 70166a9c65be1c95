"""Schedules: when the job kinds with a cron line are due, and what becomes of ticks that nobody was there for."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from apscheduler.triggers.cron import CronTrigger

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
    """Return the next fire times after `after`; fewer when the line does not fire that often any more."""
    trigger, fires = parse_cron(cron), list[datetime]()
    with suppress(ValueError):
        while len(fires) < how_many:
            fires.append(fire_after(trigger, fires[-1] if fires else after))
    return fires


def decide(*, cron: str, missed: str, next_fire_at: datetime, paused_until: datetime | None, now: datetime) -> Due:
    """Decide about a schedule whose `next_fire_at` is not after `now`.

    The ticks before the end of a pause are dropped, whether or not anybody was there for them. Of several overdue ticks
    only the latest can run: when it is on time it runs; when it is late it runs only under the policy `run_once`. All
    others count as missed.
    """
    trigger = parse_cron(cron)
    first = _first_to_count(trigger, next_fire_at, paused_until, now)
    if first > now:
        return Due(None, first, 0)
    latest, overdue, following = first, 1, fire_after(trigger, first)
    while following <= now and overdue < MOST_OVERDUE:
        latest, overdue, following = following, overdue + 1, fire_after(trigger, following)
    if following <= now:
        following = fire_after(trigger, now)
    if now - latest <= ON_TIME or missed == "run_once":
        return Due(latest, following, overdue - 1)
    return Due(None, following, overdue)


def _first_to_count(
    trigger: CronTrigger, next_fire_at: datetime, paused_until: datetime | None, now: datetime
) -> datetime:
    """Return the first tick that no pause drops; the first after now while a pause goes on, for it may be ended."""
    if paused_until is None or next_fire_at >= paused_until:
        return next_fire_at
    return fire_after(trigger, now if paused_until > now else paused_until - timedelta(microseconds=1))


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
