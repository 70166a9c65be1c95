"""Fault attribution: set the cause of a ticket's fault, and see where faults gather."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any
from uuid import UUID

from flask import Response
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from admin_api.api.tickets import TicketAnswer
from admin_api.auth import requires
from admin_api.blueprints import blueprint
from admin_api.context import actor, platform, unit_of_work
from admin_api.requests import parse_uuid, with_plus
from admin_api.responses import Failure, Success, success
from admin_api.versions import expected_versions, with_version
from ticketing.faults import service, trends
from ticketing.faults.rules import (
    Grouping,
    Period,
    first_moment,
    moment_after,
    parse_cause,
    parse_grouping,
    parse_period,
)
from ticketing.faults.service import Attribution
from ticketing.faults.trends import DEFAULT_GROUPS, MOST_GROUPS, TrendRequest

api = blueprint("faults")

_Moment = Annotated[str, BeforeValidator(with_plus)]


class TrendQuery(BaseModel):
    """By what faults are counted, and which."""

    model_config = ConfigDict(extra="ignore")

    group_by: str = Field(default="", description=f"{', '.join(Grouping)}; `fault_cause` if not given")
    period: str = Field(default="", description=f"{', '.join(Period)}: counts each period apart")
    project_id: str = Field(default="", description="A project's id or code")
    fault_cause: str = ""
    start_date: _Moment = Field(default="", description="A day, or a time with a zone; of the report of the fault")
    end_date: _Moment = Field(default="", description="As `start_date`; included")
    limit: int = Field(default=DEFAULT_GROUPS, ge=1, description=f"Groups, {MOST_GROUPS} at most")

    def request(self) -> TrendRequest:
        """Return what is asked for. Raises InvalidInput naming the first thing that is not acceptable."""
        return TrendRequest(
            group_by=parse_grouping(self.group_by) if self.group_by else Grouping.FAULT_CAUSE,
            period=parse_period(self.period) if self.period else None,
            project_id=self.project_id or None,
            fault_cause=parse_cause(self.fault_cause) if self.fault_cause else None,
            reported_from=first_moment(self.start_date, "start_date") if self.start_date else None,
            reported_before=moment_after(self.end_date, "end_date") if self.end_date else None,
            limit=min(self.limit, MOST_GROUPS),
        )

    def filters(self) -> dict[str, str]:
        """Return the filters that were given, as they were given."""
        return {name: text for name, text in self if name not in {"group_by", "limit"} and text}


class TrendRow(BaseModel):
    """A group: its value under the name of the grouping, and how many faults it has, as texts.

    PONs and zones tell their project, contractors their name, periods the day on which they begin.
    """

    fault_cause: str | None = None
    pole_number: str | None = None
    pon_number: str | None = None
    zone_id: str | None = None
    dr_number: str | None = None
    assigned_contractor_id: UUID | None = None
    contractor_name: str | None = None
    project_id: UUID | None = None
    project_code: str | None = None
    period: date | None = None
    count: str
    percentage: str


class TrendAnswer(Success):
    """Groups, the most frequent first; with periods, the oldest first."""

    data: list[TrendRow]


@api.put("/tickets/<ticket_id>/fault-cause", responses={200: TicketAnswer, 404: Failure, 409: Failure})
@requires("manager", "qa", "technician", "contractor")
def attribute(ticket_id: str, body: Attribution) -> Response:
    """Set the cause of a fault. With `If-Match` or `updated_at`, only if nobody changed the ticket since."""
    wanted = parse_uuid(ticket_id, "Invalid ticket ID format")
    with unit_of_work() as work:
        ticket = service.attribute(work, wanted, body, expected=expected_versions())
    return with_version(success(ticket, f"Fault cause of {ticket['ticket_uid']} updated"), ticket)


@api.get("/analytics/fault-trends", responses={200: TrendAnswer})
@requires.signed_in()
def count_faults(query: TrendQuery) -> Response:
    """Count the faults that you may see, by cause, place, contractor and period."""
    wanted = query.request()
    with platform().read() as connection:
        found = trends.count_faults(connection, actor(), wanted)
    meta: dict[str, Any] = {
        "group_by": wanted.group_by.value,
        "total_count": found.total_count,
        "result_count": len(found.rows),
        "is_cut": found.is_cut,
    }
    return success(found.rows, meta=meta | query.filters())
