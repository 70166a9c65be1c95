"""Work on one event that the outside sent: a hint of QContact to read a case again, or news of WAHA."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from jobs.context import JobContext
from jobs.ledger import EnqueuedJob
from jobs.outcomes import Outcome, cancel, done
from jobs.procedures.webhook_events import HANDLERS
from jobs.registry import Backoff, JobArgs, job
from jobs.work import Work
from ticketing.webhooks import receipts


class ProcessWebhook(JobArgs):
    """Which event."""

    receipt_id: UUID


# Ahead of what nobody waits for: acknowledgements tell whether a notice may be sent again.
@job(
    "process_webhook",
    queue="integrations",
    max_attempts=12,
    backoff=Backoff(base=2, cap=900),
    time_limit=60,
    priority=3,
    unique_by=("receipt_id",),
    retention=timedelta(days=7),
    subjects=(("webhook_receipt", "receipt_id"),),
)
def process_webhook(args: ProcessWebhook, job: JobContext) -> Outcome:
    """Hand the event to whom it concerns; what it changes and that it was dealt with commit together."""
    with job.read() as connection:
        receipt = receipts.find(connection, args.receipt_id)
    if receipt is None:
        return cancel("The event was forgotten")
    if receipt["processed_at"] is not None:
        return done({"outcome": "processed before"})
    return HANDLERS[receipt["source"]](job, receipt)


def submit(work: Work, receipt_id: UUID) -> EnqueuedJob:
    """Enqueue the work on an event that was just kept."""
    return work.enqueue(process_webhook, ProcessWebhook(receipt_id=receipt_id))
