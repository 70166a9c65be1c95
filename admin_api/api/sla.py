"""SLA: the clock of a ticket, the targets of each project, and compliance."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any
from uuid import UUID

from flask import Response
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from admin_api.auth import requires
from admin_api.blueprints import blueprint
from admin_api.context import actor, now, platform, unit_of_work
from admin_api.project_settings import DEFAULT, project_or_default
from admin_api.requests import parse_uuid, with_plus
from admin_api.responses import Failure, Meta, Success, success
from jobs import operations
from jobs.work import Work
from ticketing.errors import InvalidInput, NotFound
from ticketing.faults.rules import Period, first_moment, moment_after, parse_period
from ticketing.paging import MAX_ROWS
from ticketing.sla import compliance, service, settings
from ticketing.sla.compliance import DEFAULT_DAYS, ComplianceRequest, Grouping
from ticketing.sla.service import ClockView, PauseRequest
from ticketing.sla.settings import TargetChange, TargetView
from ticketing.ticket_changes import json_ready
from ticketing.vocabulary import Priority

api = blueprint("sla")


_Moment = Annotated[str, BeforeValidator(with_plus)]
_Unset = BeforeValidator(lambda value: None if value == "" else value)


class ClockAnswer(Success):
    """The clock of one ticket."""

    data: ClockView


class ClocksQuery(BaseModel):
    """Of which tickets to show the clocks."""

    model_config = ConfigDict(extra="ignore")

    ticket_id: list[UUID] = Field(min_length=1, max_length=MAX_ROWS, description="May be repeated")


class ClocksAnswer(Success):
    """The clocks of tickets, in no order."""

    data: list[ClockView]


class TargetsAnswer(Success):
    """The targets that count, the most urgent priority first."""

    data: list[TargetView]


class TargetsQuery(BaseModel):
    """Whose targets to list."""

    model_config = ConfigDict(extra="ignore")

    project_id: str = Field(default="", description="A project's id or code; not given: the targets of all others")


class ReasonQuery(BaseModel):
    """Why somebody does it; kept in the audit."""

    model_config = ConfigDict(extra="ignore")

    reason: str | None = Field(default=None, max_length=500)


class ComplianceQuery(BaseModel):
    """By what compliance is counted, and of which tickets."""

    model_config = ConfigDict(extra="ignore")

    group_by: Annotated[Grouping | None, _Unset] = Field(default=None, description="`priority` if not given")
    period: str = Field(default="", description=f"{', '.join(Period)}: counts each period apart")
    project_id: str = Field(default="", description="A project's id or code")
    contractor_id: Annotated[UUID | None, _Unset] = None
    priority: Annotated[Priority | None, _Unset] = None
    start_date: _Moment = Field(
        default="", description=f"A day, or a time with a zone, of the report; {DEFAULT_DAYS} days back if not given"
    )
    end_date: _Moment = Field(default="", description="As `start_date`; included. Today if not given")

    def request(self) -> ComplianceRequest:
        """Return what is asked for. Raises InvalidInput naming the first thing that is not acceptable."""
        return ComplianceRequest(
            group_by=self.group_by or Grouping.PRIORITY,
            period=parse_period(self.period) if self.period else None,
            project_id=self.project_id or None,
            contractor_id=self.contractor_id,
            priority=self.priority,
            reported_from=first_moment(self.start_date, "start_date") if self.start_date else None,
            reported_before=moment_after(self.end_date, "end_date") if self.end_date else None,
        )


class ResponseFigures(BaseModel):
    """How many first responses were in time; those of tickets that nobody told the time of are in neither."""

    met: int
    breached: int
    compliance_rate: float


class ComplianceFigures(BaseModel):
    """How many tickets kept their due time; the rate is of those decided, `sla_running` are open and still in time."""

    total_tickets: int
    sla_met: int
    sla_breached: int
    sla_running: int
    compliance_rate: float
    compliance_percentage: str
    first_response: ResponseFigures


class ComplianceRow(ComplianceFigures):
    """The figures of a group, under the name of the grouping; a period is told by the day on which it begins."""

    priority: Priority | None = None
    project_id: UUID | None = None
    project_code: str | None = None
    project_name: str | None = None
    contractor_id: UUID | None = None
    contractor_name: str | None = None
    period: date | None = None


class ComplianceMeta(Meta):
    """What was counted, and the figures of all groups together."""

    group_by: Grouping
    start_date: datetime
    end_date: datetime
    overall: ComplianceFigures
    is_cut: bool


class ComplianceAnswer(Success):
    """Groups, the largest first; with periods, the oldest period first."""

    data: list[ComplianceRow]
    meta: ComplianceMeta


@api.get("/tickets/<ticket_id>/sla", responses={200: ClockAnswer, 404: Failure})
@requires.signed_in()
def show_clock(ticket_id: str) -> Response:
    """Show the SLA clock of a ticket: what was promised, what is left, and when it stood still."""
    wanted = parse_uuid(ticket_id, "Invalid ticket ID")
    with platform().read() as connection:
        return success(service.show(connection, actor(), wanted, now()))


@api.get("/sla/clocks", responses={200: ClocksAnswer})
@requires.signed_in()
def list_clocks(query: ClocksQuery) -> Response:
    """Show the clocks of several tickets, as many as a list shows; those that you may not see are left out."""
    with platform().read() as connection:
        return success(service.list_clocks(connection, actor(), query.ticket_id, now()))


@api.post("/tickets/<ticket_id>/sla/pause", responses={200: ClockAnswer, 404: Failure, 409: Failure})
@requires("manager", "qa")
def pause(ticket_id: str, body: PauseRequest) -> Response:
    """Stop the clock of a ticket that waits on somebody outside."""
    wanted = parse_uuid(ticket_id, "Invalid ticket ID")
    with unit_of_work() as work:
        clock = service.pause(work, wanted, body.reason)
    return success(clock, "SLA clock paused")


@api.post("/tickets/<ticket_id>/sla/resume", responses={200: ClockAnswer, 404: Failure, 409: Failure})
@requires("manager", "qa")
def resume(ticket_id: str) -> Response:
    """Let the clock of a ticket run again: its due times move by what it stood still."""
    wanted = parse_uuid(ticket_id, "Invalid ticket ID")
    with unit_of_work() as work:
        clock = service.resume(work, wanted)
    return success(clock, "SLA clock resumed")


@api.get("/sla/settings", responses={200: TargetsAnswer, 404: Failure})
@requires("manager", "operator", "qa", "viewer")
def list_targets(query: TargetsQuery) -> Response:
    """List the targets that count for a project, or for all that have none of their own (`project_id` null)."""
    with platform().read() as connection:
        project = project_or_default(connection, query.project_id or DEFAULT)
        return success(settings.list_targets(connection, project))


@api.put("/sla/settings/<project_id>/<priority>", responses={200: TargetsAnswer, 404: Failure, 409: Failure})
@requires("admin")
def put_target(project_id: str, priority: str, body: TargetChange, query: ReasonQuery) -> Response:
    """Set a target of a project (its id or code) or, as `default`, of all that have none of their own.

    It counts for clocks that start, or are measured anew, from now on.
    """
    with unit_of_work() as work:
        project = set_target(work, project_id, priority, body, query.reason)
        return success(settings.list_targets(work.connection, project), "SLA target updated")


@api.delete("/sla/settings/<project_id>/<priority>", responses={200: TargetsAnswer, 404: Failure})
@requires("admin")
def drop_target(project_id: str, priority: str, query: ReasonQuery) -> Response:
    """Take away a project's own target: the default counts again."""
    with unit_of_work() as work:
        project = take_target_away(work, project_id, priority, query.reason)
        return success(settings.list_targets(work.connection, project), "The default target counts again")


@api.get("/sla/compliance", responses={200: ComplianceAnswer})
@requires("manager", "operator", "qa", "viewer")
def count_compliance(query: ComplianceQuery) -> Response:
    """Count how many of the tickets reported in a period kept their due times; right at this very moment."""
    wanted = query.request()
    with platform().read() as connection:
        found = compliance.count_compliance(connection, wanted, now())
    meta: dict[str, Any] = {
        "group_by": wanted.group_by,
        "start_date": found.reported_from,
        "end_date": found.reported_before,
        "overall": found.overall,
        "is_cut": found.is_cut,
    }
    return success(found.rows, meta=meta)


def set_target(work: Work, project_id: str, priority: str, change: TargetChange, reason: str | None) -> UUID | None:
    """Set a target and keep who did it; returns the project, or None for `default`. Raises what `put_target` raises."""
    wanted = _priority(priority)
    project = project_or_default(work.connection, project_id)
    before, after = settings.put_target(work, project, wanted, change)
    changed = {"before": _told(before), "after": _told(after)}
    if changed["before"] != changed["after"]:
        _audit(work, "sla_target_set", project, wanted, changed, reason)
    return project


def take_target_away(work: Work, project_id: str, priority: str, reason: str | None) -> UUID:
    """Take a project's own target away and keep who did it; returns the project. Raises NotFound."""
    wanted = _priority(priority)
    project = project_or_default(work.connection, project_id)
    if project is None:
        raise NotFound("The default targets can be changed, not taken away")
    before = settings.drop_target(work, project, wanted)
    _audit(work, "sla_target_dropped", project, wanted, {"before": _told(before), "after": None}, reason)
    return project


def _priority(text: str) -> Priority:
    """Return the priority that a path names. Raises InvalidInput."""
    try:
        return Priority(text)
    except ValueError as error:
        problem = f"must be one of {', '.join(Priority)}"
        raise InvalidInput(f"priority: {problem}", details={"priority": problem}) from error


def _told(target: dict[str, Any] | None) -> dict[str, Any] | None:
    return None if target is None else {field: target[field] for field in settings.TARGET_FIELDS}


def _audit(
    work: Work, action: str, project: UUID | None, priority: Priority, changed: dict[str, Any], reason: str | None
) -> None:
    target = ("sla_settings", f"{project or DEFAULT}/{priority.value}")
    operations.audit(work, action, target, reason=reason, details=json_ready(changed))
