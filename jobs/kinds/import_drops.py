"""Import a drop register (SOW) that was uploaded: one transaction, so a register is in whole or not at all."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import timedelta
from pathlib import PurePath

from integrations.storage import Storage
from integrations.workbooks import Cell, Limits, Sheet, Workbook, WorkbookError, open_workbook
from jobs.context import JobContext
from jobs.ledger import EnqueuedJob
from jobs.outcomes import Discard, Outcome, done
from jobs.registry import Backoff, JobArgs, job
from jobs.work import Work
from runtime.settings import Settings
from ticketing import drops
from ticketing.errors import InvalidInput

ROWS_BETWEEN_REPORTS = 500
LONGEST_FILENAME = 200


class ImportDrops(JobArgs):
    """A stored register: where it is, what the person called it, what its bytes must be, the project it is for."""

    storage_key: str
    filename: str
    sha256: str
    project_code: str | None = None


@job(
    "import_drops",
    queue="imports",
    max_attempts=5,
    backoff=Backoff(base=5, cap=300),
    time_limit=600,
    unique_by=("sha256", "project_code"),
    concurrency=2,
    retention=timedelta(days=90),
)
def import_drops(args: ImportDrops, job: JobContext) -> Outcome:
    """Bring the register to the database; the result is `ticketing.drops.ImportResult.as_json()`.

    A file that can never be imported (no workbook, no register, changed since its upload) fails without another try.
    """
    data = Storage.from_settings(job.settings).get(args.storage_key)
    if hashlib.sha256(data).hexdigest() != args.sha256:
        raise Discard(f"The stored copy of {args.filename} is not what was uploaded. Upload it again.")
    try:
        book = open_workbook(data, filename=args.filename, limits=limits(job.settings))
        register = drops.read_register(_watched(_register_sheet(book), job))
        job.progress(len(register.rows), len(register.rows), phase="writing")
        result = drops.import_register(job.work, register, project=args.project_code)
    except (WorkbookError, InvalidInput) as error:
        raise Discard(error.message) from error
    return done(result.as_json())


def submit(work: Work, settings: Settings, data: bytes, filename: str, project: str | None = None) -> EnqueuedJob:
    """Store an uploaded register and enqueue its import; an unfinished import of the same bytes is the answer instead.

    `project` is a project's code, name or alias. Raises a WorkbookError at once for a file that no import could open,
    UnreadableRegister for one that is no register, and StorageError.
    """
    filename = PurePath(filename.replace("\\", "/")).name[:LONGEST_FILENAME] or "drops.xlsx"
    _register_sheet(open_workbook(data, filename=filename, limits=limits(settings)))
    sha256 = hashlib.sha256(data).hexdigest()
    # The key is made of the contents: the same file is stored once, and no upload overwrites another.
    key = f"imports/drops/{sha256}.xlsx"
    Storage.from_settings(settings).put(key, data)
    project_code = (project or "").strip().upper() or None
    arguments = ImportDrops(storage_key=key, filename=filename, sha256=sha256, project_code=project_code)
    # The list of imports shows tags: they tell which file each was.
    return work.enqueue(import_drops, arguments, tags=(filename,))


def limits(settings: Settings) -> Limits:
    """Return what is accepted of an uploaded register."""
    return Limits(max_bytes=settings.import_max_bytes, max_rows=settings.import_max_rows)


def _register_sheet(book: Workbook) -> Sheet:
    """Return the first sheet that has a register's headers. Raises UnreadableRegister when none has."""
    refusal: InvalidInput = drops.UnreadableRegister(f"{book.filename} has no sheet with cells.")
    for name in book.sheet_names:
        sheet = book.sheet(name)
        try:
            drops.require_register(sheet.rows)
        except drops.UnreadableRegister as error:
            refusal = error
        else:
            return sheet
    raise refusal


def _watched(sheet: Sheet, job: JobContext) -> Iterator[list[Cell]]:
    for number, row in enumerate(sheet.rows):
        if number % ROWS_BETWEEN_REPORTS == 0:
            job.progress(number, sheet.height, phase="reading")
        yield row
