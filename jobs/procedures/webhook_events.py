"""What each event of the outside leads to; see `jobs/kinds/process_webhook.py`.

A handler reads the stored body, calls outside if it must, and then writes in the job's final unit of work, in which the
receipt is settled too. A body that cannot be used, though its signature is good, is noted as such and not tried again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from types import MappingProxyType
from typing import Any

from integrations.outside import OutsideError
from integrations.waha import events
from jobs.context import JobContext
from jobs.kinds import fetch_inbound_media
from jobs.kinds.reread_qcontact_case import RereadQContactCase, reread_qcontact_case
from jobs.outcomes import Outcome, done, snooze
from jobs.outside import calling
from ticketing.inbound_messages import service as inbound_messages
from ticketing.notices import delivery, sessions
from ticketing.notices.acks import Ack
from ticketing.notices.sessions import Hold, News
from ticketing.qcontact_sync import log
from ticketing.qcontact_sync.log import LogEntry
from ticketing.vocabulary import SyncDirection, SyncType
from ticketing.webhooks import deliveries, receipts

Handler = Callable[[JobContext, Mapping[str, Any]], Outcome]

# A reading that runs now may have read before the change that the hint is about.
AFTER_THE_RUNNING_ONE = timedelta(seconds=5)

_SYNC_TYPES = {"ticket.created": SyncType.CREATE, "ticket.assigned": SyncType.ASSIGNMENT}


def qcontact(job: JobContext, receipt: Mapping[str, Any]) -> Outcome:
    """Have the case read again, and note in the sync log that QContact hinted at it."""
    work = job.work
    reading = work.enqueue(reread_qcontact_case, RereadQContactCase(case_id=receipt["subject"]))
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
    """Take confirmations, news of sessions and messages; other events are none of our business."""
    take = _NEWS.get(receipt["event"])
    if take is None:
        return _settled(job, receipt, "ignored")
    try:
        return take(job, receipt, deliveries.load(bytes(receipt["body"])).get("payload"))
    except ValueError as error:
        return _settled(job, receipt, "unusable", str(error))


def _confirmation(job: JobContext, receipt: Mapping[str, Any], payload: Any) -> Outcome:
    """How far a message of ours is."""
    confirmed = events.confirmed_of(payload)
    if confirmed is None:
        return _settled(job, receipt, "ignored")
    ack = Ack(
        session=receipt["subject"],
        stanza=confirmed.stanza,
        level=confirmed.level,
        at=receipt["said_at"],
        participant=confirmed.participant,
        reason=confirmed.reason,
    )
    delivery.apply_ack(job.work, ack)
    return _settled(job, receipt, "applied")


def _message(job: JobContext, receipt: Mapping[str, Any], payload: Any) -> Outcome:
    """A message: one of ours tells how far it is, one of somebody else's is brought to where it belongs."""
    received = events.received_of(receipt["subject"], payload, receipt["said_at"])
    if received is None:
        return _confirmation(job, receipt, payload)
    if received.sender_phone is None:
        received = replace(received, sender_phone=_phone_behind(job, received.sender_id))
    for message_id in inbound_messages.receive(job.work, received):
        fetch_inbound_media.submit(job.work, message_id)
    return _settled(job, receipt, "applied")


def _phone_behind(job: JobContext, hidden_id: str) -> str | None:
    """Return the telephone of a hidden sender, asked for once; None where the gateway does not know it either."""
    with job.read() as connection:
        phone = inbound_messages.known_phone(connection, hidden_id)
    if phone is not None or job.settings.waha_url is None:
        return phone
    try:
        with calling(job, "waha"):
            return job.platform.outside.waha.phone_of_hidden_id(hidden_id)
    except OutsideError as error:
        # The message counts for more than its writer's number.
        if not job.is_last_attempt:
            raise
        job.log("the writer's number could not be found out", error=error.message)
        return None


def _session(job: JobContext, receipt: Mapping[str, Any], payload: Any) -> Outcome:
    """What state a session of the gateway is in, or what WhatsApp does not let it do."""
    told = events.session_told(payload)
    holds = None if told.restrictions is None else [Hold(one.what, one.until) for one in told.restrictions]
    news = News(session=receipt["subject"], at=receipt["said_at"], status=told.status, holds=holds)
    sessions.note_news(job.work, news)
    return _settled(job, receipt, "applied")


def _settled(
    job: JobContext, receipt: Mapping[str, Any], outcome: receipts.Outcome, error: str | None = None
) -> Outcome:
    receipts.settle(job.work, receipt["id"], outcome, error)
    return done({"outcome": outcome} | ({"because": error} if error else {}))


_NEWS: Mapping[str, Callable[[JobContext, Mapping[str, Any], Any], Outcome]] = MappingProxyType(
    {
        "message": _message,
        "message.any": _message,
        "message.ack": _confirmation,
        "message.ack.group": _confirmation,
        "session.status": _session,
    }
)
HANDLERS: Mapping[str, Handler] = MappingProxyType({"qcontact": qcontact, "waha": waha})
