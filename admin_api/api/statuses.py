"""The statuses as boards and lists show them."""

from __future__ import annotations

from typing import Annotated

from flask import Response
from pydantic import BaseModel, BeforeValidator, ConfigDict

from admin_api.auth import requires
from admin_api.blueprints import blueprint
from admin_api.context import platform, unit_of_work
from admin_api.idempotency import idempotent
from admin_api.problems import answers
from admin_api.requests import parse_uuid
from admin_api.responses import Failure, Success, success
from jobs.operations import audit
from ticketing import statuses
from ticketing.statuses import NewStatus, StatusView

api = blueprint("statuses")


class StatusesQuery(BaseModel):
    """Which statuses to list."""

    model_config = ConfigDict(extra="ignore")

    include_inactive: Annotated[bool, BeforeValidator(lambda value: value == "true")] = False
    parent_id: str | None = None


class StatusAnswer(Success):
    """One status."""

    data: StatusView


class StatusList(Success):
    """Statuses, in their order."""

    data: list[StatusView]
    count: int


@api.get("/statuses", responses={200: StatusList})
@requires.signed_in()
def list_statuses(query: StatusesQuery) -> Response:
    """List the statuses: the eleven that tickets have, and labels beneath them."""
    parent_id = parse_uuid(query.parent_id, "Invalid parent ID") if query.parent_id else None
    with platform().read() as connection:
        rows = statuses.list_statuses(connection, include_inactive=query.include_inactive, parent_id=parent_id)
    return success(rows, count=len(rows))


@api.post("/statuses", responses={201: StatusAnswer, 400: Failure, 409: Failure})
@requires("manager")
@answers(VALIDATION_ERROR=400)
@idempotent
def add(body: NewStatus) -> Response:
    """Add a label, such as a word of the CRM; tickets keep to the eleven."""
    with unit_of_work() as work:
        status = statuses.add_status(work, body)
        audit(work, "status_add", ("status", status["id"]), details={"code": status["code"]})
    return success(status, "Status added", status=201)
