"""The weekly import: upload, preview and confirm, follow, look back, and get the rejected rows to mend."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from flask import Response, request
from flask_openapi3.models.file import FileStorage
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from admin_api.auth import requires
from admin_api.blueprints import blueprint
from admin_api.context import actor, now, platform, unit_of_work
from admin_api.idempotency import idempotent
from admin_api.problems import answers
from admin_api.requests import body_as, form_as, parse_uuid
from admin_api.responses import download, success
from admin_api.uploads import Upload as ReceivedFile
from admin_api.uploads import read_upload
from integrations.weekly_workbook import choose, look_at
from integrations.workbooks import SheetData, open_workbook, write_workbook
from jobs.kinds.import_weekly_report import Submitted, Upload, confirm, dismiss, submit
from jobs.procedures.weekly_staging import limits
from runtime.clock import BUSINESS_ZONE
from ticketing.errors import InvalidInput
from ticketing.paging import Position
from ticketing.people import Role, acting_user
from ticketing.vocabulary import ImportStatus
from ticketing.weekly_reports import quick_look, service, views

api = blueprint("weekly reports")

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
# .xls and .xlsm are refused too, but as files that cannot be read, with what to do about each.
ENDINGS = (".xlsx", ".xlsm", ".xls")
READERS: tuple[Role, ...] = ("manager", "operator", "viewer")
STATUSES = tuple(status.value for status in ImportStatus)

_Unset = BeforeValidator(lambda value: None if value == "" else value)


def _person(value: object) -> object:
    """Read a user as the contract does: any text may be given, and nobody has the nil id that stands for nonsense."""
    if value in (None, ""):
        return None
    try:
        return UUID(str(value))
    except ValueError:
        return UUID(int=0)


def _bytes_of(numbers: object) -> bytes:
    if not isinstance(numbers, list) or not numbers:
        raise ValueError("must be the file's bytes as a list of numbers")
    try:
        return bytes(numbers)
    except (TypeError, ValueError) as error:
        raise ValueError("must be numbers from 0 to 255") from error


class SaidOfReport(BaseModel):
    """What an upload may say besides its file."""

    model_config = ConfigDict(extra="ignore", populate_by_name=True)

    user_id: Annotated[str | None, _Unset] = Field(default=None, description="Must be whoever is signed in, if given")
    week_number: Annotated[int | None, _Unset] = Field(default=None, description="ISO week; else from the date")
    year: Annotated[int | None, _Unset] = None
    report_date: Annotated[date | None, _Unset] = None
    sheet_name: Annotated[str | None, _Unset] = Field(default=None, max_length=100, alias="sheetName")


class ReportForm(SaidOfReport):
    """An upload as a form."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    file: FileStorage


class ReportBody(SaidOfReport):
    """An upload as JSON: the file's bytes as numbers."""

    filename: str = Field(min_length=1, max_length=200)
    data: Annotated[bytes, BeforeValidator(_bytes_of)]


class StartQuery(BaseModel):
    """How to begin."""

    model_config = ConfigDict(extra="ignore")

    preview: bool = Field(default=False, description="Check the file first and wait for the confirmation")


class HistoryQuery(BaseModel):
    """Which reports the history shows."""

    model_config = ConfigDict(extra="ignore")

    status: Annotated[str | None, _Unset] = Field(default=None, description="Comma list of statuses")
    week_number: Annotated[int | None, _Unset] = None
    year: Annotated[int | None, _Unset] = None
    imported_by: Annotated[UUID | None, BeforeValidator(_person)] = Field(
        default=None, description="A user's id; what is none has imported nothing"
    )
    imported_after: Annotated[datetime | None, _Unset] = None
    imported_before: Annotated[datetime | None, _Unset] = None
    cursor: str | None = Field(default=None, max_length=500)
    limit: int = Field(default=50, ge=1, le=100)

    def filter(self) -> views.HistoryFilter:
        """Return the filter, without the paging. Raises InvalidInput for a status that there is not."""
        return views.HistoryFilter(
            statuses=_statuses(self.status),
            week_number=self.week_number,
            year=self.year,
            imported_by=self.imported_by,
            imported_after=_aware(self.imported_after),
            imported_before=_aware(self.imported_before),
        )

    def after(self) -> Position | None:
        """Return where the list goes on, or None for its beginning. Raises InvalidInput."""
        return Position.from_cursor(self.cursor) if self.cursor else None


class DismissBody(BaseModel):
    """Why a report that was checked is not wanted."""

    model_config = ConfigDict(extra="ignore")

    reason: Annotated[str | None, _Unset] = Field(default=None, max_length=500, description="Kept in the audit")


class RowsQuery(BaseModel):
    """Which rows of a report."""

    model_config = ConfigDict(extra="ignore")

    outcome: Annotated[
        Literal["created", "updated", "unchanged", "duplicate", "conflict", "rejected", "warning"] | None, _Unset
    ] = None
    cursor: int = Field(default=0, ge=0, description="The `next_cursor` of an earlier answer: a row number")
    limit: int = Field(default=100, ge=1, le=views.MAX_ROWS)


@api.post("/import/weekly")
@requires("manager")
@idempotent
def start_weekly_import(query: StartQuery) -> Response:
    """Take a weekly report, as a form or as JSON, and start its import or, with `preview=true`, its check.

    The answer names the report and the job; the work outlives the request.
    """
    received, said = _received()
    submitted = take_report(received, said, preview=query.preview)
    message = "The report is being checked" if query.preview else "The import has been queued"
    response = success(
        {
            "id": submitted.report_id,
            "report_id": submitted.report_id,
            "report_uid": submitted.report_uid,
            "status": "pending",
            "total_rows": submitted.rows,
            "job_id": submitted.job.id,
            "message": message,
        },
        message,
        status=201,
    )
    response.headers["Location"] = f"{api.url_prefix}/import/weekly/{submitted.report_id}"
    return response


@api.post("/import/weekly/parse")
@requires(*READERS)
@answers(VALIDATION_ERROR=400)
def parse_weekly_report() -> Response:
    """Read a workbook without storing it: sheets, columns, first rows, and what is wrong."""
    received, said = _received()
    book = open_workbook(received.data, filename=received.filename, limits=limits(platform().settings))
    candidates = look_at(book)
    found, columns = choose(book, candidates, said.sheet_name)
    sheets = [
        {
            "name": candidate.sheet.name,
            "rows": candidate.rows,
            "hasTicketColumns": candidate.columns is not None and candidate.columns.usable,
        }
        for candidate in candidates
    ]
    looked = quick_look.look(columns, found.numbered_rows(), now())
    return success(
        {"filename": received.filename, "selected_sheet": found.sheet.name, "available_sheets": sheets} | looked
    )


@api.get("/import/weekly/history")
@requires(*READERS)
@answers(VALIDATION_ERROR=400)
def list_weekly_reports(query: HistoryQuery) -> Response:
    """List reports, newest first, with totals; without a filter also with statistics over all imports."""
    with platform().read() as connection:
        data, cursor = views.history(connection, query.filter(), after=query.after(), limit=query.limit)
    return success(data, pagination={"limit": query.limit, "next_cursor": cursor})


@api.get("/import/weekly/<report_id>")
@requires(*READERS)
def show_weekly_report(report_id: str) -> Response:
    """Show a report: counts, progress, first errors."""
    wanted, rows = parse_report_id(report_id), platform().settings.import_batch_rows
    with platform().read() as connection:
        return success(views.detail(connection, wanted, batch_rows=rows, now=now()))


@api.get("/import/weekly/<report_id>/progress")
@requires(*READERS)
def show_weekly_progress(report_id: str) -> Response:
    """Show how far a report is; a finished one, failed or not, is at 100."""
    wanted, rows = parse_report_id(report_id), platform().settings.import_batch_rows
    with platform().read() as connection:
        return success(views.progress(connection, wanted, batch_rows=rows, now=now()))


@api.get("/import/weekly/<report_id>/preview")
@requires(*READERS)
def show_weekly_preview(report_id: str) -> Response:
    """Show what an import would do: new, changed, unchanged, duplicate, conflict and rejected rows, with reasons."""
    wanted = parse_report_id(report_id)
    with platform().read() as connection:
        return success(views.preview(connection, wanted))


@api.post("/import/weekly/<report_id>/confirm")
@requires("manager")
@idempotent
def confirm_weekly_report(report_id: str) -> Response:
    """Import a report that was checked before."""
    wanted = parse_report_id(report_id)
    with unit_of_work() as work:
        job = confirm(work, wanted)
    return success({"id": wanted, "report_id": wanted, "job_id": job.id}, "The import has been queued", status=202)


@api.post("/import/weekly/<report_id>/dismiss")
@requires("manager")
def dismiss_weekly_report(report_id: str, body: DismissBody) -> Response:
    """Close a report that was checked and is not wanted: nothing of it is imported."""
    wanted = parse_report_id(report_id)
    with unit_of_work() as work:
        dismiss(work, wanted, body.reason)
    return success({"id": wanted, "report_id": wanted, "status": "failed"}, "The report is dismissed")


@api.get("/import/weekly/<report_id>/rows")
@requires(*READERS)
def list_weekly_rows(report_id: str, query: RowsQuery) -> Response:
    """List the rows of a report with what became of each, in the sheet's order."""
    wanted = parse_report_id(report_id)
    with platform().read() as connection:
        rows, cursor = views.rows(connection, wanted, outcome=query.outcome, after_row=query.cursor, limit=query.limit)
    return success(rows, pagination={"limit": query.limit, "next_cursor": cursor})


@api.get("/import/weekly/<report_id>/rejected.xlsx")
@requires(*READERS)
def download_rejected_rows(report_id: str) -> Response:
    """Return the rejected rows as a workbook with row number, column and reason, to be mended and imported again."""
    return rejected_workbook(parse_report_id(report_id))


def rejected_workbook(report_id: UUID) -> Response:
    """Return the workbook of a report's rejected rows. Raises NotFound."""
    with platform().read() as connection:
        rejected = views.rejected_rows(connection, report_id)
    content = write_workbook([SheetData("Rejected rows", rejected.headers, rejected.rows)])
    return download(content, f"{rejected.report_uid}-rejected.xlsx", XLSX)


def take_report(received: ReceivedFile, said: SaidOfReport, *, preview: bool) -> Submitted:
    """Take a report in, as whoever is signed in, and have it checked or imported. Raises what `submit` raises."""
    with unit_of_work() as work:
        _check_user(work.connection, said.user_id)
        upload = Upload(
            data=received.data,
            filename=received.filename,
            week_number=said.week_number,
            year=said.year,
            report_date=said.report_date,
            sheet_name=said.sheet_name,
        )
        return submit(work, platform().settings, upload, preview=preview)


def read_form(form: ReportForm) -> ReceivedFile:
    """Return the file of an upload as a form. Raises InvalidInput for none, a large one, or one that is no workbook."""
    received = read_upload(form.file, platform().settings.import_max_bytes)
    _check_ending(received.filename, "file")
    return received


def _received() -> tuple[ReceivedFile, SaidOfReport]:
    """Return the file and what was said of it, from a form or a JSON body."""
    if request.mimetype == "multipart/form-data":
        form = form_as(ReportForm)
        return read_form(form), form
    most = platform().settings.import_max_bytes
    body = body_as(ReportBody)
    _check_ending(body.filename, "filename")
    if len(body.data) > most:
        limit = f"at most {most // (1024 * 1024)} MB are accepted"
        raise InvalidInput(f"{body.filename} is too large: {limit}", details={"data": limit})
    return ReceivedFile(body.data, body.filename), body


def _check_ending(filename: str, field: str) -> None:
    """Refuse what does not even claim to be an Excel file (wire contract, section 12); its content comes later."""
    if not filename.lower().endswith(ENDINGS):
        message = (
            f'{filename} is no Excel workbook. Open it in Excel or LibreOffice, choose "Save as", pick '
            '"Excel Workbook (.xlsx)", and upload that file.'
        )
        raise InvalidInput(message, details={field: message})


def _check_user(connection: Any, user_id: str | None) -> None:
    """Who acts is whoever is signed in. A user's id in the request must agree; other texts name nobody."""
    try:
        named = UUID(user_id) if user_id else None
    except ValueError:
        return
    if named is not None:
        acting_user(connection, actor(), str(named), "user_id")


def parse_report_id(text: str) -> UUID:
    """Return a report's id. Raises InvalidReportId for what is none."""
    try:
        return parse_uuid(text)
    except InvalidInput as error:
        raise service.InvalidReportId("Invalid report ID", details=error.details) from error


def _statuses(text: str | None) -> tuple[str, ...] | None:
    if text is None:
        return None
    wanted = tuple(part.strip() for part in text.split(",") if part.strip())
    unknown = sorted(set(wanted) - set(STATUSES))
    if unknown:
        message = f"no such status: {', '.join(unknown)}"
        raise InvalidInput(f"status: {message}", details={"status": message, "valid_statuses": list(STATUSES)})
    return wanted


def _aware(at: datetime | None) -> datetime | None:
    return at.replace(tzinfo=BUSINESS_ZONE) if at is not None and at.tzinfo is None else at
