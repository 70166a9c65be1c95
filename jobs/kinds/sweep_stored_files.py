"""Every night: forgets uploads that never came, and deletes stored files of tickets that no row names."""

from __future__ import annotations

from datetime import timedelta

from integrations.storage import Storage
from jobs.context import JobContext
from jobs.outcomes import Outcome, done
from jobs.registry import NoArgs, job
from ticketing.attachments import rules, sweep


@job(
    "sweep_stored_files",
    queue="maintenance",
    cron="40 3 * * *",
    unique_by=(),
    time_limit=3600,
    retention=timedelta(days=90),
)
def sweep_stored_files(_args: NoArgs, job: JobContext) -> Outcome:
    """Delete what is older than the time of grace and named by nobody; the result counts it.

    No key is ever used twice, so a file that no row names after the time of grace will never be named.
    """
    forgotten = _forget_uploads(job)
    storage = Storage.from_settings(job.settings)
    looked_at = deleted = 0
    for folder in (rules.FILES, rules.UPLOADS):
        for found in storage.stored(folder):
            old = [file.key for file in found if file.written_at < job.now - rules.GRACE]
            looked_at += len(found)
            deleted += _delete_unnamed(job, storage, old)
            job.progress(looked_at, phase=folder)
    return done({"forgotten_uploads": forgotten, "looked_at": looked_at, "deleted": deleted})


def _forget_uploads(job: JobContext) -> int:
    forgotten, batch = 0, sweep.AT_ONCE
    while batch == sweep.AT_ONCE:
        with job.step() as work:
            batch = sweep.forget_uploads(work)
        forgotten += batch
        job.progress(forgotten, phase="forgetting")
    return forgotten


def _delete_unnamed(job: JobContext, storage: Storage, keys: list[str]) -> int:
    with job.read() as connection:
        unnamed = sweep.unnamed(connection, keys) if keys else []
    for key in unnamed:
        storage.delete(key)
        job.log("deleted a stored file that nothing names", key=key)
    return len(unnamed)
