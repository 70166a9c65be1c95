"""Business time: Monday to Friday, 08:00 to 18:00 in Africa/Johannesburg, without South African public holidays.

Pure. The arithmetic is on whole numbers, microseconds since 1970, so that what is added and taken away again is exact
and an import can afford it for 100,000 tickets. The zone has been two hours ahead of UTC without a break since 1944.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from itertools import accumulate

import holidays

OPENS, CLOSES = time(8), time(18)

_FIRST_YEAR, _LAST_YEAR = 1970, 2099
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_SECOND = 1_000_000
_MINUTE = 60 * _SECOND
_DAY = 86_400 * _SECOND
_OFFSET = 2 * 3_600 * _SECOND
_OPENS = OPENS.hour * 3_600 * _SECOND
_WORKDAY = (CLOSES.hour - OPENS.hour) * 3_600 * _SECOND
_SATURDAY = 5


@dataclass(frozen=True, slots=True)
class WorkingDays:
    """The working days of all years, by number (0 is 1 January 1970).

    `days` lists the working days in order; `before[n]` tells how many lie before day n.
    """

    days: tuple[int, ...]
    before: tuple[int, ...]


def is_working_day(day: date) -> bool:
    """Whether the business is open on a day: Monday to Friday, no public holiday (a Sunday's is kept on Monday)."""
    return day.weekday() < _SATURDAY and day not in _public_holidays()


def microseconds(moment: datetime) -> int:
    """Return a moment (aware) as microseconds since 1970."""
    return (moment - _EPOCH) // _MICROSECOND


def moment_of(instant: int) -> datetime:
    """Return microseconds since 1970 as a moment in UTC."""
    return _EPOCH + timedelta(microseconds=instant)


def position(instant: int) -> int:
    """Return how much business time (microseconds) lies before an instant; it stands still out of hours.

    Outside the years 1970 to 2099 nothing counts: the first and the last business moment stand for what lies beyond.
    """
    calendar = working_days()
    day, within = divmod(instant + _OFFSET, _DAY)
    day = min(max(day, 0), len(calendar.before) - 2)
    earlier = calendar.before[day]
    if calendar.before[day + 1] == earlier:
        return earlier * _WORKDAY
    return earlier * _WORKDAY + min(max(within - _OPENS, 0), _WORKDAY)


def instant_at(business: int) -> int:
    """Return the first instant before which this much business time lies: a day's end rather than the next morning."""
    calendar = working_days()
    full, rest = divmod(business - 1, _WORKDAY)
    day = calendar.days[min(max(full, 0), len(calendar.days) - 1)]
    return day * _DAY - _OFFSET + _OPENS + rest + 1


def later(instant: int, amount: int, *, round_the_clock: bool) -> int:
    """Return the instant when `amount` microseconds of the clock have passed; a negative amount goes back."""
    return instant + amount if round_the_clock else instant_at(position(instant) + amount)


def add(start: datetime, amount: timedelta, *, round_the_clock: bool = False) -> datetime:
    """Return when `amount` of business time (or of plain time, round the clock) after `start` has passed."""
    return moment_of(later(microseconds(start), amount // _MICROSECOND, round_the_clock=round_the_clock))


def between(start: datetime, end: datetime, *, round_the_clock: bool = False) -> timedelta:
    """Return the business time (or plain time) from `start` to `end`; negative if `end` is the earlier one."""
    if round_the_clock:
        return end - start
    return timedelta(microseconds=position(microseconds(end)) - position(microseconds(start)))


def deadlines(
    starts: Iterable[int], respond: Iterable[int], resolve: Iterable[int], plain: Iterable[bool], percent: int
) -> list[tuple[int, int, int]]:
    """Return, for each start, when a response is due, when `percent` of the time is gone, and when it is all gone.

    The targets are minutes, of business time unless `plain`. The same as `later` from the same start three times, in
    one pass: an import of a hundred thousand tickets feels every call.
    """
    calendar = working_days()
    days, before, last = calendar.days, calendar.before, len(calendar.before) - 2
    origin, most = _OPENS - _OFFSET + 1, len(calendar.days) - 1
    found = []
    for start, answer, whole, is_plain in zip(starts, respond, resolve, plain, strict=True):
        amounts = (answer * _MINUTE, whole * _MINUTE - whole * _MINUTE * (100 - percent) // 100, whole * _MINUTE)
        if is_plain:
            found.append((start + amounts[0], start + amounts[1], start + amounts[2]))
            continue
        day, within = divmod(start + _OFFSET, _DAY)
        day = 0 if day < 0 else min(day, last)
        done = before[day] * _WORKDAY - 1
        if before[day + 1] != before[day] and within > _OPENS:
            done += min(within - _OPENS, _WORKDAY)
        parts = [divmod(done + amount, _WORKDAY) for amount in amounts]
        ends = [days[min(full, most)] * _DAY + origin + rest for full, rest in parts]
        found.append((ends[0], ends[1], ends[2]))
    return found


@cache
def working_days() -> WorkingDays:
    """Return the working days of all years that are known; made once for each process."""
    first, last = date(_FIRST_YEAR, 1, 1), date(_LAST_YEAR, 12, 31)
    count = (last - first).days + 1
    closed = {(day - first).days for day in _public_holidays()}
    # 1 January 1970 was a Thursday.
    open_days = [(number + first.weekday()) % 7 < _SATURDAY and number not in closed for number in range(count)]
    days = tuple(number for number, is_open in enumerate(open_days) if is_open)
    return WorkingDays(days, (0, *accumulate(open_days)))


@cache
def _public_holidays() -> frozenset[date]:
    return frozenset(holidays.country_holidays("ZA", years=range(_FIRST_YEAR, _LAST_YEAR + 1)))
