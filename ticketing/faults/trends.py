"""Fault trends (wire contract, section 7): how many faults by cause, contractor, zone, PON, pole, drop and period.

A fault is what counts as a repeat fault too: a ticket of type maintenance or incident, not cancelled, not made by an
escalation, on the day that it was reported. What has few values is added up from the totals of each day that every
change of a ticket keeps (see ticketing/dashboard); places, and what people on site see, are counted from the tickets.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from runtime.clock import BUSINESS_ZONE
from sql.database import Connection, queries
from ticketing.days import whole_days
from ticketing.faults.rules import WITHIN_PROJECT, Grouping, Period, percentage
from ticketing.paging import fetch_planned
from ticketing.people import Actor, find_project
from ticketing.ticket_access import Sight
from ticketing.ticket_views import load_sight
from ticketing.vocabulary import FaultCause

MOST_GROUPS = 1000
DEFAULT_GROUPS = 100

_NOTHING = UUID(int=0)
_TOTALLED = frozenset({Grouping.FAULT_CAUSE, Grouping.ASSIGNED_CONTRACTOR_ID, Grouping.PERIOD})


@dataclass(frozen=True, slots=True, kw_only=True)
class TrendRequest:
    """By what faults are counted, and which; None filters nothing.

    With `period` each group is counted in each period apart. The range includes its beginning and excludes its end.
    `project_id` is an id or a code, and finds nothing where it points at nothing. At most `limit` groups are shown: the
    largest, of the newest periods.
    """

    group_by: Grouping = Grouping.FAULT_CAUSE
    period: Period | None = None
    project_id: str | None = None
    fault_cause: FaultCause | None = None
    reported_from: datetime | None = None
    reported_before: datetime | None = None
    limit: int = DEFAULT_GROUPS


@dataclass(frozen=True, slots=True, kw_only=True)
class Trends:
    """Groups with their counts; `total_count` is of all faults counted, also those of groups not shown."""

    rows: list[dict[str, Any]]
    total_count: int
    is_cut: bool


def count_faults(connection: Connection, actor: Actor, wanted: TrendRequest) -> Trends:
    """Count the faults that the actor may see: by period if asked, the oldest first; then the most frequent first.

    Faults without a value are left out, except that the cause may be unknown still (None).
    """
    return _as_asked(_count(connection, wanted, _project(connection, wanted), load_sight(connection, actor)), wanted)


def _as_asked(rows: list[dict[str, Any]], wanted: TrendRequest) -> Trends:
    total = int(rows[0]["total"]) if rows else 0
    shown = rows[: wanted.limit]
    if _period(wanted):
        # They come newest first, so that a limit keeps the newest; a trend reads forward.
        shown.sort(key=lambda row: row["period"])
    return Trends(
        rows=[_shown(row, wanted, total) for row in shown], total_count=total, is_cut=len(rows) > wanted.limit
    )


def _count(connection: Connection, wanted: TrendRequest, project: UUID | None, sight: Sight) -> list[dict[str, Any]]:
    if sight.everything and wanted.group_by in _TOTALLED:
        parameters = _parameters_of_totals(wanted, project)
        return fetch_planned(connection, queries("faults").count_fault_totals, **parameters)
    return fetch_planned(connection, queries("faults").count_faults, **_parameters(wanted, project, sight))


def _period(wanted: TrendRequest) -> Period | None:
    return wanted.period or (Period.MONTH if wanted.group_by == Grouping.PERIOD else None)


def _project(connection: Connection, wanted: TrendRequest) -> UUID | None:
    return (find_project(connection, wanted.project_id) or _NOTHING) if wanted.project_id else None


def _parameters(wanted: TrendRequest, project: UUID | None, sight: Sight) -> dict[str, Any]:
    return {
        **_shared_parameters(wanted, project),
        "within_project": wanted.group_by in WITHIN_PROJECT,
        **sight.parameters(),
    }


def _parameters_of_totals(wanted: TrendRequest, project: UUID | None) -> dict[str, Any]:
    whole_from, whole_before = whole_days(wanted.reported_from, wanted.reported_before)
    return {**_shared_parameters(wanted, project), "whole_from": whole_from, "whole_before": whole_before}


def _shared_parameters(wanted: TrendRequest, project: UUID | None) -> dict[str, Any]:
    return {
        "group_by": wanted.group_by,
        "period": _period(wanted),
        "zone": BUSINESS_ZONE.key,
        "project": project,
        "fault_cause": wanted.fault_cause,
        "reported_from": wanted.reported_from,
        "reported_before": wanted.reported_before,
        "most": wanted.limit + 1,
    }


def _shown(row: dict[str, Any], wanted: TrendRequest, total: int) -> dict[str, Any]:
    shown: dict[str, Any] = {} if wanted.group_by == Grouping.PERIOD else {wanted.group_by.value: row["value"]}
    if wanted.group_by in WITHIN_PROJECT:
        shown |= {"project_id": row["project_id"], "project_code": row["project_code"]}
    if wanted.group_by == Grouping.ASSIGNED_CONTRACTOR_ID:
        shown["contractor_name"] = row["contractor_name"]
    if _period(wanted):
        shown["period"] = row["period"]
    return shown | {"count": str(row["count"]), "percentage": percentage(row["count"], total)}
