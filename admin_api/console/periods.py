"""Periods as charts say them: the beginnings of days, weeks and months, and what heads them in a table."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, timedelta
from types import MappingProxyType
from typing import Final

from admin_api.console.listing import Listing
from ticketing.faults.rules import Period

DAYS: Final = 7
"""What is shown where nobody asks for other days: counting places over more takes longer than a page should."""
RANGES: Final = MappingProxyType({"7 days": DAYS, "30 days": 30, "90 days": 90, "A year": 365})

MOST_STEPS: Final = 60
"""So many periods are side by side in a chart at most: of more nobody reads one, and each costs the page time."""

PERIOD_HEADS: Final = MappingProxyType({Period.DAY: "Day", Period.WEEK: "Week from", Period.MONTH: "Month"})
_LENGTHS: Final = MappingProxyType({Period.DAY: timedelta(days=1), Period.WEEK: timedelta(weeks=1)})


def days_back(today: date, days: int) -> str:
    """Return the first of so many days, today included, as a filter writes it."""
    return (today - timedelta(days=days - 1)).isoformat()


def ranges(listing: Listing, today: date) -> list[tuple[str, str, bool]]:
    """Return ways to other lengths of time up to today: what each is called, its address, and whether it is shown."""
    active = listing.active()
    shown = active.get("start_date", days_back(today, DAYS)) if "end_date" not in active else None
    return [
        (said, listing.address(start_date=days_back(today, days), end_date=None), shown == days_back(today, days))
        for said, days in RANGES.items()
    ]


def fitting(length: timedelta | None) -> Period:
    """Return the shortest period of which a chart has room for all in this time; None is a time without beginning."""
    if length is None or length > timedelta(days=400):
        return Period.MONTH
    return Period.WEEK if length > timedelta(days=45) else Period.DAY


def with_room(asked: Period | None, length: timedelta | None) -> Period:
    """Return the period asked for, or the next longer one of which a chart has room; none asked for is what fits."""
    if asked is None:
        return fitting(length)
    longer = list(Period)[list(Period).index(asked) : -1]
    roomy = (one for one in longer if length is not None and length <= MOST_STEPS * _LENGTHS[one])
    return next(roomy, Period.MONTH)


def period_said(step: date, period: Period) -> str:
    """Return a period, told by the day on which it begins, in few letters."""
    return f"{step:%b %Y}" if period is Period.MONTH else f"{step.day} {step:%b}"


def steps_of(known: Collection[date], period: Period) -> list[date]:
    """Return the beginnings of all periods from the first to the last one known, also of those between."""
    if not known:
        return []
    steps = [min(known)]
    while steps[-1] < max(known):
        steps.append(_next(steps[-1], period))
    return steps


def _next(step: date, period: Period) -> date:
    if period is Period.MONTH:
        return (step.replace(day=1) + timedelta(days=32)).replace(day=1)
    return step + _LENGTHS[period]
