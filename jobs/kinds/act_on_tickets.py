"""A change that somebody asked for on many tickets: a few at a time, each with a result, done as by who asked."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from jobs.context import JobContext
from jobs.ledger import EnqueuedJob
from jobs.outcomes import Outcome, done
from jobs.registry import Backoff, JobArgs, job
from jobs.work import Work
from ticketing.bulk_actions import service, views
from ticketing.bulk_actions.requests import NewBulkAction

# So many tickets are held at once: nobody who works on one of them waits noticeably for the others.
AT_ONCE = 25


class ActOnTickets(JobArgs):
    """The bulk action to do; its tickets were frozen when somebody asked."""

    bulk_action_id: UUID


@job(
    "act_on_tickets",
    queue="tickets",
    max_attempts=20,
    backoff=Backoff(base=2, cap=60),
    time_limit=6 * 3600,
    unique_by=("bulk_action_id",),
    concurrency=2,
    retention=timedelta(days=90),
    subjects=(("bulk_action", "bulk_action_id"),),
)
def act_on_tickets(args: ActOnTickets, context: JobContext) -> Outcome:
    """Go through the tickets without a result, in steps; a later attempt finds those with one settled already."""
    with context.read() as connection:
        bulk = service.find(connection, args.bulk_action_id)
    context.act_as(bulk.actor)
    settled, batch = bulk.settled, 1
    while batch:
        context.progress(settled, bulk.total, phase=bulk.action)
        with context.step() as work:
            batch = service.settle_next(work, bulk, AT_ONCE)
        settled += batch
    with context.read() as connection:
        counts: dict[str, int] = views.get_bulk_action(connection, bulk.id)["counts"]
    return done({"bulk_action_id": str(bulk.id), "total": bulk.total, **counts})


def submit(work: Work, new: NewBulkAction) -> tuple[service.Asked, EnqueuedJob]:
    """Write a bulk action down and enqueue its job, in one unit of work; the job is about each of the tickets."""
    asked = service.ask(work, new)
    job = work.enqueue(
        act_on_tickets,
        ActOnTickets(bulk_action_id=asked.id),
        tags=(f"bulk_{new.action.value}",),
        subjects=[("ticket", ticket_id) for ticket_id in asked.ticket_ids],
    )
    return asked, job
