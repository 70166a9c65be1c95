"""Every night: forgets events of the outside that were dealt with long ago, and files of messages that nobody needs."""

from __future__ import annotations

from datetime import timedelta

from integrations.storage import Storage
from jobs.context import JobContext
from jobs.outcomes import Outcome, done
from jobs.registry import NoArgs, job
from ticketing.inbound_messages import media
from ticketing.webhooks import receipts


@job("forget_webhooks", queue="maintenance", cron="50 3 * * *", unique_by=(), retention=timedelta(days=30))
def forget_webhooks(_args: NoArgs, job: JobContext) -> Outcome:
    """Forget in batches, each in a step of its own; the result counts. Of files, first the file and then its name."""
    forgotten = _forget_receipts(job)
    return done({"events": forgotten, "files": _delete_files(job)})


def _forget_receipts(job: JobContext) -> int:
    forgotten, batch = 0, receipts.AT_ONCE
    while batch == receipts.AT_ONCE:
        with job.step() as work:
            batch = receipts.forget(work)
        forgotten += batch
        job.progress(forgotten, phase="events")
    return forgotten


def _delete_files(job: JobContext) -> int:
    storage, deleted, batch = Storage.from_settings(job.settings), 0, media.AT_ONCE
    while batch == media.AT_ONCE:
        with job.read() as connection:
            unwanted = media.list_unwanted(connection, job.now)
        for message in unwanted:
            storage.delete(message["media_key"])
        with job.step() as work:
            media.forget(work, [message["id"] for message in unwanted])
        batch = len(unwanted)
        deleted += batch
        job.progress(deleted, phase="files")
    return deleted
