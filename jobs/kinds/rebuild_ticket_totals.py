"""When an admin asks, after a proof has failed: counts all tickets and puts the dashboard's totals right."""

from __future__ import annotations

from datetime import timedelta

from jobs.context import JobContext
from jobs.ledger import EnqueuedJob
from jobs.outcomes import Outcome, done
from jobs.registry import NoArgs, job
from jobs.work import Work
from ticketing.dashboard import totals


@job("rebuild_ticket_totals", queue="maintenance", unique_by=(), time_limit=900, retention=timedelta(days=90))
def rebuild_ticket_totals(_args: NoArgs, context: JobContext) -> Outcome:
    """Count everything anew in one transaction. The result tells how far off the totals were."""
    before = totals.prove(context.work.connection, context.work.now)
    totals.rebuild(context.work)
    return done({"tickets": before.tickets, "wrong_keys": before.keys})


def submit(work: Work) -> EnqueuedJob:
    """Enqueue it; the one that waits or runs already is found again."""
    return work.enqueue(rebuild_ticket_totals, NoArgs())
