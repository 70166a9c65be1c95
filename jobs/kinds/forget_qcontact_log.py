"""Every night: forgets what was exchanged with the CRM longer ago than the log is kept, and the runs that read it."""

from __future__ import annotations

from datetime import timedelta

from jobs.context import JobContext
from jobs.outcomes import Outcome, done
from jobs.registry import NoArgs, job
from ticketing.qcontact_sync import forgetting


@job("forget_qcontact_log", queue="maintenance", cron="55 3 * * *", unique_by=(), retention=timedelta(days=30))
def forget_qcontact_log(_args: NoArgs, job: JobContext) -> Outcome:
    """Forget in batches, each in a step of its own; the result counts exchanges and runs."""
    days = job.settings.qcontact_log_days
    exchanges = _forget_exchanges(job, days)
    return done({"exchanges": exchanges, "runs": _forget_runs(job, days)})


def _forget_exchanges(job: JobContext, days: int) -> int:
    forgotten, after = 0, None
    while True:
        with job.step() as work:
            batch = forgetting.forget_exchanges(work, days, after)
        forgotten += batch.forgotten
        job.progress(forgotten, phase="exchanges")
        if batch.last is None:
            return forgotten
        after = batch.last


def _forget_runs(job: JobContext, days: int) -> int:
    forgotten, batch = 0, forgetting.AT_ONCE
    while batch == forgetting.AT_ONCE:
        with job.step() as work:
            batch = forgetting.forget_runs(work, days)
        forgotten += batch
        job.progress(forgotten, phase="runs")
    return forgotten
