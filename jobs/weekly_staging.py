"""Reading and staging a weekly report's file: what its preview and its import both begin with."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterable, Iterator
from typing import Any, TypeVar
from uuid import UUID

from integrations.storage import Storage, StoredFileMissing
from integrations.weekly_workbook import SheetFound, choose, look_at
from integrations.workbooks import Limits, Workbook, WorkbookError, open_workbook
from jobs.context import JobContext
from runtime.settings import Settings
from ticketing.weekly_reports import service, staging
from ticketing.weekly_reports.headers import Columns

T = TypeVar("T")

# What is wrong with the file itself: no other attempt would read it better.
REFUSALS = (WorkbookError, service.EmptyReport, service.UnreadableReport, StoredFileMissing)


def limits(settings: Settings) -> Limits:
    """Return what is accepted of an uploaded report."""
    return Limits(max_bytes=settings.import_max_bytes, max_rows=settings.import_max_rows)


def stage(job: JobContext, report: dict[str, Any], sheet_name: str | None, *, settle: bool = False) -> int:
    """Stage every row of the report's file and return how many there are.

    In steps of a batch each, so that the worker's heartbeat never waits long for the job's row. The rows of a file that
    was imported before are taken from that report, with `settle` straight away as unchanged where they are. Raises
    REFUSALS.
    """
    report_id: UUID = report["id"]
    with job.step() as work:
        staging.restart(work, report_id)
    with job.read() as connection:
        same = None if sheet_name else staging.find_same_file(connection, report_id, report["file_sha256"])
    if same is not None:
        return _stage_again(job, report_id, same, settle=settle)
    book = _open(job, report)
    found, columns = choose(book, look_at(book), sheet_name)
    return _stage_rows(job, report, found, columns)


def _stage_rows(job: JobContext, report: dict[str, Any], found: SheetFound, columns: Columns) -> int:
    report_id: UUID = report["id"]
    with job.read() as connection:
        references = staging.load_references(connection)
    stager = staging.Stager(report_id, columns, references, report["created_at"])
    staged = 0
    for chunk in _chunks(found.numbered_rows(), job.settings.import_batch_rows):
        rows = stager.read(chunk)
        with job.step() as work:
            stager.stage(work.connection, rows)
        staged += len(chunk)
        job.progress(staged, found.rows, phase="reading")
    with job.step() as work:
        total = staging.finish(work, report_id, found.sheet.name, columns)
    return _not_empty(total, report["original_filename"])


def _stage_again(job: JobContext, report_id: UUID, same: staging.SameFile, *, settle: bool) -> int:
    for start in range(0, same.last_row, job.settings.import_batch_rows):
        end = start + job.settings.import_batch_rows
        with job.step() as work:
            staging.stage_again(work, report_id, same, start, end, settle=settle)
        job.progress(min(end, same.last_row), same.last_row, phase="recognising")
    with job.step() as work:
        return staging.finish_again(work, report_id, same)


def _open(job: JobContext, report: dict[str, Any]) -> Workbook:
    data = Storage.from_settings(job.settings).get(report["storage_key"])
    if hashlib.sha256(data).hexdigest() != report["file_sha256"]:
        raise service.UnreadableReport("The stored copy of the file is not what was uploaded. Upload it again.")
    return open_workbook(data, filename=report["original_filename"], limits=limits(job.settings))


def _not_empty(total: int, filename: str) -> int:
    if not total:
        raise service.EmptyReport(f"{filename} has headers and no rows: there is nothing to import.")
    return total


def _chunks(rows: Iterable[T], size: int) -> Iterator[list[T]]:
    iterator = iter(rows)
    while chunk := list(itertools.islice(iterator, size)):
        yield chunk
