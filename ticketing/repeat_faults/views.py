"""Escalations as the API shows them, and a look at a place without acting (wire contract, section 11). Reads only."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, Field

from sql.database import Connection, queries
from ticketing.errors import NotFound
from ticketing.paging import MAX_DEPTH, PageRequest, Position, fetch_planned, place_of
from ticketing.people import find_project
from ticketing.repeat_faults.rules import UNRESOLVED, Pattern, recommendation_of
from ticketing.repeat_faults.scan import Finding, Place, Question, scan
from ticketing.repeat_faults.thresholds import thresholds_of
from ticketing.vocabulary import EscalationScope, EscalationStatus, EscalationType, FaultCause, Status

MOST_LISTED = 500
"""So many tickets of one place are shown; the count tells how many there are."""

MOST_PLACED = 50
"""So many faults of an escalation, the newest, say where it is."""

# A project that no row has: what is asked for does not exist, so nothing is found. Not all zeros: that is no project.
_NOTHING = UUID(int=1)


class EscalationView(BaseModel):
    """An escalation on the wire."""

    id: UUID
    scope_type: EscalationScope
    scope_value: str
    project_id: UUID | None
    project_name: str | None
    fault_count: int
    fault_threshold: int
    window_days: int
    contributing_tickets: list[UUID] = Field(description="Those it was raised for, and those that joined it later")
    escalation_ticket_id: UUID | None
    escalation_ticket_uid: str | None
    escalation_type: EscalationType | None
    status: EscalationStatus
    resolution_notes: str | None
    resolved_at: datetime | None
    resolved_by: UUID | None
    created_at: datetime
    updated_at: datetime


class ContributingTicket(BaseModel):
    """A fault that counts towards an escalation."""

    ticket_id: UUID
    ticket_uid: str
    title: str
    created_at: datetime
    reported_at: datetime
    fault_cause: FaultCause | None
    status: Status
    latitude: float | None = Field(description="Where it is; of its drop, where nobody noted the ticket's own position")
    longitude: float | None


class PositionView(BaseModel):
    """Where an escalation is: the middle of its faults."""

    id: UUID
    latitude: float
    longitude: float
    faults: int = Field(description=f"Whose positions are known, of the newest {MOST_PLACED}")


class EscalationWithTickets(EscalationView):
    """An escalation with its faults, the one reported last first."""

    tickets: list[ContributingTicket]


class PatternView(BaseModel):
    """What a place looks like."""

    pattern_detected: bool
    scope_type: EscalationScope
    scope_value: str
    project_id: UUID | None = Field(description="Of a PON or a zone: in which project it was found")
    fault_count: int
    threshold: int
    time_window_days: int
    contributing_tickets: list[ContributingTicket]
    should_escalate: bool
    existing_escalation_id: UUID | None
    recommendation: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EscalationFilter:
    """Which escalations a list shows; None filters nothing. `project_id` is an id or a code."""

    scopes: tuple[EscalationScope, ...] | None = None
    statuses: tuple[EscalationStatus, ...] | None = None
    project_id: str | None = None
    escalation_type: EscalationType | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EscalationList:
    """A part of a list; `total` is exact up to MAX_DEPTH."""

    rows: list[dict[str, Any]]
    total: int
    next_cursor: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """Which place to look at; None: what is set counts. Without a project a PON or a zone is looked for in all."""

    scope: EscalationScope
    value: str
    project_id: str | None = None
    threshold: int | None = None
    window_days: int | None = None


def read_escalation(connection: Connection, escalation_id: UUID) -> dict[str, Any]:
    """Return an escalation in the shape of EscalationView. Raises NotFound."""
    parameters = _filters(EscalationFilter(), None) | place_of(None, 1)
    rows = fetch_planned(
        connection, queries("repeat_faults").list_escalations, **parameters, escalation_id=escalation_id
    )
    if not rows:
        raise NotFound(f"Escalation {escalation_id} not found", details={"escalation_id": str(escalation_id)})
    return rows[0]


def get_escalation(connection: Connection, escalation_id: UUID) -> dict[str, Any]:
    """Return an escalation in the shape of EscalationWithTickets. Raises NotFound."""
    escalation = read_escalation(connection, escalation_id)
    return escalation | {"tickets": _contributing(connection, escalation["contributing_tickets"])}


def list_escalations(connection: Connection, wanted: EscalationFilter, request: PageRequest) -> EscalationList:
    """Return escalations in the shape of EscalationView, newest first. Raises InvalidInput for a false cursor."""
    place = request.place()
    project = (find_project(connection, wanted.project_id) or _NOTHING) if wanted.project_id else None
    filters = _filters(wanted, project)
    counted = fetch_planned(connection, queries("repeat_faults").count_escalations, **filters, most=MAX_DEPTH)
    rows = fetch_planned(
        connection,
        queries("repeat_faults").list_escalations,
        **filters,
        **place,
        escalation_id=None,
    )
    shown = rows[: request.size]
    more = Position(shown[-1]["created_at"], shown[-1]["id"]) if len(rows) > request.size else None
    return EscalationList(rows=shown, total=counted[0]["count"], next_cursor=more.cursor() if more else None)


def list_positions(connection: Connection, escalation_ids: Collection[UUID]) -> list[dict[str, Any]]:
    """Return where escalations are, in the shape of PositionView; those of which nobody knows are left out."""
    ids = list(escalation_ids)
    return list(queries("repeat_faults").list_positions(connection, escalation_ids=ids, most=MOST_PLACED))


def check(connection: Connection, now: datetime, look: Look) -> tuple[dict[str, Any], dict[str, int]]:
    """Look at a place without acting: return it in the shape of PatternView, and the thresholds of its project.

    A PON or a zone without a project is that of the project in which it has the most faults.
    """
    project = (find_project(connection, look.project_id) or _NOTHING) if look.project_id else None
    set_here = thresholds_of(connection, project)
    finding = _find(connection, now, look, project)
    pattern = finding.pattern if finding else _nothing(look, set_here)
    escalation_id = finding.escalation_id if finding else _unresolved(connection, look, project)
    view = {
        "pattern_detected": pattern.detected,
        "scope_type": look.scope,
        "scope_value": look.value,
        "project_id": finding.place.project_id if finding else None,
        "fault_count": pattern.fault_count,
        "threshold": pattern.threshold,
        "time_window_days": pattern.window_days,
        "contributing_tickets": _contributing(connection, finding.ticket_ids) if finding else [],
        "should_escalate": pattern.detected and escalation_id is None,
        "existing_escalation_id": escalation_id,
        "recommendation": recommendation_of(pattern, escalated=escalation_id is not None),
    }
    return view, set_here


def _find(connection: Connection, now: datetime, look: Look, project: UUID | None) -> Finding | None:
    question = Question(
        places=[Place(look.scope, look.value, project)],
        any_project=project is None,
        project_id=project,
        threshold=look.threshold,
        window_days=look.window_days,
        quiet_too=True,
    )
    return max(scan(connection, now, question, listed=True), key=lambda one: one.pattern.fault_count, default=None)


def _nothing(look: Look, set_here: dict[str, int]) -> Pattern:
    threshold = look.threshold or set_here[f"{look.scope}_threshold"]
    return Pattern(look.scope, look.value, 0, threshold, look.window_days or set_here["window_days"])


def _unresolved(connection: Connection, look: Look, project: UUID | None) -> UUID | None:
    rows = queries("repeat_faults").list_unresolved(
        connection,
        scope_types=[look.scope.value],
        scope_values=[look.value],
        scope_projects=[project],
        any_project=project is None,
    )
    return next((row["id"] for row in rows), None)


def _contributing(connection: Connection, ticket_ids: Any) -> list[dict[str, Any]]:
    return list(queries("repeat_faults").list_contributing(connection, ticket_ids=list(ticket_ids), most=MOST_LISTED))


def _filters(wanted: EscalationFilter, project: UUID | None) -> dict[str, Any]:
    statuses = wanted.statuses
    return {
        "scope_types": None if wanted.scopes is None else [scope.value for scope in wanted.scopes],
        "statuses": None if statuses is None else [status.value for status in statuses],
        "unresolved_only": statuses is not None and set(statuses) <= set(UNRESOLVED),
        "project": project,
        "escalation_type": wanted.escalation_type,
    }
