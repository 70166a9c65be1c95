"""After a weekly import: tells those to whom the report gave tickets, or whose tickets it moved."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self
from uuid import UUID

from jobs.context import JobContext
from jobs.kinds.write_notice import NOT_SET_UP, enqueue_sending
from jobs.outcomes import Outcome, done
from jobs.registry import JobArgs, job
from jobs.work import Work
from ticketing.events import Event
from ticketing.notices import importing, writing
from ticketing.notices.importing import Change
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
    """Write them row by row, each row in a step of its own from which a later attempt goes on; the result counts them.

    A step holds one ticket and those whom it names: with more it could stand crosswise to somebody else's.
    """
    if context.settings.waha_url is None:
        return done({"skipped": NOT_SET_UP})
    limits = Limits.from_settings(context.settings)
    state: dict[str, int] = {"written": 0, "after_row": 0} | context.saved
    while True:
        with context.read() as connection:
            batch = importing.changes_of(connection, args.report_id, args.report_uid, state["after_row"], AT_ONCE)
        for row_number, changes in batch.by_row():
            with context.step() as work:
                written = state["written"] + _tell(work, changes, limits)
                state = {"written": written, "after_row": row_number}
                context.save(work, state)
            context.progress(state["written"])
        if batch.after_row is None:
            return done({"written": state["written"]})
        state = state | {"after_row": batch.after_row}


def _tell(work: Work, changes: Sequence[Change], limits: Limits) -> int:
    """Write the notices of changes and enqueue their sending; returns how many are new."""
    written = [one for change in changes for one in writing.tell(work, change.ticket_id, change.occasion, limits)]
    for one in written:
        enqueue_sending(work, one)
    return sum(1 for one in written if one.notice_id is not None and not one.repeated)
