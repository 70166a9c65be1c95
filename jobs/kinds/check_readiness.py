"""Run the QA readiness check on one ticket or many, as one transaction with a result for each ticket."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from pydantic import Field

from jobs.context import JobContext
from jobs.ledger import EnqueuedJob
from jobs.outcomes import Outcome, done
from jobs.registry import JobArgs, job
from jobs.work import Work
from ticketing import readiness


class CheckReadiness(JobArgs):
    """Which tickets to check, and who asked for it (None: a program)."""

    ticket_ids: tuple[UUID, ...] = Field(min_length=1, max_length=readiness.BATCH_MOST)
    checked_by: UUID | None = None


@job("check_readiness", queue="tickets", max_attempts=5, time_limit=300, retention=timedelta(days=30))
def check_readiness(args: CheckReadiness, context: JobContext) -> Outcome:
    """Check the tickets; the result has counts, what came of each ticket, and which were skipped and why."""
    policy = readiness.Policy.from_settings(context.settings)
    outcome = readiness.check_many(context.work, args.ticket_ids, policy, checked_by=args.checked_by)
    return done(outcome.as_json())


def submit(work: Work, ticket_ids: Sequence[UUID], checked_by: UUID | None) -> EnqueuedJob:
    """Enqueue a check of the tickets, each once; the job is found again from every one of them."""
    wanted = tuple(dict.fromkeys(ticket_ids))
    return work.enqueue(
        check_readiness,
        CheckReadiness(ticket_ids=wanted, checked_by=checked_by),
        subjects=[("ticket", ticket_id) for ticket_id in wanted],
    )
