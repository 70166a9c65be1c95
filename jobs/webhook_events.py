"""What each event of the outside leads to; see `jobs/kinds/process_webhook.py`.

A handler reads the stored body, calls outside if it must, and then writes in the job's final unit of work, in which the
receipt is settled too. A body that cannot be used, though its signature is good, is noted as such and not tried again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from types import MappingProxyType
from typing import Any

from jobs.context import JobContext
from jobs.outcomes import Outcome, done, snooze
from ticketing.qcontact_sync import log
from ticketing.qcontact_sync.log import LogEntry
from ticketing.vocabulary import SyncDirection, SyncType
from ticketing.webhooks import receipts

Handler = Callable[[JobContext, Mapping[str, Any]], Outcome]

# A reading that runs now may have read before the change that the hint is about.
AFTER_THE_RUNNING_ONE = timedelta(seconds=5)

_SYNC_TYPES = {"ticket.created": SyncType.CREATE, "ticket.assigned": SyncType.ASSIGNMENT}


def qcontact(job: JobContext, receipt: Mapping[str, Any]) -> Outcome:
    """Have the case read again, and note in the sync log that QContact hinted at it."""
    work = job.work
    kind = job.platform.registry.get("reread_qcontact_case")
    reading = work.enqueue(kind, kind.arguments(case_id=receipt["subject"]))
    if reading.existing and receipts.is_running(work.connection, reading.id):
        return snooze(job.now + AFTER_THE_RUNNING_ONE, "the case is being read just now: once more after that")
    log.write(
        work,
        LogEntry(
            sync_direction=SyncDirection.INBOUND,
            sync_type=_SYNC_TYPES.get(receipt["event"], SyncType.STATUS_UPDATE),
            qcontact_ticket_id=receipt["subject"],
            ticket_id=receipts.find_ticket_of_case(work.connection, receipt["subject"]),
            request={"event": receipt["event"], "said_at": receipt["said_at"].isoformat()},
            response={"job_id": str(reading.id)},
        ),
    )
    receipts.settle(work, receipt["id"], "applied")
    return done({"outcome": "applied", "job_id": str(reading.id)})


def waha(job: JobContext, receipt: Mapping[str, Any]) -> Outcome:
    """Take acknowledgements, news of sessions and messages; other events are none of our business."""
    receipts.settle(job.work, receipt["id"], "ignored")
    return done({"outcome": "ignored"})


HANDLERS: Mapping[str, Handler] = MappingProxyType({"qcontact": qcontact, "waha": waha})
