"""Every minute: starts SLA clocks that nobody started, warns at 75 % and 90 % of the time, records breaches."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from jobs.context import JobContext
from jobs.outcomes import Outcome, done
from jobs.registry import NoArgs, job
from ticketing.events import UnitOfWork
from ticketing.sla import sweep

PARTS: tuple[tuple[str, Callable[[UnitOfWork], int]], ...] = (
    ("started", sweep.start_missing),
    ("checked", sweep.note_due),
)


@job("sweep_sla", queue="maintenance", cron="* * * * *", unique_by=(), retention=timedelta(days=2))
def sweep_sla(_args: NoArgs, context: JobContext) -> Outcome:
    """Sweep in batches, each in a step of its own: what is not due is not read. The result counts what was."""
    swept = dict.fromkeys((name for name, _ in PARTS), 0)
    for name, part in PARTS:
        batch = sweep.AT_ONCE
        while batch == sweep.AT_ONCE:
            with context.step() as work:
                batch = part(work)
            swept[name] += batch
            context.progress(sum(swept.values()), phase=name)
    return done(dict(swept))
