"""Periods as charts say them: the beginnings of days, weeks and months, and what heads them in a table."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, timedelta
from types import MappingProxyType
from typing import Final

from ticketing.faults.rules import Period

PERIOD_HEADS: Final = MappingProxyType({Period.DAY: "Day", Period.WEEK: "Week from", Period.MONTH: "Month"})


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
    return step + timedelta(days=7 if period is Period.WEEK else 1)
