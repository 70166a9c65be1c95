"""When faults are reported, or moved to other places: looks for repeat faults at their own places.

What one unit of work reported is looked at together: a thousand cases of the CRM that come in by the batch are some
forty jobs, not a thousand.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any, Final, Self
from uuid import UUID

from pydantic import model_validator

from jobs.context import JobContext
from jobs.kinds.scan_repeat_faults import raise_wherever_due
from jobs.outcomes import Outcome, done
from jobs.registry import JobArgs, job
from sql.database import Connection
from ticketing.events import Event, TicketEvent
from ticketing.repeat_faults.rules import PLACE_FIELDS, may_count
from ticketing.repeat_faults.scan import Question
from ticketing.ticket_events import TicketCreated, TicketUpdated

# So many tickets a job is about at most: a failed one holds up no more, and its row stays small.
AT_ONCE: Final = 100


class ScanTicketFaults(JobArgs):
    """The tickets at whose places to look."""

    ticket_ids: tuple[UUID, ...]

    @model_validator(mode="before")
    @classmethod
    def _take_one(cls, given: Any) -> Any:
        """Read what jobs were given when each was about one ticket: some may wait since before an upgrade."""
        if isinstance(given, dict) and given.keys() == {"ticket_id"}:
            return {"ticket_ids": [given["ticket_id"]]}
        return given

    @classmethod
    def from_events(cls, events: Sequence[Event], _connection: Connection) -> Iterable[Self]:
        """Concern the faults that were reported with a place, and those whose place changed; some in each job."""
        asked = (event.ticket_id for event in events if isinstance(event, TicketEvent) and _may_matter(event))
        ids = tuple(dict.fromkeys(asked))
        return [cls(ticket_ids=ids[start : start + AT_ONCE]) for start in range(0, len(ids), AT_ONCE)]


def _may_matter(event: TicketEvent) -> bool:
    """Whether to look after an event. What an import changes is left to the one scan that follows it."""
    if isinstance(event, TicketCreated):
        return may_count(event.after)
    moved = isinstance(event, TicketUpdated) and not PLACE_FIELDS.isdisjoint(event.after)
    return moved and "report_uid" not in event.details


# Not unique: a scan that has begun already may not have seen what changed meanwhile.
@job(
    "scan_ticket_faults",
    queue="tickets",
    on=(TicketCreated, TicketUpdated),
    retention=timedelta(days=7),
    subjects=(("ticket", "ticket_ids"),),
)
def scan_ticket_faults(args: ScanTicketFaults, context: JobContext) -> Outcome:
    """Scan the tickets' places; the result counts the escalations opened and the faults that joined one."""
    return done(raise_wherever_due(context, Question(tickets=args.ticket_ids)).as_json())
