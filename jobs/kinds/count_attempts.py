"""Counts what ended in every five minutes, so that figures of a day are read and not counted."""

from __future__ import annotations

from datetime import timedelta

from jobs import statistics
from jobs.context import JobContext
from jobs.registry import NoArgs, job


@job("count_attempts", queue="maintenance", cron="*/5 * * * *", unique_by=(), retention=timedelta(days=2))
def count_attempts(_args: NoArgs, context: JobContext) -> None:
    """Count anew what was counted last, too: attempts are written down a little after they ended."""
    statistics.count_ended(context.work.connection, context.now)
