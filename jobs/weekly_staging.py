"""Reading and staging a weekly report's file: what its preview and its import both begin with.

Batch by batch, each a step of its own: the worker's heartbeat never waits long for the job's row, and an attempt that
was killed goes on after its last batch. The next batch is read while the database works on this one.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import psycopg

from integrations.storage import Storage, StoredFileMissing
from integrations.weekly_workbook import SheetFound, choose, look_at
from integrations.workbooks import Cell, Limits, Workbook, WorkbookError, open_workbook
from jobs.context import JobContext
from jobs.read_ahead import read_ahead
from runtime.settings import Settings
from ticketing.weekly_reports import importing, service, staging

# What is wrong with the file itself: no other attempt would read it better.
REFUSALS = (WorkbookError, service.EmptyReport, service.UnreadableReport, StoredFileMissing)
BATCHES_AHEAD = 2


def limits(settings: Settings) -> Limits:
    """Return what is accepted of an uploaded report."""
    return Limits(max_bytes=settings.import_max_bytes, max_rows=settings.import_max_rows)


def stage(
    job: JobContext, report: dict[str, Any], sheet_name: str | None, *, settle: importing.Source | None = None
) -> int:
    """Stage every row of the report's file and return how many there are.

    With `settle` each batch also writes its tickets in the same transaction; rows that cannot be settled so are left
    waiting. A file that was imported before is not read again: its rows are taken from that report. Raises REFUSALS.
    """
    report_id: UUID = report["id"]
    with job.read() as connection:
        done = staging.last_staged_row(connection, report_id)
        same = None if sheet_name else staging.find_same_file(connection, report_id, report["file_sha256"])
    if same is not None:
        return _stage_again(job, report_id, same, done, settle=settle is not None)
    book = _open(job, report)
    found, columns = choose(book, look_at(book), sheet_name)
    with job.read() as connection:
        references = staging.load_references(connection)
    stager = staging.Stager(report_id, columns, references, report["created_at"])
    _Staging(job, report_id, stager, settle).run(found, done)
    with job.step() as work:
        total = staging.finish(work, report_id, found.sheet.name, columns)
    if not total:
        raise service.EmptyReport(f"{book.filename} has headers and no rows: there is nothing to import.")
    return total


@dataclass(frozen=True, slots=True)
class _Staging:
    job: JobContext
    report_id: UUID
    stager: staging.Stager
    settle: importing.Source | None

    def run(self, found: SheetFound, done: int) -> None:
        """Stage the sheet's rows; those up to row `done` are there already and are only remembered."""
        size = self.job.settings.import_batch_rows
        batches = (self.stager.read(batch) for batch in _batches(found.numbered_rows(), size))
        read = 0
        with read_ahead(batches, BATCHES_AHEAD) as ahead:
            for batch in ahead:
                rows = [row for row in batch if row.row.row_number > done]
                if rows:
                    self._stage(rows)
                read += len(batch)
                self.job.progress(min(read, found.rows), found.rows, phase="importing" if self.settle else "reading")

    def _stage(self, rows: list[staging.ReadRow]) -> None:
        """Stage a batch; one that the database refuses to settle is left waiting, to be taken row by row."""
        try:
            self._step(rows, self.settle)
        except (psycopg.IntegrityError, psycopg.DataError):
            if self.settle is None:
                raise
            self._step(rows, None)

    def _step(self, rows: list[staging.ReadRow], settle: importing.Source | None) -> None:
        with self.job.step() as work:
            tally = self.stager.stage(work.connection, rows, settle=settle is not None)
            if settle is not None:
                first, last = rows[0].row.row_number, rows[-1].row.row_number
                importing.settle(work, settle, importing.Bounds(self.report_id, first - 1, last), tally)


def _stage_again(job: JobContext, report_id: UUID, same: staging.SameFile, done: int, *, settle: bool) -> int:
    size = job.settings.import_batch_rows
    for start in range(done, same.last_row, size):
        with job.step() as work:
            staging.stage_again(work, report_id, same, start, start + size, settle=settle)
        job.progress(min(start + size, same.last_row), same.last_row, phase="recognising")
    with job.step() as work:
        return staging.finish_again(work, report_id, same)


def _open(job: JobContext, report: dict[str, Any]) -> Workbook:
    data = Storage.from_settings(job.settings).get(report["storage_key"])
    if hashlib.sha256(data).hexdigest() != report["file_sha256"]:
        raise service.UnreadableReport("The stored copy of the file is not what was uploaded. Upload it again.")
    return open_workbook(data, filename=report["original_filename"], limits=limits(job.settings))


def _batches(rows: Iterable[tuple[int, list[Cell]]], size: int) -> Iterator[list[tuple[int, list[Cell]]]]:
    iterator = iter(rows)
    while batch := list(itertools.islice(iterator, size)):
        yield batch
