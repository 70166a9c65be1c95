"""Reads one case of QContact again: after a hint of a webhook, or because somebody asks for it."""

from __future__ import annotations

from datetime import timedelta

from pydantic import Field

from jobs.context import JobContext
from jobs.outcomes import Outcome
from jobs.procedures.qcontact_syncing import sync_one
from jobs.registry import Backoff, JobArgs, job


class RereadQContactCase(JobArgs):
    """The case to read; its id is the CRM's."""

    case_id: str = Field(pattern=r"^[0-9]{1,19}$")


@job(
    "reread_qcontact_case",
    queue="integrations",
    unique_by=("case_id",),
    max_attempts=8,
    backoff=Backoff(base=3, cap=600),
    time_limit=120,
    retention=timedelta(days=7),
    subjects=(("qcontact_case", "case_id"),),
)
def reread_qcontact_case(args: RereadQContactCase, job: JobContext) -> Outcome:
    """Read the case and apply it; the result says what became of it."""
    return sync_one(job, args.case_id)
