"""Run the readiness check every night on every ticket that waits for QA: registers and settings change unseen."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from jobs.context import JobContext
from jobs.outcomes import Outcome, done
from jobs.registry import NoArgs, job
from jobs.work import Work
from ticketing import readiness
from ticketing.paging import Position

# Few enough that nobody who works on one of the tickets waits noticeably for the others.
AT_ONCE = 200
COUNTS = ("checked", "passed", "failed")


@job("recheck_readiness", queue="maintenance", cron="30 1 * * *", unique_by=(), retention=timedelta(days=30))
def recheck_readiness(_args: NoArgs, context: JobContext) -> Outcome:
    """Check in batches, each in a step of its own from which a later attempt goes on; the result counts them."""
    policy = readiness.Policy.from_settings(context.settings)
    state = {"checked": 0, "passed": 0, "failed": 0, "cursor": None, "ended": False} | context.saved
    while not state["ended"]:
        with context.step() as work:
            state = _next_batch(work, policy, state)
            context.save(work, state)
        context.progress(state["checked"])
    return done({name: state[name] for name in COUNTS})


def _next_batch(work: Work, policy: readiness.Policy, state: dict[str, Any]) -> dict[str, Any]:
    """Check the next tickets; return the counts so far, where to go on, and whether that was the end."""
    after = Position.from_cursor(state["cursor"]) if state["cursor"] else None
    outcome, rest = readiness.recheck_waiting(work, policy, after=after, limit=AT_ONCE)
    counts = outcome.as_json()
    summed = {name: state[name] + counts[name] for name in COUNTS}
    return {**summed, "cursor": rest.cursor() if rest else None, "ended": rest is None}
