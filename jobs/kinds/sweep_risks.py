"""Every night: warns of accepted risks that run out soon, expires those that did, escalates those nobody resolved."""

from __future__ import annotations

from datetime import timedelta

from jobs.context import JobContext
from jobs.outcomes import Outcome
from jobs.procedures.sweeping import sweep_in_parts
from jobs.registry import NoArgs, job
from ticketing.risks import sweep

# In this order: what expires tonight has a day to be resolved before it is escalated, and is not warned of any more.
PARTS = (
    ("escalated", sweep.escalate),
    ("expired", sweep.expire),
    ("warned", sweep.warn),
)


@job("sweep_risks", queue="maintenance", cron="10 2 * * *", unique_by=(), retention=timedelta(days=90))
def sweep_risks(_args: NoArgs, context: JobContext) -> Outcome:
    """Sweep in batches, each in a step of its own; the result tells how many were warned, expired and escalated."""
    return sweep_in_parts(context, PARTS, sweep.AT_ONCE)
