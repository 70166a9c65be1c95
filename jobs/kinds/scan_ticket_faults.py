"""When a fault is reported, or is moved to another place: looks for repeat faults at its own places."""

from __future__ import annotations

from datetime import timedelta
from typing import Self
from uuid import UUID

from jobs.context import JobContext
from jobs.outcomes import Outcome, done
from jobs.registry import JobArgs, job
from ticketing.events import Event
from ticketing.repeat_faults.raising import raise_due
from ticketing.repeat_faults.rules import PLACE_FIELDS, may_count
from ticketing.repeat_faults.scan import Question
from ticketing.ticket_events import TicketCreated, TicketUpdated


class ScanTicketFaults(JobArgs):
    """The ticket at whose places to look."""

    ticket_id: UUID

    @classmethod
    def from_event(cls, event: Event) -> Self | None:
        """Look after a fault was reported with a place, and after a place changed.

        What an import changes is left to the one scan that follows it.
        """
        if isinstance(event, TicketCreated) and may_count(event.after):
            return cls(ticket_id=event.ticket_id)
        moved = isinstance(event, TicketUpdated) and not PLACE_FIELDS.isdisjoint(event.after)
        if isinstance(event, TicketUpdated) and moved and "report_uid" not in event.details:
            return cls(ticket_id=event.ticket_id)
        return None


# Not unique: a scan that has begun already may not have seen what changed meanwhile.
@job(
    "scan_ticket_faults",
    queue="tickets",
    on=(TicketCreated, TicketUpdated),
    retention=timedelta(days=7),
    subjects=(("ticket", "ticket_id"),),
)
def scan_ticket_faults(args: ScanTicketFaults, context: JobContext) -> Outcome:
    """Scan the ticket's places; the result counts the escalations opened and the faults that joined one."""
    return done(raise_due(context.work, Question(tickets=[args.ticket_id])).as_json())
