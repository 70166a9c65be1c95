"""After a change of guarantee periods: classifies the tickets that they concern; closed ones keep what they had."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from jobs.context import JobContext
from jobs.outcomes import Outcome, done
from jobs.registry import JobArgs, job
from ticketing.guarantee import sweep
from ticketing.guarantee.events import GuaranteePeriodsChanged


class ApplyGuaranteePeriods(JobArgs):
    """The project whose periods changed; None: the default ones."""

    project_id: UUID | None


@job(
    "apply_guarantee_periods",
    queue="tickets",
    on=(GuaranteePeriodsChanged,),
    retention=timedelta(days=30),
    subjects=(("project", "project_id"),),
)
def apply_guarantee_periods(args: ApplyGuaranteePeriods, context: JobContext) -> Outcome:
    """Classify in batches, each in a step of its own from which a later attempt goes on; the result counts them."""
    state: dict[str, Any] = {"looked_at": 0, "changed": 0, "after": str(sweep.FIRST)} | context.saved
    while state["after"] is not None:
        with context.step() as work:
            batch = sweep.classify_under_periods(work, args.project_id, UUID(state["after"]))
            state = {
                "looked_at": state["looked_at"] + batch.looked_at,
                "changed": state["changed"] + batch.changed,
                "after": None if batch.after is None else str(batch.after),
            }
            context.save(work, state)
        context.progress(state["looked_at"])
    return done({name: state[name] for name in ("looked_at", "changed")})
