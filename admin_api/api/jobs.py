"""Background jobs: find them, look into them, retry, cancel and discard them, one by one or over a filter."""

from __future__ import annotations

from typing import Any, Literal, Self
from uuid import UUID

from flask import Response
from pydantic import BaseModel, ConfigDict, Field, model_validator

from admin_api.auth import requires
from admin_api.blueprints import blueprint
from admin_api.context import now, platform, unit_of_work
from admin_api.idempotency import idempotent
from admin_api.keyset import KeysetQuery, keyset
from admin_api.requests import Moment, Reason, body_as, parse_uuid
from admin_api.responses import success
from jobs import operations, running_again, statistics, views
from jobs.kinds.act_on_jobs import ActOnJobs, act_on_jobs
from jobs.ledger import State
from jobs.operations import COUNT_CAP, Action, BulkFilter
from runtime.identifiers import uuid7
from ticketing.errors import NotFound
from ticketing.people import Role

api = blueprint("jobs")

READERS: tuple[Role, ...] = ("operator", "manager", "viewer")
OPERATORS: tuple[Role, ...] = ("operator", "manager")

# A unique key repeats arguments that the kind may redact; the rest is bookkeeping that tells nobody anything.
HIDDEN = frozenset({"unique_key", "rate_slot_at", "saved"})


class JobQuery(KeysetQuery):
    """Which jobs to list; a subject's type and id go together."""

    state: State | None = None
    kind: str | None = None
    queue: str | None = None
    tag: str | None = None
    subject_type: str | None = None
    subject_id: str | None = None
    actor_name: str | None = None
    created_after: Moment | None = None
    created_before: Moment | None = None
    error_text: str | None = Field(default=None, max_length=200, description="Part of the error's class or message")
    fingerprint: UUID | None = Field(default=None, description="Of failures that are alike")
    parent_id: UUID | None = None

    @model_validator(mode="after")
    def _subject_is_whole(self) -> Self:
        if (self.subject_type is None) != (self.subject_id is None):
            raise ValueError("subject_type and subject_id go together")
        return self


class ReasonBody(BaseModel):
    """Why somebody does it; kept in the audit."""

    model_config = ConfigDict(extra="forbid")

    reason: Reason | None = None


class BulkFilterBody(BaseModel):
    """Which jobs a bulk action concerns; what is left out does not narrow."""

    model_config = ConfigDict(extra="forbid")

    state: State | None = None
    kind: str | None = None
    queue: str | None = None
    tag: str | None = None
    error_text: str | None = Field(default=None, max_length=200)
    created_before: Moment | None = None
    fingerprint: UUID | None = None


class BulkBody(BaseModel):
    """An action over many jobs. `dry_run` only counts them; `per_second` paces the action itself."""

    model_config = ConfigDict(extra="forbid")

    action: Literal["retry", "cancel", "discard"]
    filter: BulkFilterBody
    reason: Reason
    dry_run: bool = True
    per_second: int = Field(default=200, ge=1, le=5_000)


class RunAgainBody(BaseModel):
    """With which arguments a job is to be run again, all of them; redacted ones that are left out stay as they were."""

    model_config = ConfigDict(extra="forbid")

    arguments: dict[str, Any]
    reason: Reason


@api.get("/jobs")
@requires(*READERS)
def list_jobs(query: JobQuery) -> Response:
    """List jobs, the newest first, each with what it is about; `next_cursor` goes on after the last one shown."""
    wanted = views.JobFilter(**query.model_dump(exclude={"cursor", "page_size"}))
    with platform().read() as connection:
        rows = views.list_jobs(connection, wanted, before_id=query.cursor, page_size=query.page_size + 1)
        shown, pagination = keyset(views.with_subjects(connection, rows), query)
    return success(shown, pagination=pagination)


@api.get("/jobs/counts")
@requires(*READERS)
def count_jobs() -> Response:
    """Count the jobs in each state; a count of 10,001 means "more than 10,000"."""
    with platform().read() as connection:
        return success(views.count_by_state(connection), meta={"counted_up_to": views.COUNT_CAP})


@api.get("/jobs/hours")
@requires(*READERS)
def count_by_hour() -> Response:
    """Tell how many attempts ended in each of the last 24 hours, by outcome; the last hour is under way."""
    with platform().read() as connection:
        return success(statistics.by_hour(connection, now()))


@api.get("/jobs/<job_id>")
@requires(*READERS)
def show_job(job_id: str) -> Response:
    """Show a job: state, progress, result, redacted arguments, attempts, subjects, and the jobs that it enqueued."""
    return success(read_job(parse_uuid(job_id, "Invalid job ID")))


@api.get("/jobs/<job_id>/attempts/<attempt>/log")
@requires(*READERS)
def show_log(job_id: str, attempt: str) -> Response:
    """Show what one attempt at a job logged, oldest line first; attempts count from 1."""
    job = read_job(parse_uuid(job_id, "Invalid job ID"))
    known = {row["attempt"] for row in job["attempts"]} | ({job["attempt"]} if job["attempt"] else set())
    if not attempt.isdecimal() or int(attempt) not in known:
        raise NotFound(f"Job {job_id} has no attempt {attempt}")
    with platform().read() as connection:
        return success(views.show_log(connection, job["id"], int(attempt)))


@api.post("/jobs/<job_id>/retry")
@requires(*OPERATORS)
@idempotent
def retry_job(job_id: str) -> Response:
    """Run a job that was given up, cancelled or is waiting for its next try, now; it gets one more attempt."""
    return _act(job_id, "retry", "The job has been queued again")


@api.post("/jobs/<job_id>/cancel")
@requires(*OPERATORS)
@idempotent
def cancel_job(job_id: str) -> Response:
    """Cancel a job: at once while it waits, at its next checkpoint while it runs."""
    return _act(job_id, "cancel", "The job is cancelled, or will be at its next checkpoint")


@api.post("/jobs/<job_id>/discard")
@requires(*OPERATORS)
@idempotent
def discard_job(job_id: str) -> Response:
    """Give a waiting job up; an operator may still retry it."""
    return _act(job_id, "discard", "The job has been discarded")


@api.post("/jobs/<job_id>/run-again")
@requires(*OPERATORS)
@idempotent
def run_job_again(job_id: str, body: RunAgainBody) -> Response:
    """Run a finished job again as a new one, with arguments that may have been changed; the old one stays as it is."""
    wanted = parse_uuid(job_id, "Invalid job ID")
    with unit_of_work() as work:
        job = running_again.run_again(work, platform().registry, wanted, body.arguments, body.reason)
    answer = {"job_id": job.id, "status_url": f"{api.url_prefix}/jobs/{job.id}"}
    return success(answer, "The job has been queued", status=202)


@api.post("/jobs/bulk")
@requires(*OPERATORS)
@idempotent
def act_on_many(body: BulkBody) -> Response:
    """Count the jobs that a bulk action concerns (`dry_run`), or start it: a job of its own that can be followed."""
    chosen = BulkFilter(**body.filter.model_dump())
    with unit_of_work() as work:
        number = operations.count_bulk(work, body.action, chosen)
        answer: dict[str, Any] = {"action": body.action, "count": number, "count_is_capped": number >= COUNT_CAP}
        if body.dry_run or not number:
            return success({**answer, "job_id": None}, "Nothing has been changed")
        arguments = ActOnJobs(
            action=body.action,
            filter=chosen,
            up_to_id=uuid7(),
            reason=body.reason,
            expected=number,
            per_second=body.per_second,
        )
        job = operations.start_bulk(work, act_on_jobs, arguments)
    return success({**answer, "job_id": job.id}, "The action has been queued", status=202)


def _act(job_id: str, action: Action, message: str) -> Response:
    reason = body_as(ReasonBody, optional=True).reason
    with unit_of_work() as work:
        state = operations.act_on_job(work, parse_uuid(job_id, "Invalid job ID"), action, reason)
    return success({"id": job_id.lower(), "state": state, "cancel_requested": state == "running"}, message)


def read_job(job_id: UUID) -> dict[str, Any]:
    """Return a job as everybody may see it: arguments redacted, bookkeeping left out. Raises NotFound."""
    registry = platform().registry
    with platform().read() as connection:
        job = views.show_job(connection, registry, job_id)
    if job["kind"] not in registry:
        # Which arguments a kind of another release redacts is not known here.
        job["arguments"] = dict.fromkeys(job["arguments"], "***")
    return {name: value for name, value in job.items() if name not in HIDDEN}
