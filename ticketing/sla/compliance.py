"""SLA compliance: how many of the tickets reported in a period kept their due times, by priority, project, contractor.

Added up from the totals of each day that every change of a ticket keeps (see ticketing/dashboard), with what ran out
since, so it is right at any moment: a ticket is late from its due time on. What is still in time and open is neither
met nor breached, so it is in `total` and not in the rate.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from runtime.clock import BUSINESS_ZONE
from sql.database import Connection, queries
from ticketing.days import end_of_day, local_day, start_of_day, whole_days
from ticketing.errors import InvalidInput
from ticketing.faults.rules import Period
from ticketing.paging import fetch_planned
from ticketing.people import find_project
from ticketing.vocabulary import Priority

DEFAULT_DAYS = 30
LONGEST_DAYS = 732
MOST_GROUPS = 1000

_NOTHING = UUID(int=0)


class Grouping(StrEnum):
    """By what compliance is counted."""

    PRIORITY = "priority"
    PROJECT = "project"
    CONTRACTOR = "contractor"
    PERIOD = "period"


@dataclass(frozen=True, slots=True, kw_only=True)
class ComplianceRequest:
    """By what to count, and which tickets; None filters nothing. The range excludes its end.

    Without a range: the last 30 local days, today included. With `period` each group is counted in each period apart;
    grouped by period alone it is the month unless another is named. `project_id` is an id or a code.
    """

    group_by: Grouping = Grouping.PRIORITY
    period: Period | None = None
    project_id: str | None = None
    contractor_id: UUID | None = None
    priority: Priority | None = None
    reported_from: datetime | None = None
    reported_before: datetime | None = None

    @property
    def by_period(self) -> Period | None:
        """The period to count apart, if any."""
        return self.period or (Period.MONTH if self.group_by == Grouping.PERIOD else None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Compliance:
    """Groups, the largest first (with periods: the oldest period first), and what they sum up to."""

    rows: list[dict[str, Any]]
    overall: dict[str, Any]
    reported_from: datetime
    reported_before: datetime
    is_cut: bool


def count_compliance(connection: Connection, wanted: ComplianceRequest, now: datetime) -> Compliance:
    """Count compliance as it is at `now`. Raises InvalidInput for a range that is empty or longer than two years."""
    reported = _range(wanted, now)
    project = (find_project(connection, wanted.project_id) or _NOTHING) if wanted.project_id else None
    parameters = _parameters(wanted, project, reported, now)
    return _as_asked(fetch_planned(connection, queries("sla").count_compliance, **parameters), wanted, reported)


def _as_asked(rows: list[dict[str, Any]], wanted: ComplianceRequest, reported: tuple[datetime, datetime]) -> Compliance:
    shown = rows[:MOST_GROUPS]
    if wanted.by_period:
        # They come newest first, so that a cut keeps the newest; a trend reads forward.
        shown.sort(key=lambda row: row["period"])
    return Compliance(
        rows=[_group(row, wanted) for row in shown],
        overall=_figures(rows[0], "all_") if rows else _figures(dict.fromkeys(_COUNTS, 0)),
        reported_from=reported[0],
        reported_before=reported[1],
        is_cut=len(rows) > MOST_GROUPS,
    )


def rate(met: int, breached: int) -> float:
    """Return the share of decided tickets that were in time, in percent with two decimals; 0 where none is decided."""
    decided = met + breached
    return round(100 * met / decided, 2) if decided else 0.0


def _range(wanted: ComplianceRequest, now: datetime) -> tuple[datetime, datetime]:
    ends = wanted.reported_before or max(end_of_day(local_day(now)), wanted.reported_from or now)
    begins = wanted.reported_from or start_of_day(local_day(ends - timedelta(days=DEFAULT_DAYS)))
    problem = None
    if begins >= ends:
        problem = "must lie before end_date"
    elif ends - begins > timedelta(days=LONGEST_DAYS):
        problem = f"must lie within {LONGEST_DAYS} days of end_date"
    if problem:
        raise InvalidInput(f"start_date: {problem}", details={"start_date": problem})
    return begins, ends


def _parameters(
    wanted: ComplianceRequest, project: UUID | None, reported: tuple[datetime, datetime], now: datetime
) -> dict[str, Any]:
    whole_from, whole_before = whole_days(*reported)
    return {
        "group_by": wanted.group_by.value,
        "period": wanted.by_period,
        "zone": BUSINESS_ZONE.key,
        "project": project,
        "contractor": wanted.contractor_id,
        "priority": wanted.priority,
        "reported_from": reported[0],
        "whole_from": whole_from,
        "whole_before": whole_before,
        "reported_before": reported[1],
        "now": now,
        "most": MOST_GROUPS + 1,
    }


_COUNTS = ("total", "met", "breached", "response_met", "response_breached")


def _group(row: dict[str, Any], wanted: ComplianceRequest) -> dict[str, Any]:
    shown: dict[str, Any] = {}
    if wanted.group_by == Grouping.PRIORITY:
        shown["priority"] = row["value"]
    elif wanted.group_by == Grouping.PROJECT:
        shown |= {"project_id": row["value"], "project_code": row["project_code"], "project_name": row["name"]}
    elif wanted.group_by == Grouping.CONTRACTOR:
        shown |= {"contractor_id": row["value"], "contractor_name": row["name"]}
    if wanted.by_period:
        shown["period"] = row["period"]
    return shown | _figures(row)


def _figures(row: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    total, met, breached, response_met, response_breached = (int(row[prefix + name]) for name in _COUNTS)
    share = rate(met, breached)
    return {
        "total_tickets": total,
        "sla_met": met,
        "sla_breached": breached,
        "sla_running": total - met - breached,
        "compliance_rate": share,
        "compliance_percentage": f"{share:.2f}%",
        "first_response": {
            "met": response_met,
            "breached": response_breached,
            "compliance_rate": rate(response_met, response_breached),
        },
    }
