"""Every report that can be exported, and writing one: in pieces for whoever waits, or whole into a file."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict
from typing import Any, BinaryIO, Final

from pydantic_core import to_json

from integrations.delimited import csv_pieces
from integrations.workbooks.streaming import StreamedWorkbook
from jobs import views
from jobs.views import AuditFilter, JobFilter
from ticketing.billing import BILLING
from ticketing.errors import ConditionNotMet
from ticketing.exports.columns import Column, cells_of, headers_of, local, utc
from ticketing.exports.reports import AT_ONCE, FAULT_TRENDS, READINESS, RISKS, TICKETS, Reader, Report, Rows, Sheet
from ticketing.vocabulary import ExportFormat

CONTENT_TYPES: Final = {
    ExportFormat.XLSX: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ExportFormat.CSV: "text/csv; charset=utf-8",
}

JOB_COLUMNS: Final = (
    Column("Job", "id"),
    Column("Kind", "kind"),
    Column("Queue", "queue"),
    Column("State", "state"),
    Column("Priority", "priority"),
    Column("Attempt", "attempt"),
    Column("Attempts allowed", "max_attempts"),
    Column("Snoozes", "snoozes"),
    local("Created", "created_at"),
    utc("Created", "created_at"),
    local("Scheduled", "scheduled_at"),
    local("Started", "started_at"),
    local("Finished", "finished_at"),
    Column("Done", "progress_done"),
    Column("Of", "progress_total"),
    Column("Phase", "progress_phase"),
    Column("Error", "error_class"),
    Column("Error message", "error_message"),
    Column("Asked for by", "actor_name"),
    Column("Schedule", "schedule_name"),
    Column("Tags", "tags"),
    Column("Request", "request_id"),
    Column("Cancelled because", "cancel_reason"),
)

AUDIT_COLUMNS: Final = (
    local("When", "occurred_at"),
    utc("When", "occurred_at"),
    Column("Who", "actor_name"),
    Column("As", "actor_kind"),
    Column("What", "action"),
    Column("To", "target_type"),
    Column("Which", "target_id"),
    Column("Why", "reason"),
    Column("Details", "details"),
    Column("Request", "request_id"),
)

Watcher = Callable[[int], None]


def _read_jobs(reader: Reader, wanted: JobFilter) -> Rows:
    before = None
    while True:
        with reader.connect() as connection:
            rows = views.list_jobs(connection, wanted, before_id=before, page_size=AT_ONCE)
        yield rows
        if len(rows) < AT_ONCE:
            return
        before = rows[-1]["id"]


def _jobs(reader: Reader, wanted: JobFilter) -> list[Sheet]:
    return [Sheet("Jobs", JOB_COLUMNS, _read_jobs(reader, wanted))]


JOBS: Final = Report("jobs", JobFilter, _jobs, roles=("operator", "manager", "viewer"))


def _read_audit(reader: Reader, wanted: AuditFilter) -> Rows:
    before = None
    while True:
        with reader.connect() as connection:
            rows = views.list_audit(connection, **asdict(wanted), before_id=before, page_size=AT_ONCE)
        yield [{**row, "details": to_json(row["details"]).decode() if row["details"] else None} for row in rows]
        if len(rows) < AT_ONCE:
            return
        before = rows[-1]["id"]


def _audit(reader: Reader, wanted: AuditFilter) -> list[Sheet]:
    return [Sheet("Audit", AUDIT_COLUMNS, _read_audit(reader, wanted))]


AUDIT: Final = Report("audit", AuditFilter, _audit, roles=("operator", "manager"))

REPORTS: Final = {report.name: report for report in (TICKETS, JOBS, RISKS, READINESS, FAULT_TRENDS, BILLING, AUDIT)}


def csv_of(report: Report, reader: Reader, wanted: Any) -> Iterator[bytes]:
    """Yield a report's first sheet as CSV, in pieces: at any time no more than one batch of rows is in memory."""
    sheet = report.sheets(reader, wanted)[0]
    return csv_pieces(headers_of(sheet.columns), _rows(sheet, _ignore))


def write(
    report: Report,
    reader: Reader,
    wanted: Any,
    file_format: ExportFormat,
    file: BinaryIO,
    watch: Watcher | None = None,
) -> int:
    """Write a report into an open file; returns how many rows it has. `watch` hears how many after each batch."""
    counter = _Counter(watch or _ignore)
    sheets = report.sheets(reader, wanted)
    if file_format == ExportFormat.CSV:
        file.writelines(csv_pieces(headers_of(sheets[0].columns), _rows(sheets[0], counter)))
        return counter.rows
    with StreamedWorkbook(file) as book:
        for sheet in sheets:
            book.add_sheet(sheet.title, headers_of(sheet.columns), _rows(sheet, counter))
    return counter.rows


def no_more_than(most: int, instead: str) -> Watcher:
    """Return a watcher that raises ConditionNotMet beyond so many rows, telling what to do instead."""

    def watch(rows: int) -> None:
        if rows > most:
            raise ConditionNotMet(f"This has more than {most:,} rows: {instead}", details={"most_rows": most})

    return watch


class _Counter:
    """Counts rows over all sheets of an export, and tells the sum on."""

    def __init__(self, tell: Watcher) -> None:
        self.rows = 0
        self._tell = tell

    def __call__(self, batch: int) -> None:
        self.rows += batch
        self._tell(self.rows)


def _rows(sheet: Sheet, batch_read: Watcher) -> Iterator[list[object]]:
    for batch in sheet.batches:
        batch_read(len(batch))
        for row in batch:
            yield cells_of(sheet.columns, row)


def _ignore(_rows: int) -> None:
    """Hear and say nothing."""
