"""What needs attention: the newest tickets, those whose time has run out, and escalations that nobody resolved."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, Field

from sql.database import Connection, queries
from ticketing.dashboard.figures import project_of
from ticketing.paging import PageRequest, Position, fetch_planned
from ticketing.vocabulary import EscalationScope, Priority, Status, TicketType


class TicketLine(BaseModel):
    """A ticket in one line."""

    id: UUID
    ticket_uid: str
    title: str
    ticket_type: TicketType
    status: Status
    priority: Priority
    project_id: UUID | None
    dr_number: str | None
    assigned_to: UUID | None
    assignee_name: str | None
    sla_due_at: datetime | None
    is_overdue: bool = Field(description="Open, its due time past, and its clock not paused")
    reported_at: datetime
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Lines:
    """A part of a list of tickets; `next_cursor` is None at its end."""

    rows: list[dict[str, Any]]
    next_cursor: str | None


class ScopeLine(BaseModel):
    """How many escalations of one scope are not resolved."""

    scope_type: EscalationScope
    open: int
    investigating: int
    faults: int
    oldest_at: datetime | None


def list_recent(connection: Connection, now: datetime, project_id: str | None, request: PageRequest) -> Lines:
    """Return the newest tickets in the shape of TicketLine. Raises InvalidInput for a false cursor."""
    return _list(connection, queries("dashboard").list_recent, "created_at", now, project_id, request)


def list_overdue(connection: Connection, now: datetime, project_id: str | None, request: PageRequest) -> Lines:
    """Return the overdue tickets in the shape of TicketLine, longest overdue first. Raises InvalidInput."""
    return _list(connection, queries("dashboard").list_overdue, "sla_due_at", now, project_id, request)


def count_unresolved(connection: Connection, project_id: str | None) -> list[dict[str, Any]]:
    """Return each scope in the shape of ScopeLine, those without escalations too."""
    rows = fetch_planned(connection, queries("dashboard").count_unresolved, project=project_of(connection, project_id))
    found = {row["scope_type"]: row for row in rows}
    nothing = {"open": 0, "investigating": 0, "faults": 0, "oldest_at": None}
    return [{"scope_type": scope.value} | nothing | found.get(scope.value, {}) for scope in EscalationScope]


def _list(
    connection: Connection, query: Any, column: str, now: datetime, project_id: str | None, request: PageRequest
) -> Lines:
    rows = fetch_planned(
        connection,
        query,
        project=project_of(connection, project_id),
        now=now,
        **request.place(),
    )
    shown = rows[: request.size]
    more = Position(shown[-1][column], shown[-1]["id"]) if len(rows) > request.size else None
    return Lines(rows=shown, next_cursor=more.cursor() if more else None)
