"""A bulk action of an operator over many jobs: paced, stoppable, resumable, over the set that was frozen when asked."""

from __future__ import annotations

import time
from datetime import timedelta
from uuid import UUID

from jobs import operations
from jobs.context import JobContext
from jobs.operations import Action, BulkFilter
from jobs.outcomes import Outcome, done
from jobs.registry import Backoff, JobArgs, job

CHUNK = 100


class ActOnJobs(JobArgs):
    """What to do to which jobs: those up to `up_to_id`, at most `per_second`; `expected` is the count shown."""

    action: Action
    filter: BulkFilter
    up_to_id: UUID
    reason: str
    expected: int
    per_second: int = 200


@job(
    "act_on_jobs",
    queue="maintenance",
    max_attempts=20,
    backoff=Backoff(base=2, cap=60),
    time_limit=6 * 3600,
    retention=timedelta(days=90),
)
def act_on_jobs(args: ActOnJobs, context: JobContext) -> Outcome:
    """Go through the frozen set in chunks, each in a step of its own; a later attempt goes on after the last chunk."""
    saved = context.saved
    after = UUID(saved["after_id"]) if saved else None
    seen, acted = saved.get("seen", 0), saved.get("acted", 0)
    while True:
        began = time.monotonic()
        with context.step() as work:
            ids = operations.next_of_bulk(
                work, args.action, args.filter, after_id=after, up_to_id=args.up_to_id, how_many=CHUNK
            )
            ids = [job_id for job_id in ids if job_id != context.id]
            if not ids:
                break
            acted += operations.apply(work, ids, args.action, args.reason)
            seen, after = seen + len(ids), ids[-1]
            context.save(work, {"after_id": str(after), "seen": seen, "acted": acted})
        context.progress(seen, max(args.expected, seen), phase=args.action)
        time.sleep(max(len(ids) / args.per_second - (time.monotonic() - began), 0))
    return done({"acted_on": acted, "of": seen})
