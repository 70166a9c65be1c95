"""Inspect photos again that were refused for repeating one that is deleted now: it was on the wrong ticket, say."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from jobs.context import JobContext
from jobs.kinds.inspect_photo import submit_many
from jobs.outcomes import Outcome, done
from jobs.registry import JobArgs, job
from ticketing.attachments.events import AttachmentDeleted
from ticketing.events import Event
from ticketing.evidence import service
from ticketing.evidence.rules import Policy


class ForgiveRepeats(JobArgs):
    """The photo that was deleted."""

    attachment_id: UUID

    @classmethod
    def from_event(cls, event: Event) -> ForgiveRepeats | None:
        """Make the arguments out of a deletion; nothing is held against what was no evidence photo."""
        if not isinstance(event, AttachmentDeleted) or not event.is_evidence_photo:
            return None
        return cls(attachment_id=event.attachment_id)


@job(
    "forgive_repeats",
    queue="tickets",
    max_attempts=6,
    time_limit=60,
    on=(AttachmentDeleted,),
    retention=timedelta(days=7),
    subjects=(("attachment", "attachment_id"),),
)
def forgive_repeats(args: ForgiveRepeats, context: JobContext) -> Outcome:
    """Enqueue an inspection of each photo that the deleted one is held against; the result counts them."""
    policy = Policy.from_settings(context.settings)
    photos = service.find_held_against(context.work.connection, args.attachment_id, policy)
    submit_many(context.work, photos)
    return done({"photos": len(photos)})
