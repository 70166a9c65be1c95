"""The dashboard: summary, SLA, workload, what needs attention, how imports and syncs do; and the proof of its totals.

For those who see every ticket; who works on site sees the tickets that they have in the list of tickets.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any
from uuid import UUID

from flask import Response
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from admin_api.auth import requires
from admin_api.blueprints import blueprint
from admin_api.context import now, platform, unit_of_work
from admin_api.problems import fails_with
from admin_api.responses import Failure, Meta, Success, success
from jobs import operations
from jobs.kinds import prove_ticket_totals, rebuild_ticket_totals
from ticketing.dashboard import figures, health, lists
from ticketing.dashboard.health import HealthView
from ticketing.dashboard.lists import ScopeLine, TicketLine
from ticketing.dashboard.rules import Days, Sla, days_of
from ticketing.paging import DEFAULT_ROWS, MAX_ROWS, PageRequest
from ticketing.people import Role
from ticketing.vocabulary import Status

api = blueprint("dashboard")

SEES: tuple[Role, ...] = ("manager", "operator", "qa", "viewer")

_PROJECT = "A project's id or code; one that is none has no tickets"


class DaysQuery(BaseModel):
    """On which days the tickets were reported; what is no date filters nothing, and `meta.ignored` says so."""

    model_config = ConfigDict(extra="ignore")

    start_date: str = Field(default="", description="The first day (Africa/Johannesburg), or a time on it")
    end_date: str = Field(default="", description="The last day, included, or a time on it")

    def days(self) -> Days:
        """Return the days."""
        return days_of(self.start_date, self.end_date)


class SummaryQuery(DaysQuery):
    """Which tickets to add up."""

    project_id: str = Field(default="", description=_PROJECT)


class WorkloadQuery(BaseModel):
    """Which tickets to count."""

    model_config = ConfigDict(extra="ignore")

    active_only: str = Field(default="", description="`true`: neither closed nor cancelled ones")


class ProjectQuery(BaseModel):
    """Of which project."""

    model_config = ConfigDict(extra="ignore")

    project_id: str = Field(default="", description=_PROJECT)


class LinesQuery(ProjectQuery):
    """Which part of a list to read."""

    limit: Annotated[
        int,
        Field(ge=1, description=f"Rows, {DEFAULT_ROWS} if not given, {MAX_ROWS} at most"),
        BeforeValidator(lambda value: DEFAULT_ROWS if value == "" else value),
    ] = DEFAULT_ROWS
    cursor: str | None = Field(default=None, max_length=500, description="The `next_cursor` of an earlier answer")

    def request(self) -> PageRequest:
        """Return which part of the list is wanted."""
        return PageRequest(size=min(self.limit, MAX_ROWS), cursor=self.cursor or None)


class SlaFigures(BaseModel):
    """How tickets with a due time stand; the rate is of those decided, so what is open and in time is not in it."""

    total: int = Field(description="Tickets with a due time, cancelled ones left out")
    met: int
    breached: int
    running: int
    compliance_rate: float = Field(description="In percent, two decimals")


class Summary(BaseModel):
    """The tickets that were reported on the days asked for."""

    total_tickets: int
    by_status: dict[Status, int] = Field(description="Only the statuses that are there")
    sla_compliance: SlaFigures
    overdue_tickets: int = Field(description="Open, their due time past, and their clock not paused")
    avg_resolution_hours: float | None = Field(description="From report to close; null where none is closed")


class SlaCompliance(BaseModel):
    """SLA compliance of the tickets that were reported on the days asked for."""

    total_tickets: int
    sla_met: int
    sla_breached: int
    sla_running: int
    compliance_rate: float
    compliance_percentage: str


class PersonLoad(BaseModel):
    """What one person has; nobody, where `assigned_to` is null."""

    assigned_to: UUID | None
    assignee_name: str
    ticket_count: int
    overdue_count: int


class QueuedJob(BaseModel):
    """The job that does it."""

    job_id: UUID
    existing: bool
    status_url: str


class DaysMeta(Meta):
    """Which days were added up, and which filters were not understood."""

    start_date: date | None
    end_date: date | None
    ignored: dict[str, str]


class CutMeta(Meta):
    """Whether there are more people than are shown."""

    is_cut: bool


class ListMeta(Meta):
    """How to go on."""

    next_cursor: str | None


class SummaryAnswer(Success):
    """The summary."""

    data: Summary
    meta: DaysMeta


class SlaAnswer(Success):
    """SLA compliance."""

    data: SlaCompliance
    meta: DaysMeta


class WorkloadAnswer(Success):
    """Who has how many tickets, busiest first."""

    data: list[PersonLoad]
    meta: CutMeta


class LinesAnswer(Success):
    """Tickets, a line each."""

    data: list[TicketLine]
    meta: ListMeta


class ScopesAnswer(Success):
    """Unresolved escalations, each scope."""

    data: list[ScopeLine]


class HealthAnswer(Success):
    """How imports and syncs are doing."""

    data: HealthView


class QueuedAnswer(Success):
    """A job was queued, or the one that was there already was found."""

    data: QueuedJob


@api.get("/dashboard/summary", responses={200: SummaryAnswer})
@requires(*SEES)
@fails_with("Failed to fetch dashboard summary")
def summary(query: SummaryQuery) -> Response:
    """Tell how many tickets there are in which status, and how they stand with their SLA; right at this very moment."""
    days = query.days()
    with platform().read() as connection:
        found = figures.summarise(connection, now(), days, query.project_id)
    data = {
        "total_tickets": found.total,
        "by_status": found.by_status,
        "sla_compliance": _sla(found.sla),
        "overdue_tickets": found.overdue,
        "avg_resolution_hours": found.resolution_hours,
    }
    return success(data, meta=_meta(days))


@api.get("/dashboard/sla", responses={200: SlaAnswer})
@requires(*SEES)
@fails_with("Failed to fetch SLA compliance")
def sla(query: DaysQuery) -> Response:
    """Tell how many tickets kept their due time."""
    days = query.days()
    with platform().read() as connection:
        found = figures.summarise(connection, now(), days).sla
    data = {
        "total_tickets": found.total,
        "sla_met": found.met,
        "sla_breached": found.breached,
        "sla_running": found.running,
        "compliance_rate": found.rate,
        "compliance_percentage": f"{found.rate:.2f}%",
    }
    return success(data, meta=_meta(days))


@api.get("/dashboard/workload", responses={200: WorkloadAnswer})
@requires(*SEES)
@fails_with("Failed to fetch workload data")
def workload(query: WorkloadQuery) -> Response:
    """Tell who has how many tickets, and how many of them are overdue."""
    with platform().read() as connection:
        found = figures.list_workload(connection, now(), active_only=query.active_only.strip().lower() == "true")
    return success(found.rows, meta={"is_cut": found.is_cut})


@api.get("/dashboard/recent", responses={200: LinesAnswer})
@requires(*SEES)
def recent(query: LinesQuery) -> Response:
    """List the newest tickets."""
    with platform().read() as connection:
        found = lists.list_recent(connection, now(), query.project_id, query.request())
    return success(found.rows, meta={"next_cursor": found.next_cursor})


@api.get("/dashboard/overdue", responses={200: LinesAnswer})
@requires(*SEES)
def overdue(query: LinesQuery) -> Response:
    """List the tickets whose time has run out, the longest overdue first."""
    with platform().read() as connection:
        found = lists.list_overdue(connection, now(), query.project_id, query.request())
    return success(found.rows, meta={"next_cursor": found.next_cursor})


@api.get("/dashboard/escalations", responses={200: ScopesAnswer})
@requires(*SEES)
def escalations(query: ProjectQuery) -> Response:
    """Tell how many escalations nobody has resolved, by scope."""
    with platform().read() as connection:
        return success(lists.count_unresolved(connection, query.project_id))


@api.get("/dashboard/health", responses={200: HealthAnswer})
@requires(*SEES)
def show_health() -> Response:
    """Tell how the weekly import and the sync with the CRM are doing, and how long ago they last did."""
    with platform().read() as connection:
        return success(health.show(connection, now()))


@api.post("/dashboard/totals/prove", responses={202: QueuedAnswer})
@requires("manager", "operator")
def prove() -> Response:
    """Count all tickets and compare the totals, as a job; it fails where they differ and names where."""
    with unit_of_work() as work:
        job = prove_ticket_totals.submit(work)
    return _queued(job.id, job.existing, "The dashboard's totals are being proved")


@api.post("/dashboard/totals/rebuild", responses={202: QueuedAnswer, 403: Failure})
@requires("admin")
def rebuild() -> Response:
    """Count the totals anew as a job, after a proof has failed; tickets cannot be changed for those seconds."""
    with unit_of_work() as work:
        job = rebuild_ticket_totals.submit(work)
        if not job.existing:
            operations.audit(work, "ticket_totals_rebuilt", ("ticket_totals", "all"), details={"job_id": str(job.id)})
    return _queued(job.id, job.existing, "The dashboard's totals are being counted anew")


def _queued(job_id: UUID, existing: bool, message: str) -> Response:
    status_url = f"{api.url_prefix}/jobs/{job_id}"
    response = success({"job_id": job_id, "existing": existing, "status_url": status_url}, message, status=202)
    response.headers["Location"] = status_url
    return response


def _sla(found: Sla) -> dict[str, Any]:
    return {
        "total": found.total,
        "met": found.met,
        "breached": found.breached,
        "running": found.running,
        "compliance_rate": found.rate,
    }


def _meta(days: Days) -> dict[str, Any]:
    return {"start_date": days.first, "end_date": days.last, "ignored": dict(days.ignored)}
