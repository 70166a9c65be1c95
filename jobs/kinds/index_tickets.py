"""Make tickets searchable that were written by the thousand: after each import, and every five minutes in case."""

from __future__ import annotations

from datetime import timedelta

from jobs.context import JobContext
from jobs.outcomes import Outcome, done
from jobs.registry import NoArgs, job
from ticketing import ticket_search
from ticketing.weekly_reports.service import WeeklyReportImported


@job(
    "index_tickets",
    queue="maintenance",
    on=(WeeklyReportImported,),
    cron="*/5 * * * *",
    unique_by=(),
    retention=timedelta(days=1),
)
def index_tickets(_args: NoArgs, context: JobContext) -> Outcome:
    """Index what was only noted, a note in each step; then tidy the index. The result counts tickets and pages."""
    indexed = 0
    while True:
        with context.step() as work:
            taken = ticket_search.learn(work)
        if taken is None:
            break
        indexed += taken
        context.progress(indexed)
    return done({"indexed": indexed, "pages": ticket_search.tidy(context.work)})
