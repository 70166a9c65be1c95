"""Check an uploaded weekly report: read and stage its rows, and say what an import would do. Touches no ticket."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from jobs.context import JobContext
from jobs.outcomes import Discard, Outcome, cancel, done
from jobs.procedures.weekly_staging import REFUSALS, stage
from jobs.registry import Backoff, JobArgs, job
from ticketing.weekly_reports import previews, service


class PreviewWeeklyReport(JobArgs):
    """The report to check, and the sheet if somebody named one."""

    report_id: UUID
    sheet_name: str | None = None


@job(
    "preview_weekly_report",
    queue="imports",
    max_attempts=5,
    backoff=Backoff(base=5, cap=600),
    time_limit=900,
    unique_by=("report_id",),
    concurrency=2,
    retention=timedelta(days=30),
    subjects=(("weekly_report", "report_id"),),
)
def preview_weekly_report(args: PreviewWeeklyReport, job: JobContext) -> Outcome:
    """Stage the report and keep its preview; the result is the preview's counts.

    A file that holds no report fails without another try, and says why on the report. A report that somebody decided
    about is not checked again.
    """
    with job.read() as connection:
        report = service.find(connection, args.report_id)
    with job.step() as work:
        begun = service.begin_checking(work, args.report_id)
    if not begun:
        return cancel("The report was confirmed or dismissed already")
    try:
        total = stage(job, report, args.sheet_name)
    except REFUSALS as error:
        with job.step() as work:
            service.fail(work, args.report_id, error.code, error.message)
        raise Discard(error.message) from error
    job.progress(total, total, phase="comparing")
    with job.read() as connection:
        preview = previews.build(connection, args.report_id)
    service.keep_preview(job.work, args.report_id, preview)
    return done({name: value for name, value in preview.items() if isinstance(value, int)})
