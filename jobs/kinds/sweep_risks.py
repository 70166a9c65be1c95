"""Every night: warns of accepted risks that run out soon, expires those that did, escalates those nobody resolved."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from jobs.context import JobContext
from jobs.outcomes import Outcome, done
from jobs.registry import NoArgs, job
from ticketing.events import UnitOfWork
from ticketing.risks import sweep

# In this order: what expires tonight has a day to be resolved before it is escalated, and is not warned of any more.
PARTS: tuple[tuple[str, Callable[[UnitOfWork], int]], ...] = (
    ("escalated", sweep.escalate),
    ("expired", sweep.expire),
    ("warned", sweep.warn),
)


@job("sweep_risks", queue="maintenance", cron="10 2 * * *", unique_by=(), retention=timedelta(days=90))
def sweep_risks(_args: NoArgs, context: JobContext) -> Outcome:
    """Sweep in batches, each in a step of its own; the result tells how many were warned, expired and escalated."""
    swept = dict.fromkeys((name for name, _ in PARTS), 0)
    for name, part in PARTS:
        batch = sweep.AT_ONCE
        while batch == sweep.AT_ONCE:
            with context.step() as work:
                batch = part(work)
            swept[name] += batch
            context.progress(sum(swept.values()), phase=name)
    return done(dict(swept))
