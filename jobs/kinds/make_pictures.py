"""Make the smaller pictures of a photo, upright and without what the camera wrote: one for a phone, one for a desk."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from typing import Self
from uuid import UUID

from integrations.photos import PhotoError, shrink
from integrations.storage import Storage
from jobs.context import JobContext
from jobs.outcomes import Discard, Outcome, cancel, done
from jobs.registry import Backoff, JobArgs, job
from ticketing.attachments import rules, service, views
from ticketing.attachments.events import AttachmentUploaded
from ticketing.errors import NotFound
from ticketing.events import Event
from ticketing.vocabulary import AttachmentFileType

PHONE, DESK = 480, 1_600


class MakePictures(JobArgs):
    """The photo."""

    attachment_id: UUID

    @classmethod
    def from_event(cls, event: Event) -> Self | None:
        """Only photos have pictures."""
        if isinstance(event, AttachmentUploaded) and event.kind == AttachmentFileType.PHOTO:
            return cls(attachment_id=event.attachment_id)
        return None


@job(
    "make_pictures",
    queue="tickets",
    on=(AttachmentUploaded,),
    unique_by=("attachment_id",),
    max_attempts=8,
    backoff=Backoff(base=5, cap=3600),
    time_limit=120,
    # Each may need 200 MB for a moment.
    concurrency=4,
    retention=timedelta(days=7),
    subjects=(("attachment", "attachment_id"),),
)
def make_pictures(args: MakePictures, job: JobContext) -> Outcome:
    """Store both pictures, then name them. A photo that cannot be decoded has none, which is no failure.

    The keys are new at each attempt: what a killed one left behind is never named, and swept.
    """
    try:
        with job.read() as connection:
            photo = views.find_stored(connection, args.attachment_id)
    except NotFound:
        return cancel("The photo was deleted")
    if photo["thumbnail_key"]:
        return done({"made": 0})
    storage = Storage.from_settings(job.settings)
    data = storage.get(photo["storage_key"])
    if hashlib.sha256(data).hexdigest() != photo["file_sha256"]:
        raise Discard("The stored photo is not what was uploaded")
    try:
        desk = shrink(data, DESK)
        phone = shrink(desk, PHONE)
    except PhotoError as error:
        return done({"made": 0, "because": error.message})
    keys = {name: rules.new_picture_key(photo["ticket_id"], photo["id"], name) for name in ("phone", "desk")}
    storage.put(keys["phone"], phone)
    storage.put(keys["desk"], desk)
    named = service.name_pictures(job.work, args.attachment_id, thumbnail_key=keys["phone"], preview_key=keys["desk"])
    return done({"made": 2 if named else 0, "bytes": len(phone) + len(desk)})
