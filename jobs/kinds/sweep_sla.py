"""Every minute: starts SLA clocks that nobody started, warns at 75 % and 90 % of the time, records breaches."""

from __future__ import annotations

from datetime import timedelta

from jobs.context import JobContext
from jobs.outcomes import Outcome
from jobs.procedures.sweeping import sweep_in_parts
from jobs.registry import NoArgs, job
from ticketing.sla import sweep

PARTS = (
    ("started", sweep.start_missing),
    ("checked", sweep.note_due),
)


@job("sweep_sla", queue="maintenance", cron="* * * * *", unique_by=(), retention=timedelta(days=2))
def sweep_sla(_args: NoArgs, context: JobContext) -> Outcome:
    """Sweep in batches, each in a step of its own: what is not due is not read. The result counts what was."""
    return sweep_in_parts(context, PARTS, sweep.AT_ONCE)
