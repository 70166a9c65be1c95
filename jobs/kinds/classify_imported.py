"""After an import: gives the tickets that it made or changed their guarantee and billing class."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from jobs.context import JobContext
from jobs.outcomes import Outcome, done
from jobs.registry import JobArgs, job
from ticketing.guarantee import sweep
from ticketing.weekly_reports.service import WeeklyReportImported


class ClassifyImported(JobArgs):
    """The report whose tickets are classified."""

    report_id: UUID


@job(
    "classify_imported",
    queue="tickets",
    on=(WeeklyReportImported,),
    unique_by=("report_id",),
    retention=timedelta(days=30),
    subjects=(("weekly_report", "report_id"),),
)
def classify_imported(args: ClassifyImported, context: JobContext) -> Outcome:
    """Classify in batches, each in a step of its own from which a later attempt goes on; the result counts them."""
    state: dict[str, Any] = {"looked_at": 0, "changed": 0, "after": 0} | context.saved
    while state["after"] is not None:
        with context.step() as work:
            batch = sweep.classify_imported(work, args.report_id, state["after"])
            state = {
                "looked_at": state["looked_at"] + batch.looked_at,
                "changed": state["changed"] + batch.changed,
                "after": batch.after,
            }
            context.save(work, state)
        context.progress(state["looked_at"])
    return done({name: state[name] for name in ("looked_at", "changed")})
