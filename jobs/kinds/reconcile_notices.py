"""Every minute: gives every notice that is owed something a job again, and forgets confirmations that are nobody's."""

from __future__ import annotations

from datetime import timedelta

from integrations.outside import NotSetUp
from jobs.context import JobContext
from jobs.kinds.send_notice import SendNotice, send_notice
from jobs.outcomes import Outcome, done
from jobs.registry import NoArgs, job
from ticketing.notices import unfinished


@job("reconcile_notices", queue="notifications", cron="* * * * *", unique_by=(), retention=timedelta(days=2))
def reconcile_notices(_args: NoArgs, context: JobContext) -> Outcome:
    """Find what is due or was left behind, set by set; one job a notice, however often it is found."""
    try:
        _ = context.platform.outside.waha
    except NotSetUp as error:
        return done({"left": error.message})
    found, after = 0, None
    while True:
        with context.step() as work:
            due = unfinished.list_due(work, after)
            work.enqueue_many(send_notice, [SendNotice(notice_id=notice_id) for notice_id in due])
        found += len(due)
        context.progress(found)
        if len(due) < unfinished.AT_ONCE:
            break
        after = due[-1]
    return done({"due": found, "forgotten": unfinished.forget_unbound(context.work)})
