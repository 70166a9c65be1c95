"""Jobs: the list with its state tabs and filters, one job with everything that is known of it, and what operators do.

An action over many jobs is one over all that match the filter at that moment: a job of its own, paced, that can be
followed and stopped like any other.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal
from uuid import UUID

from flask import Response, render_template, request
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import from_json, to_json

from admin_api.api.jobs import OPERATORS, READERS, JobQuery, read_job
from admin_api.auth import requires
from admin_api.console.forms import form_of, query_of
from admin_api.console.frame import address_with
from admin_api.console.pages import ConsolePages, back_to_list, done
from admin_api.context import platform, unit_of_work
from admin_api.keyset import keyset
from admin_api.requests import Reason, parse_uuid
from jobs import operations, running_again, views
from jobs.kinds.act_on_jobs import ActOnJobs, act_on_jobs
from jobs.ledger import FINISHED, STATES
from jobs.operations import ACTS_ON, COUNT_CAP, Action, BulkFilter
from jobs.queues import QUEUES
from runtime.identifiers import uuid7

pages = ConsolePages("jobs")

# The filters of the list that an action over many can have as well.
BULK_FILTERS = ("state", "kind", "queue", "tag", "error_text", "fingerprint")
PER_SECOND = 50


def _from_json(text: Any) -> Any:
    try:
        return from_json(str(text))
    except ValueError as error:
        raise ValueError(f"this is no JSON: {error}") from None


class ReasonForm(BaseModel):
    """Why somebody does it; may be left empty."""

    model_config = ConfigDict(extra="ignore")

    reason: str | None = Field(default=None, max_length=500)

    def given(self) -> str | None:
        """Return the reason, or None for an empty one."""
        return (self.reason or "").strip() or None


class ManyQuery(BaseModel):
    """What is to be done with all jobs that a filter chooses."""

    model_config = ConfigDict(extra="ignore")

    action: Literal["retry", "cancel", "discard"] = "retry"
    state: str | None = None
    kind: str | None = None
    queue: str | None = None
    tag: str | None = None
    error_text: str | None = Field(default=None, max_length=200)
    fingerprint: UUID | None = None
    per_second: int = Field(default=PER_SECOND, ge=1, le=5_000)

    def chosen(self) -> BulkFilter:
        """Return which jobs it concerns."""
        return BulkFilter(**{name: getattr(self, name) or None for name in BULK_FILTERS})


class BulkForm(ManyQuery):
    """An action over all jobs that were counted, and why."""

    action: Literal["retry", "cancel", "discard"]
    expected: int = Field(ge=0)
    up_to_id: UUID
    reason: Reason


class AgainForm(BaseModel):
    """With which arguments a job is to be run again, as JSON, and why."""

    model_config = ConfigDict(extra="ignore")

    arguments: Annotated[dict[str, Any], BeforeValidator(_from_json)]
    reason: Reason


@pages.page("/jobs")
@requires(*READERS)
def list_jobs() -> str:
    """List jobs, the newest first, with the number in each state."""
    query = query_of(JobQuery)
    wanted = views.JobFilter(**query.model_dump(exclude={"cursor", "page_size"}))
    with platform().read() as connection:
        rows = views.list_jobs(connection, wanted, before_id=query.cursor, page_size=query.page_size + 1)
        shown, pagination = keyset(views.with_subjects(connection, rows), query)
        counts = views.count_by_state(connection)
    active = {name: value for name, value in request.args.items() if value and name not in ("cursor", "pageSize")}
    return render_template(
        "console/jobs.html",
        jobs=shown,
        counts=counts,
        states=STATES,
        queues=QUEUES,
        kinds=[kind.name for kind in platform().registry.kinds()],
        active=active,
        cap=views.COUNT_CAP,
        next=address_with(cursor=pagination["next_cursor"]) if pagination["next_cursor"] else None,
        first=address_with(cursor=None) if query.cursor else None,
        can_bulk=not set(active) - {*BULK_FILTERS},
        address_with=address_with,
    )


@pages.page("/jobs/<job_id>")
@requires(*READERS)
def show_job(job_id: str) -> str:
    """Show one job: its timeline, attempts with their logs, arguments, subjects, children and what operators did."""
    job = read_job(parse_uuid(job_id, "Invalid job ID"))
    with platform().read() as connection:
        lines = views.show_log(connection, job["id"])
        audit = views.list_audit(connection, target_type="job", target_id=str(job["id"]))
    return render_template(
        "console/job.html", job=job, log=_by_fence(lines), audit=audit, allowed=_allowed(job), can_edit=_can_edit(job)
    )


@pages.action("/jobs/<job_id>/retry", again=show_job)
@requires(*OPERATORS)
def retry(job_id: str) -> Response:
    """Run a job again, now."""
    return _act(job_id, "retry", "The job has been queued again")


@pages.action("/jobs/<job_id>/cancel", again=show_job)
@requires(*OPERATORS)
def cancel(job_id: str) -> Response:
    """Cancel a job: at once while it waits, at its next checkpoint while it runs."""
    return _act(job_id, "cancel", "The job is cancelled, or will be at its next checkpoint")


@pages.action("/jobs/<job_id>/discard", again=show_job)
@requires(*OPERATORS)
def discard(job_id: str) -> Response:
    """Give a waiting job up."""
    return _act(job_id, "discard", "The job has been discarded; it can still be retried")


@pages.page("/jobs/many")
@requires(*OPERATORS)
def ask_about_many() -> str:
    """Count the jobs that an action over many would concern, and ask for the reason: the set is frozen here."""
    query = query_of(ManyQuery) if request.method == "GET" else form_of(ManyQuery)
    with unit_of_work() as work:
        number = operations.count_bulk(work, query.action, query.chosen())
    return render_template(
        "console/jobs_many.html",
        chosen=query.chosen().model_dump(include=set(BULK_FILTERS)),
        action=query.action,
        number=number,
        capped=number >= COUNT_CAP,
        up_to_id=uuid7(),
        per_second=query.per_second,
        acts_on=ACTS_ON,
    )


@pages.action("/jobs/many", again=ask_about_many)
@requires(*OPERATORS)
def act_on_many() -> Response:
    """Start the action over all jobs that were counted: those that arrived since are not among them."""
    form = form_of(BulkForm)
    arguments = ActOnJobs(
        action=form.action,
        filter=form.chosen(),
        up_to_id=form.up_to_id,
        reason=form.reason,
        expected=form.expected,
        per_second=form.per_second,
    )
    with unit_of_work() as work:
        job = operations.start_bulk(work, act_on_jobs, arguments)
    return done("The action has begun: this is its job. Cancelling it stops it", ".show_job", job_id=job.id)


@pages.page("/jobs/<job_id>/run-again")
@requires(*OPERATORS)
def edit_arguments(job_id: str) -> str:
    """Show a job's arguments to be changed; what its kind redacts is not among them."""
    job = read_job(parse_uuid(job_id, "Invalid job ID"))
    registry = platform().registry
    with platform().read() as connection:
        arguments = running_again.editable_arguments(connection, registry, job["id"])
    hidden = sorted(registry.get(job["kind"]).redact & set(job["arguments"]))
    return render_template(
        "console/job_again.html", job=job, arguments=to_json(arguments, indent=2).decode(), hidden=hidden
    )


@pages.action("/jobs/<job_id>/run-again", again=edit_arguments)
@requires(*OPERATORS)
def run_again(job_id: str) -> Response:
    """Run a finished job again as a new one, with the arguments that were typed."""
    wanted, form = parse_uuid(job_id, "Invalid job ID"), form_of(AgainForm)
    with unit_of_work() as work:
        job = running_again.run_again(work, platform().registry, wanted, form.arguments, form.reason)
    return done("A new job has been queued: this is it", ".show_job", job_id=job.id)


def _act(job_id: str, action: Action, said: str) -> Response:
    reason = form_of(ReasonForm).given()
    with unit_of_work() as work:
        operations.act_on_job(work, parse_uuid(job_id, "Invalid job ID"), action, reason)
    if request.form.get("back", "").startswith("/console/jobs?") or request.form.get("back") == "/console/jobs":
        return back_to_list(said, ".list_jobs")
    return done(said, ".show_job", job_id=job_id)


def _allowed(job: dict[str, Any]) -> list[Action]:
    return [action for action, states in ACTS_ON.items() if job["state"] in states]


def _can_edit(job: dict[str, Any]) -> bool:
    return job["state"] in FINISHED and job["kind"] in platform().registry


def _by_fence(lines: list[dict[str, Any]]) -> dict[int, list[dict[str, Any]]]:
    """Group log lines by the attempt that wrote them."""
    found: dict[int, list[dict[str, Any]]] = {}
    for line in lines:
        found.setdefault(line["fence"], []).append(line)
    return found
