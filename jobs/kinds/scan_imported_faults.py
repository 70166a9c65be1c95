"""After an import: looks for repeat faults at the places of the tickets that it made or changed, and nowhere else."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from jobs.context import JobContext
from jobs.kinds.scan_repeat_faults import raise_wherever_due
from jobs.outcomes import Outcome, done
from jobs.registry import JobArgs, job
from ticketing.repeat_faults.scan import Question
from ticketing.weekly_reports.service import WeeklyReportImported


class ScanImportedFaults(JobArgs):
    """The report at whose places to look."""

    report_id: UUID


@job(
    "scan_imported_faults",
    queue="tickets",
    on=(WeeklyReportImported,),
    unique_by=("report_id",),
    retention=timedelta(days=30),
    subjects=(("weekly_report", "report_id"),),
)
def scan_imported_faults(args: ScanImportedFaults, context: JobContext) -> Outcome:
    """Scan the report's places; the result counts the escalations opened and the faults that joined one."""
    return done(raise_wherever_due(context, Question(report_id=args.report_id)).as_json())
