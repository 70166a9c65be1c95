"""Sweeps in parts: each part in batches, each batch in a step of its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from jobs.context import JobContext
from jobs.outcomes import Outcome, done
from ticketing.events import UnitOfWork

# A part's name, and what deals with its next batch and returns how large that was.
Part = tuple[str, Callable[[UnitOfWork], int]]


def sweep_in_parts(context: JobContext, parts: Sequence[Part], at_once: int) -> Outcome:
    """Deal with each part until a batch is not full (`at_once`); the result counts, by part, what was dealt with."""
    swept = dict.fromkeys((name for name, _ in parts), 0)
    for name, deal_with in parts:
        batch = at_once
        while batch == at_once:
            with context.step() as work:
                batch = deal_with(work)
            swept[name] += batch
            context.progress(sum(swept.values()), phase=name)
    return done(dict(swept))
