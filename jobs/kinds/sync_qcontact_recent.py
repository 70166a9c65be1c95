"""Every five minutes: reads the cases of QContact that have news."""

from __future__ import annotations

from datetime import timedelta

from jobs.context import JobContext
from jobs.outcomes import Outcome
from jobs.procedures.qcontact_syncing import sync
from jobs.registry import Backoff, NoArgs, job


# A tick that was missed is made up for by the next one.
@job(
    "sync_qcontact_recent",
    queue="integrations",
    cron="*/5 * * * *",
    missed="skip",
    unique_by=(),
    max_attempts=4,
    backoff=Backoff(base=5, cap=120),
    time_limit=900,
    retention=timedelta(days=3),
)
def sync_qcontact_recent(_args: NoArgs, job: JobContext) -> Outcome:
    """Walk the list, read what has news and apply it; the result is the summary of the run."""
    return sync(job, "recent")
