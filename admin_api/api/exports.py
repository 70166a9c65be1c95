"""Exports: lists and reports as .csv and .xlsx, straight away or written by a job and fetched by a link."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from flask import Response
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from admin_api import exports
from admin_api.api.audit import AuditQuery
from admin_api.api.billing import BillingQuery
from admin_api.api.faults import TrendQuery
from admin_api.api.jobs import JobQuery
from admin_api.api.risks import RisksQuery
from admin_api.api.tickets import TicketQuery
from admin_api.auth import requires
from admin_api.blueprints import blueprint
from admin_api.context import actor, now, platform, unit_of_work
from admin_api.file_links import READ, LinkQuery, files, link_to_export, require_good
from admin_api.idempotency import idempotent
from admin_api.keyset import KeysetQuery, keyset
from admin_api.requests import parse_uuid, parsed, with_plus
from admin_api.responses import Failure, Success, success
from integrations.storage import CHUNK
from jobs.kinds.write_export import submit
from jobs.procedures.exporting import AUDIT, JOBS, REPORTS
from jobs.views import JobFilter
from ticketing.errors import NotFound
from ticketing.exports import service
from ticketing.exports.reports import FAULT_TRENDS, READINESS, RISKS, TICKETS, ReadinessFilter
from ticketing.faults.rules import first_moment, moment_after
from ticketing.vocabulary import ExportFormat

api = blueprint("exports")

_Moment = Annotated[str, BeforeValidator(with_plus)]
_Unset = BeforeValidator(lambda value: None if value == "" else value)


class ReadinessQuery(BaseModel):
    """Which runs of the readiness check."""

    model_config = ConfigDict(extra="ignore")

    passed: Annotated[bool | None, _Unset] = None
    project_id: str = Field(default="", description="A project's id or code")
    start_date: _Moment = Field(default="", description="A local day, or a time with a zone; of the check")
    end_date: _Moment = Field(default="", description="As `start_date`; included")

    def filter(self) -> ReadinessFilter:
        """Return the filter. Raises InvalidInput naming the first thing that is not acceptable."""
        return ReadinessFilter(
            passed=self.passed,
            project_id=self.project_id or None,
            checked_from=first_moment(self.start_date, "start_date") if self.start_date else None,
            checked_before=moment_after(self.end_date, "end_date") if self.end_date else None,
        )


class ExportRequest(BaseModel):
    """What a job is to export; `filters` are those of the report's own list, by the same names."""

    model_config = ConfigDict(extra="forbid")

    report: Literal["tickets", "jobs", "risks", "readiness", "fault-trends", "billing", "audit"]
    format: ExportFormat = ExportFormat.XLSX
    filters: dict[str, Any] = Field(default_factory=dict)

    def wanted(self) -> Any:
        """Return the report's filter. Raises InvalidInput that lists every filter which is not acceptable."""
        query, to_filter = _FILTERS[self.report]
        return to_filter(parsed(query, self.filters))


def _job_filter(query: JobQuery) -> JobFilter:
    return JobFilter(**query.model_dump(exclude={"cursor", "page_size"}))


_FILTERS: dict[str, tuple[type[BaseModel], Any]] = {
    TICKETS.name: (TicketQuery, TicketQuery.filter),
    JOBS.name: (JobQuery, _job_filter),
    RISKS.name: (RisksQuery, RisksQuery.filter),
    READINESS.name: (ReadinessQuery, ReadinessQuery.filter),
    FAULT_TRENDS.name: (TrendQuery, TrendQuery.request),
    AUDIT.name: (AuditQuery, AuditQuery.filter),
    "billing": (BillingQuery, BillingQuery.request),
}


class ExportView(BaseModel):
    """An export that a job writes. `download_url` is there once it is finished, and good until `link_expires_at`."""

    id: UUID
    report: str
    format: ExportFormat
    filters: dict[str, Any]
    status: Literal["waiting", "writing", "finished", "failed", "cancelled"]
    requested_by: str
    created_at: datetime
    finished_at: datetime | None
    expires_at: datetime | None = Field(description="When the file is deleted")
    file_size: int | None
    file_sha256: str | None
    row_count: int | None
    rows_written: int | None
    problem: str | None
    job_id: UUID | None
    download_url: str | None
    link_expires_at: datetime | None


class ExportAnswer(Success):
    """One export."""

    data: ExportView


class ExportsAnswer(Success):
    """Exports, the newest first."""

    data: list[ExportView]


@api.get("/exports/tickets.<file_format>", responses={200: None, 409: Failure})
@requires(*TICKETS.roles)
def export_tickets(file_format: str, query: TicketQuery) -> Response:
    """Return the tickets that the list with these filters shows, without pages, as .csv or .xlsx."""
    return exports.answer(TICKETS, file_format, query.filter())


@api.get("/exports/jobs.<file_format>", responses={200: None, 409: Failure})
@requires(*JOBS.roles)
def export_jobs(file_format: str, query: JobQuery) -> Response:
    """Return the jobs that the list with these filters shows, without pages, as .csv or .xlsx."""
    return exports.answer(JOBS, file_format, _job_filter(query))


@api.get("/exports/audit.<file_format>", responses={200: None, 409: Failure})
@requires(*AUDIT.roles)
def export_audit(file_format: str, query: AuditQuery) -> Response:
    """Return what operators did, newest first, as .csv or .xlsx."""
    return exports.answer(AUDIT, file_format, query.filter())


@api.get("/exports/risks.<file_format>", responses={200: None, 409: Failure})
@requires(*RISKS.roles)
def export_risks(file_format: str, query: RisksQuery) -> Response:
    """Return the risk acceptances that the list with these filters shows, without pages, as .csv or .xlsx."""
    return exports.answer(RISKS, file_format, query.filter())


@api.get("/exports/readiness.<file_format>", responses={200: None, 409: Failure})
@requires(*READINESS.roles)
def export_readiness(file_format: str, query: ReadinessQuery) -> Response:
    """Return the runs of the readiness check, newest first, as .csv or .xlsx."""
    return exports.answer(READINESS, file_format, query.filter())


@api.get("/exports/fault-trends.<file_format>", responses={200: None, 409: Failure})
@requires(*FAULT_TRENDS.roles)
def export_fault_trends(file_format: str, query: TrendQuery) -> Response:
    """Return fault trends as .csv or .xlsx."""
    return exports.answer(FAULT_TRENDS, file_format, query.request())


@api.post("/exports", responses={202: ExportAnswer})
@requires.signed_in()
@idempotent
def request_export(body: ExportRequest) -> Response:
    """Have a job write an export, of any length, into the file store; follow it under its address."""
    shown = begin_export(body)
    export_id = shown["id"]
    response = success(shown, "The export has been queued", status=202)
    response.headers["Location"] = f"{api.url_prefix}/exports/{export_id}"
    return response


@api.get("/exports", responses={200: ExportsAnswer})
@requires.signed_in()
def list_exports(query: KeysetQuery) -> Response:
    """List the exports that you asked for, newest first; an admin sees everybody's."""
    with platform().read() as connection:
        rows = service.list_own(connection, actor(), before_id=query.cursor, limit=query.page_size + 1)
    shown, pagination = keyset(rows, query)
    return success([show_row(row) for row in shown], pagination=pagination)


@api.get("/exports/<export_id>", responses={200: ExportAnswer, 404: Failure})
@requires.signed_in()
def show_export(export_id: str) -> Response:
    """Show an export of yours: how far it is and, once it is finished, a link to fetch it by."""
    wanted = parse_uuid(export_id, "Invalid export ID")
    with platform().read() as connection:
        return success(show_row(service.show(connection, actor(), wanted)))


@api.get("/exports/<export_id>/download", responses={200: None, 404: Failure})
@requires.anyone()
def download_export(export_id: str, query: LinkQuery) -> Response:
    """Return a finished export by a signed link, in pieces."""
    wanted = parse_uuid(export_id, "Invalid export ID")
    require_good(READ, query)
    with platform().read() as connection:
        export = service.find(connection, wanted)
    if export["finished_at"] is None or export["expires_at"] <= now():
        raise NotFound("The export is not finished, or its time is over", details={"export_id": str(wanted)})
    kind = ExportFormat(export["file_format"])
    response = exports.file_response(
        _pieces(export["storage_key"], export["file_size"]), export["report"], kind, export["created_at"]
    )
    response.content_length = export["file_size"]
    return response


def begin_export(wanted: ExportRequest) -> dict[str, Any]:
    """Have a job write what is asked for, as whoever is signed in; returns the export as it is shown.

    Raises InvalidInput for a filter that is not acceptable, and Forbidden.
    """
    chosen = wanted.wanted()
    with unit_of_work() as work:
        export_id = submit(work, REPORTS[wanted.report], wanted.format, chosen)
        return show_row(service.show(work.connection, actor(), export_id))


def show_row(row: dict[str, Any]) -> dict[str, Any]:
    """Return an export as it is shown: with a link to fetch it by, where it is finished and still kept."""
    ready = row["status"] == "finished" and row["expires_at"] > now()
    aside = {"file_format"}
    return {
        **{name: value for name, value in row.items() if name not in aside},
        "format": row["file_format"],
        "download_url": link_to_export(row["id"]) if ready else None,
        "link_expires_at": now() + files().readable_for if ready else None,
    }


def _pieces(key: str, size: int) -> Iterator[bytes]:
    """Return the stored file in pieces; the first is read at once, so that a missing file is still an answer."""
    storage = files().storage
    first = storage.get_range(key, 0, CHUNK)

    def pieces() -> Iterator[bytes]:
        yield first
        for start in range(CHUNK, size, CHUNK):
            yield storage.get_range(key, start, CHUNK)

    return pieces()
