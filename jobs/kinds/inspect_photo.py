"""Inspect one evidence photo after its upload: does it show what it should, and is it this ticket's own?"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from integrations import photo_inspection
from integrations.storage import Storage, StoredFileMissing
from jobs.context import JobContext
from jobs.ledger import EnqueuedJob
from jobs.outcomes import Discard, Outcome, cancel, done
from jobs.registry import Backoff, JobArgs, job
from jobs.work import Work
from ticketing.attachments.events import AttachmentUploaded
from ticketing.events import Event
from ticketing.evidence import service
from ticketing.evidence.rules import Look, Policy
from ticketing.vocabulary import ATTACHMENT_MAX_BYTES

# Behind fresh uploads, for which somebody may be waiting.
LATER = 7


class InspectPhoto(JobArgs):
    """Which photo, and whose."""

    attachment_id: UUID
    ticket_id: UUID

    @classmethod
    def from_event(cls, event: Event) -> InspectPhoto | None:
        """Make the arguments out of an upload; files that are no evidence photos are not inspected."""
        if not isinstance(event, AttachmentUploaded) or not event.is_evidence_photo:
            return None
        return cls(attachment_id=event.attachment_id, ticket_id=event.ticket_id)


# Not unique: an inspection that is asked for while one runs may see what the running one did not.
@job(
    "inspect_photo",
    queue="tickets",
    max_attempts=6,
    backoff=Backoff(base=2, cap=300),
    time_limit=60,
    # The largest pictures that are decoded need some 300 MB for a moment.
    concurrency=4,
    on=(AttachmentUploaded,),
    retention=timedelta(days=7),
    subjects=(("attachment", "attachment_id"), ("ticket", "ticket_id")),
)
def inspect_photo(args: InspectPhoto, context: JobContext) -> Outcome:
    """Look at the stored bytes, compare, judge; the result has status and codes. A broken photo is a finding.

    A file that is not in the store is looked for again; the last attempt fails with what to do, and the photo stays
    pending.
    """
    with context.read() as connection:
        photo = service.find_photo(connection, args.attachment_id)
    if photo is None:
        return cancel("The photo was deleted")
    look = _look(context, photo["storage_key"], photo["file_sha256"])
    with context.step() as step:
        service.keep_look(step, args.attachment_id, look)
    policy = Policy.from_settings(context.settings)
    inspection = service.inspect(context.work, args.ticket_id, args.attachment_id, look, policy)
    if inspection is None:
        return cancel("The photo was deleted")
    submit_many(context.work, inspection.look_again)
    return done(inspection.as_json())


def submit(work: Work, attachment_id: UUID, ticket_id: UUID) -> EnqueuedJob:
    """Enqueue an inspection of a photo."""
    return work.enqueue(inspect_photo, InspectPhoto(attachment_id=attachment_id, ticket_id=ticket_id))


def submit_many(work: Work, photos: Sequence[tuple[UUID, UUID]]) -> None:
    """Enqueue inspections of photos (id, ticket's id) with one statement, behind those of fresh uploads."""
    if photos:
        arguments = [InspectPhoto(attachment_id=photo, ticket_id=ticket) for photo, ticket in photos]
        work.enqueue_many(inspect_photo, arguments, priority=LATER)


def _look(context: JobContext, key: str, sha256: str) -> Look:
    try:
        # One byte more than an attachment may have tells a file that has grown, and reads no gigabytes.
        data = Storage.from_settings(context.settings).get_range(key, 0, ATTACHMENT_MAX_BYTES + 1)
    except StoredFileMissing as error:
        if not context.is_last_attempt:
            raise
        raise Discard("The photo's file is not in the store: upload it again, or bring the file back") from error
    return photo_inspection.look_at(data, sha256)
