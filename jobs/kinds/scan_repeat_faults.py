"""Every night, and after the thresholds changed: looks everywhere for repeat faults and raises what is due."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from jobs.context import JobContext
from jobs.outcomes import Outcome, done
from jobs.registry import NoArgs, job
from ticketing.repeat_faults.events import RepeatFaultThresholdsChanged
from ticketing.repeat_faults.raising import Raised, raise_due
from ticketing.repeat_faults.scan import Place, Question, scan

# Few enough that nobody who works on one of their tickets waits noticeably for the others.
AT_ONCE = 50


@job(
    "scan_repeat_faults",
    queue="maintenance",
    cron="40 1 * * *",
    on=(RepeatFaultThresholdsChanged,),
    unique_by=(),
    retention=timedelta(days=90),
)
def scan_repeat_faults(_args: NoArgs, context: JobContext) -> Outcome:
    """Scan everywhere; the result counts the escalations opened and the faults that joined one."""
    return done(raise_wherever_due(context, Question(everywhere=True)).as_json())


def raise_wherever_due(context: JobContext, question: Question) -> Raised:
    """Find the places that need something by one scan, then act on some at a time, each time in a step of its own."""
    with context.read() as connection:
        places = [finding.place for finding in scan(connection, context.now, question)]
    raised = Raised()
    for batch in _batches(places):
        with context.step() as work:
            raised += raise_due(work, Question(places=batch))
        context.progress(raised.escalations + raised.joined, phase="raising")
    return raised


def _batches(places: Sequence[Place]) -> list[Sequence[Place]]:
    return [places[start : start + AT_ONCE] for start in range(0, len(places), AT_ONCE)]
