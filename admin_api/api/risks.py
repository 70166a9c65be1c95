"""Risk acceptances: accept and list on a ticket, list over all, resolve."""

from __future__ import annotations

from typing import Annotated, Any

from flask import Response
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from admin_api.auth import requires
from admin_api.blueprints import blueprint
from admin_api.context import actor, now, platform, unit_of_work
from admin_api.idempotency import idempotent
from admin_api.problems import answers
from admin_api.requests import parse_uuid
from admin_api.responses import Failure, Success, success
from ticketing import ticket_views
from ticketing.paging import DEFAULT_ROWS, MAX_DEPTH, MAX_ROWS
from ticketing.risks import service, views
from ticketing.risks.requests import NewRisk, RiskResolution
from ticketing.risks.rules import LONGEST_DAYS
from ticketing.risks.views import RiskFilter, RiskListRequest, RiskView
from ticketing.vocabulary import RiskStatus

api = blueprint("risks")

EVERY = "all"


def _listed(value: Any) -> Any:
    """Read `active,expired`, or the name repeated, as a list; nothing, and `all`, filter nothing."""
    text = ",".join(value) if isinstance(value, list) else value
    if text in (None, "", EVERY):
        return None
    return [part.strip() for part in text.split(",")] if isinstance(text, str) else text


_Statuses = Annotated[tuple[RiskStatus, ...] | None, BeforeValidator(_listed)]
_Unset = BeforeValidator(lambda value: None if value == "" else value)
_Limit = Annotated[
    int,
    Field(ge=1, description=f"Rows, {DEFAULT_ROWS} if not given, {MAX_ROWS} at most"),
    BeforeValidator(lambda value: DEFAULT_ROWS if value == "" else value),
]


class TicketRisksQuery(BaseModel):
    """Which of a ticket's acceptances to list."""

    model_config = ConfigDict(extra="ignore")

    status: _Statuses = Field(default=(RiskStatus.ACTIVE,), description="One or more, also with commas, or `all`")
    cursor: str | None = Field(default=None, max_length=500, description="The `next_cursor` of an earlier answer")


class RisksQuery(BaseModel):
    """Which acceptances to list."""

    model_config = ConfigDict(extra="ignore")

    status: _Statuses = Field(default=None, description="One or more, also with commas; `all` if not given")
    expiring_within_days: Annotated[int | None, Field(ge=0, le=LONGEST_DAYS), _Unset] = None
    project_id: str | None = Field(default=None, description="A project's id or code")
    limit: _Limit = DEFAULT_ROWS
    offset: Annotated[int, Field(ge=0, le=MAX_DEPTH), BeforeValidator(lambda value: value or 0)] = 0
    cursor: str | None = Field(default=None, max_length=500, description="Reaches any depth; goes before `offset`")

    def filter(self) -> RiskFilter:
        """Return the filter, without the paging."""
        return RiskFilter(
            statuses=self.status, project_id=self.project_id, expiring_within_days=self.expiring_within_days
        )

    def request(self) -> RiskListRequest:
        """Return which part of the list is wanted."""
        return RiskListRequest(limit=min(self.limit, MAX_ROWS), offset=self.offset, cursor=self.cursor or None)


class RiskAnswer(Success):
    """One risk acceptance."""

    data: RiskView


class TicketRisks(Success):
    """The acceptances of a ticket; `meta.count` tells how many there are, `meta.next_cursor` goes on."""

    data: list[RiskView]


class RiskPagination(BaseModel):
    """Where a part stands in its list. `total` is exact up to 10,000."""

    total: int
    limit: int
    offset: int
    has_more: bool
    next_cursor: str | None


class RiskCounts(BaseModel):
    """How many there are of each status, whatever statuses are listed."""

    active: int
    resolved: int
    expired: int
    escalated: int


class RiskPage(Success):
    """A part of all acceptances: active, expired, escalated, resolved; the next to run out first."""

    data: list[RiskView]
    pagination: RiskPagination
    counts: RiskCounts


@api.post("/tickets/<ticket_id>/risk-acceptance", responses={201: RiskAnswer, 404: Failure, 409: Failure})
@requires("manager", "qa")
@idempotent
def accept(ticket_id: str, body: NewRisk) -> Response:
    """Accept a risk on a ticket: QA may approve although something is outstanding, on conditions and for a time."""
    wanted = parse_uuid(ticket_id, "Invalid ticket ID format")
    with unit_of_work() as work:
        risk = service.accept(work, wanted, body)
    return success(risk, "Risk acceptance created successfully", status=201)


@api.get("/tickets/<ticket_id>/risk-acceptances", responses={200: TicketRisks, 404: Failure})
@requires.signed_in()
def list_of_ticket(ticket_id: str, query: TicketRisksQuery) -> Response:
    """List the risk acceptances of a ticket; those that are active if no status is given."""
    wanted = parse_uuid(ticket_id, "Invalid ticket ID format")
    request = RiskListRequest(limit=MAX_ROWS, cursor=query.cursor or None)
    with platform().read() as connection:
        ticket_views.get_ticket(connection, actor(), wanted)
        found = views.list_risks(
            connection, actor(), RiskFilter(ticket_id=wanted, statuses=query.status), request, now()
        )
    return success(found.rows, meta={"count": found.total, "next_cursor": found.next_cursor})


@api.put("/risk-acceptances/<risk_id>/resolve", responses={200: RiskAnswer, 404: Failure, 409: Failure})
@api.post("/risk-acceptances/<risk_id>/resolve", responses={200: RiskAnswer, 404: Failure, 409: Failure})
@requires("manager", "qa")
def resolve(risk_id: str, body: RiskResolution) -> Response:
    """Resolve a risk acceptance, also one that expired or was escalated."""
    wanted = parse_uuid(risk_id, "Invalid risk acceptance ID format")
    with unit_of_work() as work:
        risk = service.resolve(work, wanted, body)
    return success(risk, "Risk acceptance resolved successfully")


@api.get("/risk-acceptances", responses={200: RiskPage, 400: Failure})
@requires.signed_in()
@answers(VALIDATION_ERROR=400)
def list_all(query: RisksQuery) -> Response:
    """List the risk acceptances on tickets that you may see, what needs attention first."""
    request = query.request()
    with platform().read() as connection:
        found = views.list_risks(connection, actor(), query.filter(), request, now())
    pagination = {
        "total": found.total,
        "limit": request.limit,
        "offset": request.offset,
        "has_more": found.next_cursor is not None,
        "next_cursor": found.next_cursor,
    }
    return success(found.rows, pagination=pagination, counts=found.counts)
