"""After a weekly import: tells those to whom the report gave tickets, or whose tickets it moved."""

from __future__ import annotations

from typing import Any, Self
from uuid import UUID

from jobs.context import JobContext
from jobs.kinds.write_notice import NOT_SET_UP, enqueue_sending
from jobs.outcomes import Outcome, done
from jobs.registry import JobArgs, job
from jobs.work import Work
from ticketing.events import Event
from ticketing.notices import importing, writing
from ticketing.notices.rules import Limits
from ticketing.weekly_reports.service import WeeklyReportImported

AT_ONCE = 100


class WriteImportedNotices(JobArgs):
    """The report that was imported."""

    report_id: UUID
    report_uid: str

    @classmethod
    def from_event(cls, event: Event) -> Self | None:
        """Concern only reports that brought or changed tickets."""
        if isinstance(event, WeeklyReportImported) and event.created + event.updated:
            return cls(report_id=event.report_id, report_uid=event.report_uid)
        return None


@job(
    "write_imported_notices",
    queue="notifications",
    priority=7,
    time_limit=3_600,
    unique_by=("report_id",),
    on=(WeeklyReportImported,),
    subjects=(("weekly_report", "report_id"),),
)
def write_imported_notices(args: WriteImportedNotices, context: JobContext) -> Outcome:
    """Write them in batches, each in a step of its own from which a later attempt goes on; the result counts them."""
    if context.settings.waha_url is None:
        return done({"skipped": NOT_SET_UP})
    limits = Limits.from_settings(context.settings)
    state: dict[str, Any] = {"written": 0, "after_row": 0} | context.saved
    while state["after_row"] is not None:
        with context.step() as work:
            state = _write_batch(work, args, limits, state)
            context.save(work, state)
        context.progress(state["written"])
    return done({"written": state["written"]})


def _write_batch(work: Work, args: WriteImportedNotices, limits: Limits, state: dict[str, Any]) -> dict[str, Any]:
    batch = importing.changes_of(work.connection, args.report_id, args.report_uid, state["after_row"], AT_ONCE)
    written = [writing.tell(work, change.ticket_id, change.occasion, limits) for change in batch.changes]
    for one in written:
        enqueue_sending(work, one)
    new = sum(1 for one in written if one.notice_id is not None and not one.repeated)
    return {"written": state["written"] + new, "after_row": batch.after_row}
