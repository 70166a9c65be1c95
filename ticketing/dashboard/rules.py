"""What the dashboard's filters mean and how its figures are shown, pure (wire contract, section 17.1)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Final

from runtime.clock import BUSINESS_ZONE
from ticketing.days import day_of, local_day

UNASSIGNED: Final = "Unassigned"
UNKNOWN: Final = "Unknown"
IGNORED: Final = "is neither a day (2026-11-22) nor a time (2026-11-22T08:00:00Z): nothing was filtered by it"

_ZONE_WITHOUT_PLUS = re.compile(r" (\d\d:?\d\d)$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Days:
    """Local days of the report, both included; None filters nothing.

    `ignored` tells of each text that is no date: the contract has such a filter ignored, but not that it goes unsaid.
    """

    first: date | None = None
    last: date | None = None
    ignored: Mapping[str, str] = field(default_factory=dict)


def days_of(start: str, end: str) -> Days:
    """Read the filters `start_date` and `end_date`: days, or times, which stand for their local day. Empty: none."""
    found = {"start_date": _day(start), "end_date": _day(end)}
    given = {"start_date": start, "end_date": end}
    ignored = {name: IGNORED for name, day in found.items() if day is None and given[name].strip()}
    return Days(first=found["start_date"], last=found["end_date"], ignored=ignored)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sla:
    """How tickets with a due time stand, cancelled ones left out; the rest of `total` is open and in time."""

    total: int
    met: int
    breached: int

    @property
    def running(self) -> int:
        """How many are open and still in time."""
        return self.total - self.met - self.breached

    @property
    def rate(self) -> float:
        """The share of decided tickets that were in time, in percent with two decimals; 0 where none is decided."""
        decided = self.met + self.breached
        return round(100 * self.met / decided, 2) if decided else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What the totals of some tickets add up to; `resolution_hours` is None where none is closed."""

    by_status: Mapping[str, int]
    sla: Sla
    overdue: int
    resolution_hours: float | None

    @property
    def total(self) -> int:
        """How many tickets there are, in every status."""
        return sum(self.by_status.values())


def add_up(rows: Iterable[Mapping[str, Any]]) -> Figures:
    """Add up the totals of each status; what became late since is on each row, and counts once."""
    found = list(rows)
    late = found[0] if found else {"late_overdue": 0, "late_breached": 0}
    resolved = _sum(found, "resolved")
    hours = round(_sum(found, "resolution_seconds") / resolved / 3600, 2) if resolved else None
    breached = _sum(found, "breached") + late["late_breached"]
    return Figures(
        by_status={row["status"]: row["tickets"] for row in found},
        sla=Sla(total=_sum(found, "with_sla"), met=_sum(found, "met"), breached=breached),
        overdue=_sum(found, "overdue") + late["late_overdue"],
        resolution_hours=hours,
    )


def assignee_name(row: Mapping[str, Any]) -> str:
    """Return what to call whoever has the tickets of a row of the workload."""
    if row["assigned_to"] is None:
        return UNASSIGNED
    return row["name"] or UNKNOWN


def _sum(rows: Iterable[Mapping[str, Any]], name: str) -> int:
    return sum(row[name] for row in rows)


def _day(text: str) -> date | None:
    """Return the local day that a text names; None if it names none. A time without a zone is a local one."""
    # In a query string the plus of `+02:00` arrives as a space.
    stripped = _ZONE_WITHOUT_PLUS.sub(r"+\1", text.strip())
    try:
        day = day_of(stripped)
        if day is not None:
            return day
        moment = datetime.fromisoformat(stripped)
        return local_day(moment if moment.tzinfo else moment.replace(tzinfo=BUSINESS_ZONE))
    except (ValueError, OverflowError):
        return None
