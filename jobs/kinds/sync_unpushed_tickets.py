"""Every night, and on demand: finds the tickets that QContact was not told of, and has each told."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from jobs.context import JobContext
from jobs.kinds.push_to_qcontact import PushToQContact, push_to_qcontact, why_off
from jobs.outcomes import Outcome, done
from jobs.registry import NoArgs, job
from ticketing.qcontact_sync import pushes

AT_ONCE = 500


# After the nightly reading: what was decided there first.
@job("sync_unpushed_tickets", queue="integrations", cron="30 3 * * *", unique_by=(), retention=timedelta(days=30))
def sync_unpushed_tickets(_args: NoArgs, job: JobContext) -> Outcome:
    """Enqueue a push for each ticket that owes its case something, as after a time when writing was switched off.

    Blocked cases are left alone. The result counts the jobs; a ticket whose push waits already keeps that one.
    """
    reason = why_off(job.settings)
    if reason:
        return done({"enqueued": 0, "reason": reason})
    enqueued, waiting, after = 0, 0, UUID(int=0)
    batch = [after]
    while batch:
        with job.step() as work:
            batch = pushes.list_due(work.connection, after, AT_ONCE)
            made = work.enqueue_many(push_to_qcontact, [PushToQContact(ticket_id=ticket_id) for ticket_id in batch])
        enqueued += sum(not one.existing for one in made)
        waiting += sum(one.existing for one in made)
        after = batch[-1] if batch else after
        job.progress(enqueued + waiting)
    return done({"enqueued": enqueued, "waiting": waiting})
