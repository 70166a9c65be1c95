"""Crontab lines as everybody reads them: five fields, weekdays from 0 (Sunday) to 7 (Sunday again), local time."""

from __future__ import annotations

import functools
import re
from contextlib import suppress
from datetime import datetime, timedelta

from apscheduler.triggers.cron import CronTrigger
from cron_descriptor import Options, get_description

from runtime.clock import BUSINESS_ZONE

_WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_NUMBERS = re.compile(r"(\d+)(?:-(\d+))?(?:/(\d+))?")


@functools.lru_cache(maxsize=256)
def parse_cron(line: str) -> CronTrigger:
    """Return the trigger of a crontab line in Africa/Johannesburg time. Raises ValueError for what is no such line.

    APScheduler counts weekdays from Monday, where crontab(5) counts from Sunday; so numbers become names here.
    """
    fields = line.split()
    if len(fields) != 5:
        raise ValueError(f"a cron line has five fields, {line!r} has {len(fields)}")
    minute, hour, day, month, weekday = fields
    if day != "*" and weekday != "*":
        # crontab(5) would fire when either matches, APScheduler when both do: refuse what reads in two ways.
        raise ValueError(f"{line!r} limits both the day of the month and the weekday; one of them must be *")
    weekdays = ",".join(_named(part) for part in weekday.split(","))
    try:
        return CronTrigger(minute=minute, hour=hour, day=day, month=month, day_of_week=weekdays, timezone=BUSINESS_ZONE)
    except ValueError as error:
        raise ValueError(f"{line!r} is no cron line: {error}") from error


def fire_after(trigger: CronTrigger, after: datetime) -> datetime:
    """Return the first time strictly after `after` (aware) that the trigger fires. Raises ValueError for never."""
    found: datetime | None = None
    # Where the calendar ends in some time zone, nothing fires any more.
    with suppress(OverflowError):
        found = trigger.get_next_fire_time(None, after + timedelta(microseconds=1))
    if found is None:
        raise ValueError(f"{trigger} never fires")
    return found


@functools.lru_cache(maxsize=256)
def in_words(line: str) -> str:
    """Return a crontab line as people say it: `0 2 * * 0` is `At 02:00, only on Sunday`."""
    said = str(get_description(line, _SPOKEN))
    is_daily = line.split()[2:] == ["*"] * 3 and re.match(r"At \d\d:\d\d", said)
    return f"{said}, every day" if is_daily else said


def _spoken() -> Options:
    options = Options()
    options.use_24hour_time_format = True
    options.locale_code = "en_US"
    return options


_SPOKEN = _spoken()


def _named(part: str) -> str:
    if part.startswith("*/"):
        part = "0-6" + part[1:]
    numbers = _NUMBERS.fullmatch(part)
    if numbers is None:
        return part
    first, last, step = numbers.groups()
    days = range(int(first), int(last or (7 if step else first)) + 1, max(int(step or 1), 1))
    if step == "0" or not days or days[-1] > 7:
        raise ValueError(f"a weekday goes from 0 (Sunday) to 7 (Sunday again), not {part!r}")
    return ",".join(_WEEKDAYS[number % 7] for number in days)
