"""Write an export into the file store. It exists once its row says so, and the row says so only of a whole file."""

from __future__ import annotations

import tempfile
from datetime import timedelta
from typing import Any
from uuid import UUID

from integrations.storage import Storage
from jobs import operations
from jobs.context import JobContext
from jobs.outcomes import Discard, Outcome, done
from jobs.procedures import exporting
from jobs.registry import Backoff, JobArgs, job
from jobs.work import Work
from ticketing.errors import NotFound
from ticketing.exports import service
from ticketing.exports.reports import Reader, Report
from ticketing.exports.service import WrittenFile
from ticketing.vocabulary import ExportFormat


class WriteExport(JobArgs):
    """The export to write; its row tells what and for whom."""

    export_id: UUID


@job(
    "write_export",
    queue="maintenance",
    max_attempts=3,
    backoff=Backoff(base=5, cap=300),
    time_limit=1800,
    unique_by=("export_id",),
    concurrency=2,
    retention=timedelta(days=30),
    subjects=(("export", "export_id"),),
)
def write_export(args: WriteExport, context: JobContext) -> Outcome:
    """Write the export as whoever asked for it may see it; the result tells its rows and bytes.

    The file under way has no name, so nothing is left of it when the process is killed.
    """
    with context.read() as connection:
        export = _find(connection, args.export_id)
    report, file_format = exporting.REPORTS[export["report"]], ExportFormat(export["file_format"])
    # Asked again now: a report may have been taken from a role since.
    requester = service.requester(export)
    report.require_reader(requester)
    reader = Reader(context.read, requester, context.now)
    wanted = service.read_filter(report, export["filters"])
    with tempfile.TemporaryFile() as file:
        rows = exporting.write(report, reader, wanted, file_format, file, context.progress)
        size = file.tell() if file_format == ExportFormat.CSV else file.seek(0, 2)
        key = f"exports/{args.export_id}.{file_format.value}"
        sha256 = Storage.from_settings(context.settings).put_file(key, file)
    context.progress(rows, rows, phase="storing")
    service.finish(context.work, args.export_id, WrittenFile(key, sha256, size, rows))
    return done({"export_id": str(args.export_id), "rows": rows, "bytes": size})


def submit(work: Work, report: Report, file_format: ExportFormat, wanted: Any) -> UUID:
    """Enqueue the writing of an export, with an audit row of who takes what away; returns the export's id.

    Raises Forbidden where the actor may not read the report.
    """
    export_id = service.request(work, report, file_format, wanted)
    enqueued = work.enqueue(write_export, WriteExport(export_id=export_id))
    service.note_job(work, export_id, enqueued.id)
    audit(work, report, file_format, wanted, {"export_id": str(export_id), "job_id": str(enqueued.id)})
    return export_id


def audit(
    work: Work, report: Report, file_format: ExportFormat, wanted: Any, more: dict[str, Any] | None = None
) -> None:
    """Write down who takes which data out of the system."""
    details = {"format": file_format.value, "filters": service.plain_filter(wanted), **(more or {})}
    operations.audit(work, "data_exported", ("export", report.name), details=details)


def _find(connection: Any, export_id: UUID) -> dict[str, Any]:
    try:
        return service.find(connection, export_id)
    except NotFound as error:
        raise Discard("The export was forgotten before it was written") from error
