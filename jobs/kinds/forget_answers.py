"""Forgets the answers kept for idempotency keys once nobody can rightly ask for them again."""

from __future__ import annotations

from datetime import timedelta

from jobs.context import JobContext
from jobs.outcomes import Outcome, done
from jobs.registry import NoArgs, job
from ticketing import idempotency

AT_ONCE = 10_000


@job("forget_answers", queue="maintenance", cron="20 3 * * *", unique_by=(), retention=timedelta(days=7))
def forget_answers(_args: NoArgs, context: JobContext) -> Outcome:
    """Forget in batches, each in a step of its own; the result tells how many were forgotten."""
    forgotten = 0
    while True:
        with context.step() as work:
            batch = idempotency.forget(work.connection, work.now, AT_ONCE)
        forgotten += batch
        context.progress(forgotten)
        if batch < AT_ONCE:
            return done({"forgotten": forgotten})
