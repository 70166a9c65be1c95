"""When something happens that somebody is to be told of: writes the notice and, with it, the job that sends it."""

from __future__ import annotations

from datetime import timedelta
from typing import Self
from uuid import UUID

from jobs.context import JobContext
from jobs.kinds.send_notice import SendNotice, send_notice
from jobs.outcomes import Outcome, done
from jobs.registry import JobArgs, job
from jobs.work import Work
from ticketing.events import Event, TicketEvent
from ticketing.notices import writing
from ticketing.notices.occasions import TOLD_OF, Occasion, occasion_of
from ticketing.notices.rules import Limits
from ticketing.notices.writing import Written
from ticketing.vocabulary import NotificationTemplate

NOT_SET_UP = "no gateway to WhatsApp is set up"


class WriteNotice(JobArgs):
    """What to tell of which ticket; see Occasion."""

    ticket_id: UUID
    template: NotificationTemplate
    cause: str
    changed: tuple[str, ...] = ()
    said: dict[str, str] = {}
    tell: UUID | None = None

    @classmethod
    def from_event(cls, event: Event) -> Self | None:
        """Concern only what somebody is told of."""
        occasion = occasion_of(event)
        if occasion is None or not isinstance(event, TicketEvent):
            return None
        return cls(
            ticket_id=event.ticket_id,
            template=occasion.template,
            cause=occasion.cause,
            changed=occasion.changed,
            said=dict(occasion.said),
            tell=occasion.tell,
        )

    def occasion(self) -> Occasion:
        """Return what there is to tell."""
        return Occasion(template=self.template, cause=self.cause, changed=self.changed, said=self.said, tell=self.tell)


# Not unique: each event is told of, and the database keeps the same from being said twice in five minutes.
@job(
    "write_notice",
    queue="notifications",
    on=TOLD_OF,
    retention=timedelta(days=7),
    subjects=(("ticket", "ticket_id"),),
)
def write_notice(args: WriteNotice, context: JobContext) -> Outcome:
    """Write it, to each who is to be told; the result names the notices, or says why there is none."""
    if context.settings.waha_url is None:
        return done({"skipped": NOT_SET_UP})
    work = context.work
    written = writing.tell(work, args.ticket_id, args.occasion(), Limits.from_settings(context.settings))
    for one in written:
        enqueue_sending(work, one)
    told = [one.as_json() for one in written]
    return done(told[0] if len(told) == 1 else {"notices": told})


def enqueue_sending(work: Work, written: Written) -> None:
    """Enqueue the sending of a notice that was written, for its time; nothing where nothing is to be sent."""
    if written.notice_id is not None and written.not_before is not None:
        work.enqueue(send_notice, SendNotice(notice_id=written.notice_id), at=written.not_before)
