"""Tickets: list, create, read, change, delete, and the timeline of one."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from flask import Response
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from admin_api.auth import requires
from admin_api.blueprints import blueprint
from admin_api.context import actor, platform, unit_of_work
from admin_api.idempotency import idempotent
from admin_api.requests import parse_uuid
from admin_api.responses import Failure, Success, success
from admin_api.versions import expected_versions, expected_versions_or_body, with_version
from ticketing import ticket_views, tickets
from ticketing.paging import MAX_DEPTH, MAX_ROWS, PageRequest
from ticketing.ticket_input import NewTicket, TicketChanges
from ticketing.ticket_order import Order, order_named
from ticketing.ticket_search import LONGEST_SEARCH
from ticketing.ticket_views import TicketFilter, TicketView
from ticketing.vocabulary import Priority, Source, Status, TicketType

api = blueprint("tickets")

_Unset = BeforeValidator(lambda value: None if value == "" else value)
# The contract's reading of a flag in a query: `true` is true, whatever else is given is false.
_Flag = BeforeValidator(lambda value: None if value in (None, "") else value == "true")


class Paging(BaseModel):
    """Where a list begins, and how much of it is wanted."""

    model_config = ConfigDict(extra="ignore", populate_by_name=True)

    page: str | None = Field(default=None, description=f"From 1; reaches {MAX_DEPTH} rows deep, a cursor any depth")
    page_size: str | None = Field(
        default=None, alias="pageSize", description=f"Rows, 50 if not given, {MAX_ROWS} at most"
    )
    cursor: str | None = Field(default=None, max_length=500, description="The `next_cursor` of an earlier answer")

    def request(self) -> PageRequest:
        """Return what is asked of the list."""
        return PageRequest.of(page=self.page, size=self.page_size, cursor=self.cursor)


class Sorting(Paging):
    """Where a list of tickets begins, and what comes first in it."""

    sort: str | None = Field(
        default=None,
        description=f"One of {', '.join(Order)}: {Order.CHANGED} last, {Order.DUE} soonest by the SLA, {Order.PRIORITY}"
        f" the most urgent and of those the oldest; anything else is {Order.NEWEST}. A search has an order of its own,"
        " and a cursor belongs to the order of its list",
    )

    @property
    def order(self) -> Order:
        """The order that is asked for."""
        return order_named(self.sort)


class TicketQuery(Sorting):
    """Which tickets a list shows: every filter is an exact match but `search`."""

    status: Annotated[Status | None, _Unset] = None
    ticket_type: Annotated[TicketType | None, _Unset] = None
    priority: Annotated[Priority | None, _Unset] = None
    source: Annotated[Source | None, _Unset] = None
    assigned_to: str | None = None
    assigned_team_id: str | None = None
    project_id: str | None = Field(default=None, description="A project's id or code")
    dr_number: str | None = None
    qa_ready: Annotated[bool | None, _Flag] = None
    sla_breached: Annotated[bool | None, _Flag] = None
    search: str | None = Field(
        default=None,
        max_length=LONGEST_SEARCH,
        description="Words of the UID, DR number, title, description and address, in any order, in part or misspelt",
    )

    def filter(self) -> TicketFilter:
        """Return the filter, without order and paging."""
        return TicketFilter(**self.model_dump(exclude=set(Sorting.model_fields)))


class DetailQuery(BaseModel):
    """How much to tell of a ticket."""

    model_config = ConfigDict(extra="ignore")

    enrich: str | None = Field(default=None, description="`true` adds what the SOW register says of the drop")


class Pagination(BaseModel):
    """Where a page stands in its list. `total` is exact up to 10,000; beyond, `totalIsCapped` is true."""

    page: int
    pageSize: int  # noqa: N815 - the contract's name
    total: int
    totalPages: int  # noqa: N815 - the contract's name
    totalIsCapped: bool  # noqa: N815 - beside the contract's names
    next_cursor: str | None = Field(description="Give it as `cursor` to go on; null on the last page")


class TicketAnswer(Success):
    """One ticket."""

    data: TicketView


class TicketPage(Success):
    """A page of tickets, newest first unless `sort` says otherwise."""

    data: list[TicketView]
    pagination: Pagination


class TicketEventView(BaseModel):
    """Something that happened to a ticket; `before` and `after` hold the changed fields only."""

    id: UUID
    event_type: str
    occurred_at: datetime
    actor_kind: str
    actor_id: UUID | None
    actor_name: str
    job_id: UUID | None
    request_id: str | None
    before: dict[str, Any]
    after: dict[str, Any]
    details: dict[str, Any]


class TicketTimeline(Success):
    """A part of a ticket's timeline, newest first; `meta.next_cursor` goes on."""

    data: list[TicketEventView]


@api.get("/tickets", responses={200: TicketPage})
@requires.signed_in()
def list_tickets(query: TicketQuery) -> Response:
    """List the tickets that you may see, newest first unless `sort` says otherwise."""
    with platform().read() as connection:
        page = ticket_views.list_tickets(connection, actor(), query.filter(), query.request(), order=query.order)
    return success(page.rows, pagination=page.pagination())


@api.post("/tickets", responses={201: TicketAnswer, 409: Failure})
@requires("manager")
@idempotent
def create(body: NewTicket) -> Response:
    """Make a ticket, with its 12 verification steps. The drop's entry in the SOW register fills what is left out."""
    with unit_of_work() as work:
        ticket = tickets.create(work, body)
    return with_version(success(ticket, f"Ticket {ticket['ticket_uid']} created", status=201), ticket)


@api.get("/tickets/<ticket_id>", responses={200: TicketAnswer, 404: Failure})
@requires.signed_in()
def read(ticket_id: str, query: DetailQuery) -> Response:
    """Return a ticket; its ETag is the version to change it by."""
    wanted = parse_uuid(ticket_id, "Invalid ticket ID")
    enriched = query.enrich == "true"
    with platform().read() as connection:
        ticket = ticket_views.get_ticket(connection, actor(), wanted)
        more = {"fibreflow_enrichment": ticket_views.enrich(connection, wanted)} if enriched else {}
    return with_version(success({**ticket, **more}, meta={"enriched": enriched}), ticket)


@api.put("/tickets/<ticket_id>", responses={200: TicketAnswer, 404: Failure, 409: Failure})
@requires("manager", "qa", "technician", "contractor")
def update(ticket_id: str, body: TicketChanges) -> Response:
    """Change the fields that are given. With `If-Match` or `updated_at`, only if nobody changed the ticket since."""
    wanted = parse_uuid(ticket_id, "Invalid ticket ID")
    with unit_of_work() as work:
        ticket = tickets.update(work, wanted, body, expected=expected_versions())
    return with_version(success(ticket, f"Ticket {ticket['ticket_uid']} updated"), ticket)


@api.delete("/tickets/<ticket_id>", responses={200: TicketAnswer, 404: Failure, 409: Failure})
@requires("manager")
def delete(ticket_id: str) -> Response:
    """Cancel a ticket: nothing of a ticket is ever removed. `If-Match` and `updated_at` count as in a change."""
    wanted = parse_uuid(ticket_id, "Invalid ticket ID")
    with unit_of_work() as work:
        ticket = tickets.cancel(work, wanted, expected=expected_versions_or_body())
    return with_version(success(ticket, f"Ticket {ticket['ticket_uid']} deleted"), ticket)


@api.get("/tickets/<ticket_id>/events", responses={200: TicketTimeline, 404: Failure})
@requires.signed_in()
def list_events(ticket_id: str, query: Paging) -> Response:
    """Return what happened to a ticket, newest first; `meta.next_cursor` goes on."""
    wanted = parse_uuid(ticket_id, "Invalid ticket ID")
    with platform().read() as connection:
        rows, next_cursor = ticket_views.list_events(connection, actor(), wanted, query.request())
    return success(rows, meta={"next_cursor": next_cursor})
