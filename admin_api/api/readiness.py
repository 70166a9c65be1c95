"""QA readiness: run the check on a ticket or on many, see where a ticket stands and every run of the check."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from flask import Response, request
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from admin_api.api.tickets import Paging
from admin_api.auth import requires
from admin_api.blueprints import blueprint
from admin_api.context import actor, platform, unit_of_work
from admin_api.idempotency import idempotent
from admin_api.requests import parse_uuid, parsed
from admin_api.responses import Failure, Success, success
from jobs.kinds.check_readiness import submit
from ticketing import readiness, ticket_views
from ticketing.events import UnitOfWork
from ticketing.people import acting_user

api = blueprint("readiness")


class FailedCheckView(BaseModel):
    """A check that did not pass; one that is not `blocking` only warns."""

    check_name: str
    reason: str
    expected: str | int | None
    actual: str | int | float | None
    blocking: bool


class CheckView(BaseModel):
    """One run of the readiness check."""

    id: UUID
    ticket_id: UUID
    passed: bool
    checked_at: datetime
    checked_by: UUID | None
    photos_exist: bool
    photos_count: int = Field(description="Photo steps that have an accepted evidence photo")
    photos_required_count: int
    dr_populated: bool
    pole_populated: bool
    pon_populated: bool
    zone_populated: bool
    ont_serial_recorded: bool
    ont_rx_recorded: bool
    platforms_aligned: bool
    failed_checks: list[FailedCheckView]
    created_at: datetime


class StatusView(BaseModel):
    """Where a ticket stands on its way to QA."""

    ticket_id: UUID
    is_ready: bool
    last_check: CheckView | None
    last_check_at: datetime | None
    failed_reasons: list[str] | None
    next_action: str


class CheckBody(BaseModel):
    """Who asks for the check; it may be left out."""

    model_config = ConfigDict(extra="ignore")

    checked_by: UUID | None = Field(default=None, description="You; an admin may name somebody else")


class CheckQuery(BaseModel):
    """Whether to wait for the check."""

    model_config = ConfigDict(extra="ignore", populate_by_name=True)

    later: Annotated[bool, BeforeValidator(lambda value: value == "true")] = Field(
        default=False, alias="async", description="`true`: as a job, answered at once with the job's id"
    )


class BulkBody(CheckBody):
    """Which tickets to check."""

    ticket_ids: list[UUID] = Field(min_length=1, max_length=readiness.BATCH_MOST)


class QueuedView(BaseModel):
    """The job that runs the check."""

    job_id: UUID
    ticket_ids: list[UUID]


class CheckAnswer(Success):
    """A run of the check."""

    data: CheckView


class StatusAnswer(Success):
    """Where a ticket stands."""

    data: StatusView


class CheckList(Success):
    """Runs of the check, newest first; `meta.next_cursor` goes on."""

    data: list[CheckView]


class QueuedAnswer(Success):
    """A check that runs as a job."""

    data: QueuedView


@api.post(
    "/tickets/<ticket_id>/qa-readiness-check",
    responses={200: CheckAnswer, 202: QueuedAnswer, 404: Failure, 409: Failure},
)
@requires("manager", "qa")
@idempotent
def check(ticket_id: str, query: CheckQuery) -> Response:
    """Run the readiness check on a ticket; the answer is 200 whether or not it passed."""
    wanted, body = _ticket_id(ticket_id), _optional_body()
    with unit_of_work() as work:
        checked_by = _checked_by(work, body)
        if query.later:
            ticket_views.get_ticket(work.connection, work.actor, wanted)
            return _queued([wanted], submit(work, [wanted], checked_by).id)
        made = readiness.check(work, wanted, policy_in_force(), checked_by=checked_by)
    failed = sum(one["blocking"] for one in made["failed_checks"])
    message = (
        "QA readiness check completed: the ticket is ready"
        if made["passed"]
        else (f"The ticket is not ready for QA: {failed} check(s) failed")
    )
    return success(made, message)


@api.post("/qa-readiness-checks", responses={202: QueuedAnswer})
@requires("manager", "qa")
@idempotent
def check_many(body: BulkBody) -> Response:
    """Run the readiness check on many tickets as one job; its result tells what came of each."""
    with unit_of_work() as work:
        job = submit(work, body.ticket_ids, _checked_by(work, body))
    return _queued(body.ticket_ids, job.id)


@api.get("/tickets/<ticket_id>/qa-readiness", responses={200: StatusAnswer, 404: Failure})
@requires.signed_in()
def show_status(ticket_id: str) -> Response:
    """Tell whether a ticket is ready for QA, what its last check found, and what to do next."""
    wanted = _ticket_id(ticket_id)
    with platform().read() as connection:
        return success(readiness.get_status(connection, actor(), wanted))


@api.get("/tickets/<ticket_id>/qa-readiness/history", responses={200: CheckList, 404: Failure})
@requires.signed_in()
def list_checks(ticket_id: str, query: Paging) -> Response:
    """List every run of the check on a ticket, newest first; `meta.next_cursor` goes on."""
    wanted = _ticket_id(ticket_id)
    with platform().read() as connection:
        rows, next_cursor = readiness.list_checks(connection, actor(), wanted, query.request())
    return success(rows, meta={"next_cursor": next_cursor})


def _optional_body() -> CheckBody:
    """Return the body; one that is absent, empty or no JSON object says nothing, as the contract has it."""
    given = request.get_json(force=True, silent=True)
    return parsed(CheckBody, given) if isinstance(given, dict) else CheckBody()


def _checked_by(work: UnitOfWork, body: CheckBody) -> UUID | None:
    claimed = str(body.checked_by) if body.checked_by else None
    return acting_user(work.connection, work.actor, claimed, "checked_by").user_id


def _queued(ticket_ids: list[UUID], job_id: UUID) -> Response:
    return success({"job_id": job_id, "ticket_ids": ticket_ids}, "The readiness check has been queued", status=202)


def policy_in_force() -> readiness.Policy:
    """Return the policy that the settings describe."""
    return readiness.Policy.from_settings(platform().settings)


def _ticket_id(text: str) -> UUID:
    return parse_uuid(text, "Invalid ticket ID format")
