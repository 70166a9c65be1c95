"""Tickets as the API shows them (wire contract, section 3.1): one, a list, a timeline. Reads only.

Each answer takes a fixed number of statements, however many rows it has.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel

from sql.database import Connection, queries
from ticketing import ticket_lists, ticket_search
from ticketing.errors import NotFound
from ticketing.paging import MAX_DEPTH, Page, PageRequest, fetch_planned, page_of, require_depth
from ticketing.people import Actor, find_project, team_ids_of
from ticketing.ticket_access import Sight, sees_every_ticket, sight_of
from ticketing.ticket_input import Position
from ticketing.ticket_order import Order
from ticketing.vocabulary import (
    BillingClassification,
    FaultCause,
    GuaranteeStatus,
    Priority,
    Source,
    Status,
    TicketType,
)

EVERYTHING = Sight(everything=True)

# A key that no row has: what is asked for does not exist, so nothing is found.
_NOTHING = UUID(int=0)


class AssignedUser(BaseModel):
    """The person who works on a ticket."""

    id: UUID
    name: str
    email: str | None


class TicketView(BaseModel):
    """A ticket on the wire."""

    id: UUID
    ticket_uid: str
    source: Source
    external_id: str | None
    ticket_type: TicketType
    priority: Priority
    status: Status
    title: str
    description: str | None
    client_name: str | None
    client_contact: str | None
    client_email: str | None
    dr_number: str | None
    pole_number: str | None
    pon_number: str | None
    zone_id: str | None
    project_id: UUID | None
    address: str | None
    gps_coordinates: Position | None
    ont_serial: str | None
    ont_model: str | None
    ont_rx_level: float | None
    assigned_to: UUID | None
    assigned_contractor_id: UUID | None
    assigned_team_id: UUID | None
    assigned_team: str | None
    assigned_user: AssignedUser | None
    guarantee_status: GuaranteeStatus | None
    guarantee_expires_at: datetime | None
    is_billable: bool | None
    billing_classification: BillingClassification | None
    qa_ready: bool
    qa_readiness_check_at: datetime | None
    qa_readiness_failed_reasons: list[str] | None
    fault_cause: FaultCause | None
    fault_cause_details: str | None
    rectification_count: int
    sla_due_at: datetime | None
    sla_first_response_at: datetime | None
    sla_breached: bool
    created_at: datetime
    updated_at: datetime
    created_by: UUID | None
    closed_at: datetime | None
    closed_by: UUID | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketFilter:
    """Which tickets a list shows; None filters nothing. References are text: what points at nothing finds nothing.

    `search` is words, found as `ticket_search` tells.
    """

    status: Status | None = None
    ticket_type: TicketType | None = None
    priority: Priority | None = None
    source: Source | None = None
    assigned_to: str | None = None
    assigned_team_id: str | None = None
    project_id: str | None = None
    dr_number: str | None = None
    qa_ready: bool | None = None
    sla_breached: bool | None = None
    search: str | None = None

    @property
    def searched(self) -> str | None:
        """The words to search for; None where there are none."""
        return self.search if self.search and self.search.strip() else None


def get_ticket(connection: Connection, actor: Actor, ticket_id: UUID) -> dict[str, Any]:
    """Return a ticket that the actor may see, in the shape of TicketView. Raises NotFound."""
    return read_ticket(connection, ticket_id, load_sight(connection, actor))


def read_ticket(connection: Connection, ticket_id: UUID, sight: Sight = EVERYTHING) -> dict[str, Any]:
    """Return a ticket within `sight`, in the shape of TicketView. Raises NotFound."""
    rows = _rows(connection, [ticket_id], sight)
    if not rows:
        raise no_such_ticket(ticket_id)
    return rows[0]


def enrich(connection: Connection, ticket_id: UUID) -> dict[str, Any]:
    """Return what the SOW register and the project say of a ticket's drop: `fibreflow_enrichment` of the contract."""
    enrichment: dict[str, Any] | None = queries("tickets").enrich_ticket(connection, ticket_id=ticket_id)
    if enrichment is None:
        raise no_such_ticket(ticket_id)
    return enrichment


def list_tickets(
    connection: Connection,
    actor: Actor,
    wanted: TicketFilter,
    request: PageRequest,
    *,
    order: Order = Order.NEWEST,
    depth: int = MAX_DEPTH,
) -> Page:
    """Return a page of the tickets that the actor may see, in the order asked for, in the shape of TicketView.

    A search has an order of its own: what is searched for by its very number, then the newest. `depth` is how far the
    list is counted and numbered, unless it is searched. Raises InvalidInput for a cursor that is none of this order,
    and for a page by number that lies too deep.
    """
    sight = load_sight(connection, actor)
    narrowed = {**filter_parameters(connection, wanted), **sight.parameters()}
    if wanted.searched:
        return _search(connection, narrowed, sight, wanted.searched, request)
    found = ticket_lists.find(connection, narrowed, order, request, depth=depth)
    rows = _rows(connection, [place.id for place in found.places[: request.size]], sight)
    return _page(found, rows, request, order, depth)


def list_by_status(
    connection: Connection,
    actor: Actor,
    wanted: TicketFilter,
    statuses: Sequence[Status],
    request: PageRequest,
    *,
    order: Order = Order.NEWEST,
    depth: int = MAX_DEPTH,
) -> dict[Status, Page]:
    """Return the first page of each of several statuses, as `list_tickets` does: the columns of a board."""
    if wanted.searched:
        lists = {status: replace(wanted, status=status) for status in statuses}
        return {status: list_tickets(connection, actor, asked, request) for status, asked in lists.items()}
    sight = load_sight(connection, actor)
    narrowed = {**filter_parameters(connection, wanted), **sight.parameters()}
    columns = ticket_lists.find_by_status(connection, narrowed, order, statuses, rows=request.size, depth=depth)
    shown = [place.id for found in columns.values() for place in found.places[: request.size]]
    rows = {row["id"]: row for row in _rows(connection, shown, sight)}
    return {
        status: _page(found, [rows[place.id] for place in found.places if place.id in rows], request, order, depth)
        for status, found in columns.items()
    }


def _page(
    found: ticket_lists.Found, rows: list[dict[str, Any]], request: PageRequest, order: Order, depth: int
) -> Page:
    """Make a page of the tickets that were found, but for the one more, which only tells that there are more."""
    more = len(found.places) > request.size
    return Page(
        rows=rows,
        request=request,
        total=min(found.counted, depth),
        total_is_capped=found.counted > depth,
        next_cursor=found.places[request.size - 1].cursor(order) if more else None,
    )


def _search(connection: Connection, narrowed: dict[str, Any], sight: Sight, search: str, request: PageRequest) -> Page:
    matches = ticket_search.find(connection, search, narrowed, request)
    require_depth(request, matches.counted, depth=ticket_search.MAX_COUNTED)
    rows = _rows(connection, matches.ids, sight)
    return page_of(rows, request, counted=matches.counted, depth=ticket_search.MAX_COUNTED)


def list_events(
    connection: Connection, actor: Actor, ticket_id: UUID, request: PageRequest
) -> tuple[list[dict[str, Any]], str | None]:
    """Return a part of a ticket's timeline, newest first, and the cursor to go on with (None: that was all).

    Raises NotFound for a ticket that the actor may not see, and InvalidInput for a cursor that is none.
    """
    place = request.place()
    get_ticket(connection, actor, ticket_id)
    rows = list(queries("ticket_events").list_ticket_events(connection, ticket_id=ticket_id, **place))
    page = page_of(rows, request, counted=0, time_column="occurred_at")
    return page.rows, page.next_cursor


def filter_parameters(connection: Connection, wanted: TicketFilter) -> dict[str, Any]:
    """Return a filter as the parameters by which queries of tickets narrow; a project may be named by its code."""
    return _parameters(wanted, project=find_project(connection, wanted.project_id) if wanted.project_id else None)


def load_sight(connection: Connection, actor: Actor) -> Sight:
    """Return which tickets the actor sees; asks the database only for those who do not see all."""
    if sees_every_ticket(actor):
        return EVERYTHING
    return sight_of(actor, team_ids_of(connection, actor))


def no_such_ticket(ticket_id: UUID) -> NotFound:
    """Return the error for a ticket that does not exist, or not for the one who asks: the two must look the same."""
    return NotFound(f"Ticket {ticket_id} not found", details={"ticket_id": str(ticket_id)})


def _rows(connection: Connection, ticket_ids: list[UUID], sight: Sight) -> list[dict[str, Any]]:
    """Return tickets in the order in which they are named; those out of sight are left out."""
    if not ticket_ids:
        return []
    parameters = {"ticket_ids": ticket_ids, **sight.parameters()}
    rows = fetch_planned(connection, queries("tickets").list_tickets, **parameters)
    place = {ticket_id: number for number, ticket_id in enumerate(ticket_ids)}
    return sorted(rows, key=lambda row: place[row["id"]])


def _parameters(wanted: TicketFilter, project: UUID | None) -> dict[str, Any]:
    return {
        "status": wanted.status,
        "ticket_type": wanted.ticket_type,
        "priority": wanted.priority,
        "source": wanted.source,
        "assigned_to": _reference(wanted.assigned_to),
        "assigned_team_id": _reference(wanted.assigned_team_id),
        "project": project or (_NOTHING if wanted.project_id else None),
        "dr_number": wanted.dr_number.strip().upper() if wanted.dr_number else None,
        "qa_ready": wanted.qa_ready,
        "sla_breached": wanted.sla_breached,
    }


def _reference(text: str | None) -> UUID | None:
    if not text:
        return None
    try:
        return UUID(text)
    except ValueError:
        return _NOTHING
