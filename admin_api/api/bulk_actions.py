"""Bulk actions: assign many tickets, give them a priority or move them, and read what became of each."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Response
from pydantic import BaseModel, ConfigDict, Field

from admin_api.auth import requires
from admin_api.blueprints import blueprint
from admin_api.context import actor, platform, unit_of_work
from admin_api.idempotency import idempotent
from admin_api.keyset import KeysetQuery, keyset
from admin_api.requests import Reason, body_as, parse_uuid
from admin_api.responses import Failure, Success, success
from jobs import operations
from jobs.kinds import act_on_tickets
from ticketing.bulk_actions import service, views
from ticketing.bulk_actions.requests import NewBulkAction
from ticketing.bulk_actions.views import BulkActionSummary, BulkActionView, BulkResultView, Outcome
from ticketing.errors import ConditionNotMet, Forbidden
from ticketing.people import Role

api = blueprint("bulk_actions")

ASKERS: tuple[Role, ...] = ("manager", "qa")
READERS: tuple[Role, ...] = ("manager", "qa", "operator", "viewer")


class ResultsQuery(KeysetQuery):
    """Which results to list, and after which ticket."""

    outcome: Outcome | None = Field(default=None, description="Every one if not given")


class ReasonBody(BaseModel):
    """Why somebody does it; kept in the audit."""

    model_config = ConfigDict(extra="forbid")

    reason: Reason | None = None


class Accepted(BaseModel):
    """What will be done to how many tickets; of a dry run there is neither id nor job."""

    id: UUID | None
    job_id: UUID | None
    total: int
    dry_run: bool


class AcceptedAnswer(Success):
    """A bulk action was counted, or accepted."""

    data: Accepted


class BulkActionAnswer(Success):
    """One bulk action."""

    data: BulkActionView


class BulkActionPage(Success):
    """Bulk actions, newest first; `pagination.next_cursor` goes on."""

    data: list[BulkActionSummary]


class BulkResultPage(Success):
    """What became of tickets; `pagination.next_cursor` goes on."""

    data: list[BulkResultView]


@api.post("/bulk-actions", responses={200: AcceptedAnswer, 202: AcceptedAnswer})
@requires(*ASKERS)
@idempotent
def ask(body: NewBulkAction) -> Response:
    """Assign many tickets, give them a priority or move them: one job, a result for each. `dry_run` only counts."""
    with unit_of_work() as work:
        if body.dry_run:
            counted = len(service.choose(work, body))
            return success({"id": None, "job_id": None, "total": counted, "dry_run": True}, "Nothing has been changed")
        asked, job = act_on_tickets.submit(work, body)
    total = len(asked.ticket_ids)
    return success(
        {"id": asked.id, "job_id": job.id, "total": total, "dry_run": False}, "The action has been queued", status=202
    )


@api.get("/bulk-actions", responses={200: BulkActionPage})
@requires(*READERS)
def list_bulk_actions(query: KeysetQuery) -> Response:
    """List what was asked for, newest first."""
    with platform().read() as connection:
        rows = views.list_bulk_actions(connection, before_id=query.cursor, limit=query.page_size + 1)
    shown, pagination = keyset(rows, query)
    return success(shown, pagination=pagination)


@api.get("/bulk-actions/<bulk_action_id>", responses={200: BulkActionAnswer, 404: Failure})
@requires(*READERS)
def read(bulk_action_id: str) -> Response:
    """Return a bulk action: how far it is, and how many tickets were done and refused."""
    with platform().read() as connection:
        return success(views.get_bulk_action(connection, _id(bulk_action_id)))


@api.get("/bulk-actions/<bulk_action_id>/results", responses={200: BulkResultPage, 404: Failure})
@requires(*READERS)
def list_results(bulk_action_id: str, query: ResultsQuery) -> Response:
    """List what became of each ticket; a refused one tells why and which moves it has instead."""
    with platform().read() as connection:
        rows = views.list_results(
            connection,
            _id(bulk_action_id),
            outcome=query.outcome,
            after_id=query.cursor,
            limit=query.page_size + 1,
        )
    shown = rows[: query.page_size]
    next_cursor = shown[-1]["ticket_id"] if len(rows) > len(shown) else None
    return success(shown, pagination={"pageSize": query.page_size, "next_cursor": next_cursor})


@api.post("/bulk-actions/<bulk_action_id>/cancel", responses={200: BulkActionAnswer, 404: Failure, 409: Failure})
@requires(*ASKERS)
@idempotent
def cancel(bulk_action_id: str) -> Response:
    """Stop a bulk action: tickets that have a result keep it, the others stay as they are."""
    bulk = stop(_id(bulk_action_id), body_as(ReasonBody, optional=True).reason)
    return success(bulk, "The action is cancelled, or will be after the tickets in hand")


def stop(bulk_action_id: UUID, reason: str | None) -> dict[str, Any]:
    """Stop a bulk action for whoever is signed in, and return it in the shape of BulkActionView.

    Raises NotFound, Forbidden for somebody else's, ConditionNotMet for one that ended long ago.
    """
    with unit_of_work() as work:
        row = service.get_row(work.connection, bulk_action_id)
        _require_own(row)
        if row["job_id"] is None:
            raise ConditionNotMet("The bulk action ended long ago", details={"state": "completed"})
        operations.act_on_job(work, row["job_id"], "cancel", reason)
        return views.get_bulk_action(work.connection, row["id"])


def _id(text: str) -> UUID:
    return parse_uuid(text, "Invalid bulk action ID")


def _require_own(row: dict[str, Any]) -> None:
    """Raise Forbidden unless the caller asked for the bulk action, or manages all of them."""
    by, caller = row["asked_by"], actor()
    own = (by["kind"], by["name"], by["user_id"]) == (
        caller.kind,
        caller.name,
        str(caller.user_id) if caller.user_id else None,
    )
    if not (own or caller.has_role("manager")):
        raise Forbidden("A bulk action is cancelled by whoever asked for it, or by a manager")
