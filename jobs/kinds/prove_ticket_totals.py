"""Every night, and when somebody asks: counts all tickets; totals of the dashboard that differ fail the job, named."""

from __future__ import annotations

from datetime import timedelta

from jobs.context import JobContext
from jobs.ledger import EnqueuedJob
from jobs.outcomes import Discard, Outcome, done
from jobs.registry import NoArgs, job
from jobs.work import Work
from runtime.logging import get_logger
from ticketing.dashboard import totals

log = get_logger(__name__)


@job(
    "prove_ticket_totals",
    queue="maintenance",
    cron="20 3 * * *",
    unique_by=(),
    time_limit=900,
    retention=timedelta(days=90),
)
def prove_ticket_totals(_args: NoArgs, context: JobContext) -> Outcome:
    """Prove the totals. The result tells how many tickets were counted; wrong totals are named and not tried again."""
    with context.read() as connection:
        proof = totals.prove(connection, context.now)
    if proof.holds:
        return done({"tickets": proof.tickets})
    for found in (*proof.drifted, *proof.wrong):
        context.log("the dashboard's totals are wrong", found=found)
    log.error("the dashboard's totals are wrong", keys=proof.keys, drifted=proof.drifted, wrong=proof.wrong)
    raise Discard(proof.message())


def submit(work: Work) -> EnqueuedJob:
    """Enqueue a proof; the one that waits or runs already is found again."""
    return work.enqueue(prove_ticket_totals, NoArgs())
