"""Reading and staging a weekly report's file: what its preview and its import both begin with.

Batch by batch, each a step of its own: the worker's heartbeat never waits long for the job's row, and an attempt that
was killed goes on after its last batch. The next batch is read while the database works on this one.
"""

from __future__ import annotations

import hashlib
import itertools
import threading
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeVar
from uuid import UUID

import psycopg

from integrations.storage import Storage, StoredFileMissing
from integrations.weekly_workbook import SheetFound, choose, look_at
from integrations.workbooks import Cell, Limits, Workbook, WorkbookError, open_workbook
from jobs.context import JobContext
from jobs.procedures.read_ahead import read_ahead
from runtime.settings import Settings
from ticketing.sla.forecasts import Forecast, load_targets
from ticketing.weekly_reports import importing, service, staging
from ticketing.weekly_reports.reading import PreparedRow, ReadRow, SheetReader

T = TypeVar("T")

# What is wrong with the file itself: no other attempt would read it better.
REFUSALS = (WorkbookError, service.EmptyReport, service.UnreadableReport, StoredFileMissing)
BATCHES_AHEAD = 2
# Rows that are read between two looks at the gate: some milliseconds of work.
SLICE = 100
READING = "reading"


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
    # The reader of workbooks reads a whole sheet before it gives a row: half a second for each 50,000.
    job.progress(0, report["total_rows"], phase=READING)
    book = _open(job, report)
    found, columns = choose(book, look_at(book), sheet_name)
    with job.read() as connection:
        references = staging.load_references(connection)
    reader = SheetReader(columns, references, report["created_at"])
    _Staging(job, report_id, reader, settle).run(found, done)
    with job.step() as work:
        total = staging.finish(work, report_id, found.sheet.name, columns, chosen=sheet_name is None)
    if not total:
        raise service.EmptyReport(f"{book.filename} has headers and no rows: there is nothing to import.")
    return total


@dataclass(frozen=True, slots=True)
class _Batch:
    """Rows ready to be staged, how many of the sheet's rows are read by then, and the clocks that they would start."""

    rows: list[PreparedRow]
    reached: int
    forecast: Forecast


@dataclass(frozen=True, slots=True)
class _Staging:
    job: JobContext
    report_id: UUID
    reader: SheetReader
    settle: importing.Source | None
    # Closed while the staging thread sends rows: beside a busy thread each of its short waits would cost 5 ms for the
    # interpreter's lock, more than reading ahead saves. While the database works there is no such contest.
    gate: threading.Event = field(default_factory=threading.Event)

    def run(self, found: SheetFound, done: int) -> None:
        """Stage the sheet's rows; those up to row `done` are there already and are only remembered."""
        phase = "importing" if self.settle else READING
        self.gate.set()
        with read_ahead(self._prepared(found), BATCHES_AHEAD) as batches:
            for batch in batches:
                fresh = [row for row in batch.rows if row.row_number > done]
                if fresh:
                    self._stage(fresh, batch.forecast)
                self.job.progress(batch.reached, found.rows, phase=phase)

    def _prepared(self, found: SheetFound) -> Generator[_Batch, None, None]:
        """Yield the batches of a sheet; runs in a thread that is ahead of the staging."""
        rows, reached = found.numbered_rows(), 0
        try:
            while batch := list(itertools.islice(rows, self.job.settings.import_batch_rows)):
                read = list(self._read(batch, None if reached else found.rows))
                reached += len(batch)
                yield self._looked_up(read, reached)
        finally:
            self.job.platform.database.release_thread()

    def _read(self, batch: list[tuple[int, list[Cell]]], total: int | None) -> Iterator[ReadRow]:
        """Read rows; with a total, as long as nothing is staged, it is told how many are read."""
        for count, some in enumerate(self._slices(batch)):
            if total is not None:
                self.job.progress(count * SLICE, total, phase=READING)
            yield from self.reader.read(some)

    def _looked_up(self, read: list[ReadRow], reached: int) -> _Batch:
        with self.job.read() as connection:
            drops = staging.find_drops(connection, read)
            batch = _Batch([], reached, Forecast(load_targets(connection)))
        for some in self._slices(read):
            rows = self.reader.prepare(some, drops)
            batch.rows.extend(rows)
            if self.settle:
                batch.forecast.add(row.start for row in rows if row.verdict == "ok")
        return batch

    def _slices(self, items: list[T]) -> Iterator[list[T]]:
        for start in range(0, len(items), SLICE):
            self.gate.wait()
            yield items[start : start + SLICE]

    def _stage(self, rows: list[PreparedRow], forecast: Forecast) -> None:
        """Stage a batch; one that the database refuses to settle is left waiting, to be taken row by row."""
        try:
            self._step(rows, forecast, self.settle)
        except (psycopg.IntegrityError, psycopg.DataError):
            if self.settle is None:
                raise
            self._step(rows, forecast, None)

    def _step(self, rows: list[PreparedRow], forecast: Forecast, settle: importing.Source | None) -> None:
        with self.job.step() as work:
            self.gate.clear()
            try:
                tally = staging.stage(work.connection, self.report_id, rows, settle=settle is not None)
            finally:
                self.gate.set()
            if settle is not None:
                bounds = importing.Bounds(self.report_id, rows[0].row_number - 1, rows[-1].row_number)
                importing.settle(work, settle, bounds, tally, forecast)


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
    # The upload checked these very bytes.
    return open_workbook(data, filename=report["original_filename"], limits=limits(job.settings), checked=True)
