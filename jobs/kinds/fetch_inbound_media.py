"""Fetch what came with a message before the gateway forgets it, and bring it to the message's ticket."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

from integrations.outside import NotThere, OutsideError, Refused
from integrations.received_files import examine
from integrations.storage import Storage, StoredFileMissing
from jobs.context import JobContext
from jobs.ledger import EnqueuedJob
from jobs.outcomes import Outcome, done, snooze
from jobs.outside import calling
from jobs.procedures.attachment_files import add, keep
from jobs.registry import Backoff, JobArgs, job
from jobs.work import Work
from ticketing.attachments import rules
from ticketing.errors import AlreadyExists, ConditionNotMet, InvalidInput
from ticketing.inbound_messages import media, service
from ticketing.inbound_messages.words import MediaStatus
from ticketing.ticket_locks import lock_ticket


class FetchInboundMedia(JobArgs):
    """Whose file."""

    message_id: UUID


@job(
    "fetch_inbound_media",
    queue="integrations",
    max_attempts=8,
    # The gateway keeps files for minutes only.
    backoff=Backoff(base=2, cap=120),
    time_limit=120,
    # A file may be ten megabytes, and its picture many times that for a moment.
    concurrency=4,
    priority=3,
    unique_by=("message_id",),
    retention=timedelta(days=7),
    subjects=(("inbound_message", "message_id"),),
)
def fetch_inbound_media(args: FetchInboundMedia, job: JobContext) -> Outcome:
    """Fetch or read the file; keep it for whoever decides, or make it a file of the ticket, looked at as any upload.

    A file that the gateway lost, or that a ticket does not take, is noted with the reason: the message stays.
    """
    with job.read() as connection:
        message = service.find(connection, args.message_id)
    if message["media_status"] not in (MediaStatus.PENDING, MediaStatus.STORED):
        return done({"media": message["media_status"]})
    try:
        data = _bytes_of(job, message)
        examine(data, media.name_of(message))
    except _Gone as gone:
        return _give_up(job, message, gone.status, str(gone))
    except InvalidInput as error:
        return _give_up(job, message, MediaStatus.REFUSED, error.message)
    return _attach(job, message, data) if message["ticket_id"] else _keep_waiting(job, message, data)


def submit(work: Work, message_id: UUID) -> EnqueuedJob:
    """Enqueue the fetching of a message's file, or the bringing of a kept one to the ticket it belongs to by now."""
    return work.enqueue(fetch_inbound_media, FetchInboundMedia(message_id=message_id))


class _Gone(Exception):
    """There is no file to be had; `status` says which way."""

    def __init__(self, status: MediaStatus, reason: str) -> None:
        super().__init__(reason)
        self.status = status


def _bytes_of(job: JobContext, message: Mapping[str, Any]) -> bytes:
    if message["media_status"] == MediaStatus.STORED:
        try:
            return Storage.from_settings(job.settings).get(message["media_key"])
        except StoredFileMissing as error:
            raise _Gone(MediaStatus.LOST, "The file is not in storage any more") from error
    if not message["media_url"]:
        raise _Gone(MediaStatus.LOST, "The gateway did not say where the file is")
    return _download(job, message["media_url"])


def _download(job: JobContext, url: str) -> bytes:
    try:
        with calling(job, "waha"):
            return job.platform.outside.waha.download(url, most=rules.MAX_BYTES)
    except NotThere as error:
        raise _Gone(MediaStatus.LOST, "The gateway has the file no more") from error
    except Refused as error:
        raise _Gone(MediaStatus.REFUSED, error.message) from error
    except OutsideError as error:
        if not job.is_last_attempt:
            raise
        raise _Gone(MediaStatus.LOST, f"The file could not be fetched: {error.message}") from error


def _keep_waiting(job: JobContext, message: Mapping[str, Any], data: bytes) -> Outcome:
    """Keep the file for whoever decides about the message; where that happened meanwhile, come again at once."""
    Storage.from_settings(job.settings).put(media.key_of(message["id"]), data)
    work = job.work
    locked = service.lock(work, message["id"])
    media.note_stored(work, message["id"])
    if locked["ticket_id"] is not None:
        return snooze(job.now, "the message has got a ticket meanwhile")
    return done({"media": MediaStatus.STORED.value, "bytes": len(data)})


def _attach(job: JobContext, message: Mapping[str, Any], data: bytes) -> Outcome:
    storage, ticket_id = Storage.from_settings(job.settings), message["ticket_id"]
    kept = keep(storage, ticket_id, [(data, media.name_of(message))])
    work = job.work
    lock_ticket(work, ticket_id)
    locked = service.lock(work, message["id"])
    try:
        with work.attempt():
            (row,) = add(work, ticket_id, kept, media.said_of(kept[0].facts.kind))
        attachment_id = row["id"]
    except AlreadyExists as error:
        # The same picture twice, from two senders or in two messages, is one file of the ticket.
        attachment_id = _same_file(error)
    except ConditionNotMet as error:
        media.note_unusable(work, locked, MediaStatus.REFUSED, error.message)
        return done({"media": MediaStatus.REFUSED.value, "because": error.message})
    media.note_attached(work, locked, attachment_id)
    return done({"media": MediaStatus.ATTACHED.value, "attachment_id": str(attachment_id)})


def _same_file(error: AlreadyExists) -> UUID:
    details = error.details if isinstance(error.details, dict) else {}
    return UUID(details["attachment_id"])


def _give_up(job: JobContext, message: Mapping[str, Any], status: MediaStatus, reason: str) -> Outcome:
    work = job.work
    media.note_unusable(work, service.lock(work, message["id"]), status, reason)
    return done({"media": status.value, "because": reason})
