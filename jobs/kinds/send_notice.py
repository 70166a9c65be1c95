"""Send a notice that was written: its row was there before it, and tells what became of it."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from jobs.context import JobContext
from jobs.outcomes import Outcome, snooze
from jobs.registry import JobArgs, job

LATER = timedelta(minutes=1)


class SendNotice(JobArgs):
    """The notice to send."""

    notice_id: UUID


@job(
    "send_notice",
    queue="notifications",
    unique_by=("notice_id",),
    subjects=(("notice", "notice_id"),),
)
def send_notice(_args: SendNotice, context: JobContext) -> Outcome:
    """Wait: no gateway is connected yet."""
    return snooze(context.now + LATER, "no gateway is connected yet")
