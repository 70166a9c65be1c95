"""Every night: deletes the files of exports that nobody needs any longer, and forgets the exports."""

from __future__ import annotations

from datetime import timedelta

from integrations.storage import Storage
from jobs.context import JobContext
from jobs.outcomes import Outcome, done
from jobs.registry import NoArgs, job
from ticketing.exports import service


@job("forget_exports", queue="maintenance", cron="40 3 * * *", unique_by=(), retention=timedelta(days=30))
def forget_exports(_args: NoArgs, context: JobContext) -> Outcome:
    """Delete file first, then row: broken off between the two, the next night finds the row and goes on."""
    storage, forgotten = Storage.from_settings(context.settings), 0
    while True:
        with context.read() as connection:
            expired = service.list_expired(connection, context.now)
        if not expired:
            return done({"forgotten": forgotten})
        for export in expired:
            storage.delete(export["storage_key"])
        with context.step() as work:
            service.forget(work, [export["id"] for export in expired])
        forgotten += len(expired)
        context.progress(forgotten)
