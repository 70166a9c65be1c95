"""Just after midnight: classifies the tickets whose guarantee ran out, and those that nobody ever classified."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from jobs.context import JobContext
from jobs.outcomes import Outcome, done
from jobs.registry import NoArgs, job
from ticketing.events import UnitOfWork
from ticketing.guarantee import sweep

PARTS: tuple[tuple[str, Callable[[UnitOfWork], sweep.Batch]], ...] = (
    ("ran_out", sweep.classify_run_out),
    ("first_time", sweep.classify_unclassified),
)


@job("sweep_guarantees", queue="maintenance", cron="5 0 * * *", unique_by=(), retention=timedelta(days=90))
def sweep_guarantees(_args: NoArgs, context: JobContext) -> Outcome:
    """Classify in batches, each in a step of its own; the result counts the tickets of each part."""
    swept = dict.fromkeys((name for name, _ in PARTS), 0)
    for name, part in PARTS:
        more = True
        while more:
            with context.step() as work:
                batch = part(work)
            swept[name] += batch.looked_at
            more = batch.after is not None
            context.progress(sum(swept.values()), phase=name)
    return done(dict(swept))
