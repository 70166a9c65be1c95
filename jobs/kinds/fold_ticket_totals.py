"""Every minute: brings what changes of tickets added up into the dashboard's totals, so that reading stays cheap."""

from __future__ import annotations

from datetime import timedelta

from jobs.context import JobContext
from jobs.outcomes import Outcome, done
from jobs.registry import NoArgs, job
from ticketing.dashboard import totals


@job("fold_ticket_totals", queue="maintenance", cron="* * * * *", unique_by=(), retention=timedelta(days=2))
def fold_ticket_totals(_args: NoArgs, context: JobContext) -> Outcome:
    """Fold all of it in one transaction. The result counts the rows."""
    return done({"folded": totals.fold(context.work)})
