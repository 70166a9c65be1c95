"""After a weekly import: tells the timelines of the tickets whose SLA time had run out before the report came."""

from __future__ import annotations

from typing import Self
from uuid import UUID

from jobs.context import JobContext
from jobs.outcomes import Outcome, done
from jobs.registry import JobArgs, job
from ticketing.events import Event
from ticketing.sla import sweep
from ticketing.weekly_reports.service import WeeklyReportImported


class NoteOverdueImport(JobArgs):
    """The report that was imported."""

    report_id: UUID

    @classmethod
    def from_event(cls, event: Event) -> Self | None:
        """Concern only reports that brought tickets."""
        if isinstance(event, WeeklyReportImported) and event.created:
            return cls(report_id=event.report_id)
        return None


@job(
    "note_overdue_import",
    queue="maintenance",
    unique_by=("report_id",),
    on=(WeeklyReportImported,),
    subjects=(("weekly_report", "report_id"),),
)
def note_overdue_import(args: NoteOverdueImport, context: JobContext) -> Outcome:
    """Note them with one statement, in the transaction that completes the job."""
    noted = sweep.note_overdue_of_report(context.work, args.report_id, context.id, context.claim.request_id)
    return done({"noted": noted})
