"""Import a weekly report: stage it unless its preview did, then write its tickets a batch at a time."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import PurePath
from typing import Any
from uuid import UUID

import psycopg

from integrations.storage import Storage
from integrations.weekly_workbook import choose, look_at
from integrations.workbooks import open_workbook
from jobs import operations
from jobs.context import JobContext
from jobs.kinds.preview_weekly_report import PreviewWeeklyReport, preview_weekly_report
from jobs.ledger import EnqueuedJob
from jobs.outcomes import Discard, Outcome, done
from jobs.procedures.weekly_staging import REFUSALS, limits, stage
from jobs.registry import Backoff, JobArgs, job
from jobs.work import Work
from runtime.identifiers import uuid7
from runtime.settings import Settings
from ticketing.weekly_reports import importing, service, staging

LONGEST_FILENAME = 200


class ImportWeeklyReport(JobArgs):
    """The report to import, the sheet if somebody named one, and who asked for it."""

    report_id: UUID
    sheet_name: str | None = None
    imported_by: UUID | None = None


@job(
    "import_weekly_report",
    queue="imports",
    max_attempts=5,
    backoff=Backoff(base=5, cap=600),
    time_limit=900,
    unique_by=("report_id",),
    concurrency=2,
    retention=timedelta(days=30),
    subjects=(("weekly_report", "report_id"),),
)
def import_weekly_report(args: ImportWeeklyReport, job: JobContext) -> Outcome:
    """Import the report; the result is its counts. A later attempt goes on after the last batch that was committed.

    A file that holds no report fails without another try, and says why on the report.
    """
    with job.read() as connection:
        report = service.find(connection, args.report_id)
    if report["status"] == "completed":
        return done(_counts(report))
    with job.step() as work:
        service.begin_importing(work, args.report_id)
    source = importing.Source(report["id"], report["report_uid"], report["created_by"], job.id, job.claim.request_id)
    # The sheet's name is noted when every row is staged.
    total: int = report["total_rows"] if report["sheet_name"] is not None else _stage(job, report, args, source)
    _write_waiting(job, source, total)
    return done(_counts(service.complete(job.work, args.report_id, args.imported_by)))


def _stage(job: JobContext, report: dict[str, Any], args: ImportWeeklyReport, source: importing.Source) -> int:
    try:
        return stage(job, report, args.sheet_name, settle=source)
    except REFUSALS as error:
        with job.step() as work:
            service.fail(work, args.report_id, error.code, error.message)
        raise Discard(error.message) from error


def _write_waiting(job: JobContext, source: importing.Source, total: int) -> None:
    """Settle the rows that wait, batch by batch: all of a previewed report, hardly any of another.

    A batch that the database refuses is tried again in smaller ones until the row at fault stands alone and is
    rejected: one bad row never stops the others.
    """
    most = job.settings.import_batch_rows
    after, size = 0, most
    while True:
        try:
            with job.step() as work:
                batch = importing.import_batch(work, source, after_row=after, batch_rows=size)
        except (psycopg.IntegrityError, psycopg.DataError) as error:
            if importing.is_overtaken(error):
                continue
            if size > 1:
                size = max(1, size // 10)
                continue
            with job.step() as work:
                batch = importing.reject_next(work, source, after_row=after, why=error)
        if batch is None:
            return
        after, size = batch.last_row, min(most, size * 10)
        job.progress(batch.processed, total, phase="importing")


def _counts(report: dict[str, Any]) -> dict[str, Any]:
    names = ("total_rows", "created", "updated", "unchanged", "duplicate", "conflict", "rejected")
    return {name: report[name if name == "total_rows" else f"{name}_count"] for name in names}


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """A workbook that somebody sent, with what they said about it."""

    data: bytes
    filename: str
    week_number: int | None = None
    year: int | None = None
    report_date: date | None = None
    sheet_name: str | None = None


@dataclass(frozen=True, slots=True)
class Submitted:
    """A report that was taken in: its job checks it (preview) or imports it. `rows` counts empty ones too."""

    report_id: UUID
    report_uid: str
    job: EnqueuedJob
    rows: int


def submit(work: Work, settings: Settings, upload: Upload, *, preview: bool) -> Submitted:
    """Store an uploaded report, note it, and enqueue its preview or straight away its import.

    Raises at once what no job could mend: WorkbookError, UnreadableReport, EmptyReport, InvalidInput; and StorageError.
    """
    week = service.week_of(work.now, day=upload.report_date, year=upload.year, number=upload.week_number)
    filename = PurePath(upload.filename.replace("\\", "/")).name[:LONGEST_FILENAME] or "weekly-report.xlsx"
    report_id = uuid7()
    rows = _rows_of_same_file(work, report_id, upload) or _check(settings, upload, filename)
    key = f"imports/weekly/{week.year}/W{week.number:02d}/{report_id}.xlsx"
    sha256 = Storage.from_settings(settings).put(key, upload.data)
    file = service.StoredFile(filename, key, sha256, len(upload.data), rows)
    taken = service.take_in(work, report_id, file, week)
    if preview:
        enqueued = work.enqueue(
            preview_weekly_report, PreviewWeeklyReport(report_id=report_id, sheet_name=upload.sheet_name)
        )
        service.note_jobs(work, report_id, preview_job=enqueued.id)
    else:
        enqueued = _enqueue_import(work, report_id, upload.sheet_name)
    return Submitted(report_id, taken.report_uid, enqueued, rows)


def confirm(work: Work, report_id: UUID) -> EnqueuedJob:
    """Enqueue the import of a report whose preview somebody accepts. Raises NotFound and AlreadyExists."""
    service.require_confirmable(work, report_id)
    return _enqueue_import(work, report_id, None)


def dismiss(work: Work, report_id: UUID, reason: str | None) -> None:
    """Dismiss a report whose preview nobody wants, and keep who did it and why. Raises NotFound and AlreadyExists."""
    report = service.dismiss(work, report_id, reason)
    target = ("weekly_report", report_id)
    operations.audit(work, "weekly_report_dismiss", target, reason=reason, details={"report": report["report_uid"]})


def _enqueue_import(work: Work, report_id: UUID, sheet_name: str | None) -> EnqueuedJob:
    arguments = ImportWeeklyReport(report_id=report_id, sheet_name=sheet_name, imported_by=work.actor.user_id)
    enqueued = work.enqueue(import_weekly_report, arguments)
    service.note_jobs(work, report_id, import_job=enqueued.id)
    return enqueued


def _rows_of_same_file(work: Work, report_id: UUID, upload: Upload) -> int | None:
    """Return how many rows a file has that was imported before: it need not be opened to know that it is good."""
    sha256 = hashlib.sha256(upload.data).hexdigest()
    same = None if upload.sheet_name else staging.find_same_file(work.connection, report_id, sha256)
    return same.total_rows if same else None


def _check(settings: Settings, upload: Upload, filename: str) -> int:
    """Open the workbook as the job will, so that whoever uploads it hears at once what is wrong with it."""
    book = open_workbook(upload.data, filename=filename, limits=limits(settings))
    found, _ = choose(book, look_at(book), upload.sheet_name)
    if not found.rows:
        raise service.EmptyReport(f"{filename} has headers and no rows: there is nothing to import.")
    return found.rows
