"""Every week, and when somebody asks: prove the chain of handovers, files included. A broken one fails the job."""

from __future__ import annotations

from datetime import timedelta

from integrations.file_archive import FileArchive
from integrations.storage import Storage
from jobs.context import JobContext
from jobs.ledger import EnqueuedJob
from jobs.outcomes import Discard, Outcome, done
from jobs.registry import NoArgs, job
from jobs.work import Work
from runtime.logging import get_logger
from ticketing.handover.verifying import verify

log = get_logger(__name__)

NAMED = 10
"""How many breaks the log names; the others are counted."""


@job(
    "verify_handovers",
    queue="maintenance",
    cron="40 3 * * 0",
    unique_by=(),
    time_limit=6 * 3600,
    retention=timedelta(days=400),
)
def verify_handovers(_args: NoArgs, context: JobContext) -> Outcome:
    """Walk the whole chain. The result has its length and last hash; a break fails the job and is not tried again."""
    archive = FileArchive(Storage.from_settings(context.settings))
    report = verify(context.read, archive=archive, progress=lambda number, of: context.progress(number, of or None))
    if report.holds:
        # The log is kept elsewhere: whoever rewrites the database cannot rewrite this line.
        log.info("the chain of handovers holds", length=report.checked, head_sha256=report.head_sha256)
        return done(report.as_json())
    for one in report.breaks[:NAMED]:
        context.log("the chain of handovers is broken", kind=one.kind, number=one.number, found=one.message)
    log.error("the chain of handovers is broken", breaks=report.breaks_found, first=report.breaks[0].message)
    raise Discard(
        f"The chain of handovers is broken in {report.breaks_found} place(s). First: {report.breaks[0].message}"
    )


def submit(work: Work) -> EnqueuedJob:
    """Enqueue a verification; the one that waits or runs already is found again."""
    return work.enqueue(verify_handovers, NoArgs())
