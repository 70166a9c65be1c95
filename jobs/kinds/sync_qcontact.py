"""Nightly: reads every case of QContact."""

from __future__ import annotations

from datetime import timedelta

from jobs.context import JobContext
from jobs.outcomes import Outcome
from jobs.procedures.qcontact_syncing import sync
from jobs.registry import Backoff, NoArgs, job


@job(
    "sync_qcontact",
    queue="integrations",
    cron="0 2 * * *",
    unique_by=(),
    max_attempts=8,
    backoff=Backoff(base=10, cap=900),
    time_limit=3600,
    retention=timedelta(days=30),
)
def sync_qcontact(_args: NoArgs, job: JobContext) -> Outcome:
    """Read every case and apply it; the result is the summary of the run."""
    return sync(job, "full")
