"""Who of ours is whom in QContact, so that assignments can be told there."""

from __future__ import annotations

from flask import Response
from pydantic import BaseModel, ConfigDict, Field

from admin_api.api.jobs import OPERATORS, READERS
from admin_api.auth import requires
from admin_api.blueprints import blueprint
from admin_api.context import platform, unit_of_work
from admin_api.keyset import KeysetQuery, keyset
from admin_api.requests import parse_uuid
from admin_api.responses import Failure, Success, success, success_without_data
from jobs.operations import audit
from ticketing.qcontact_sync import assignees
from ticketing.qcontact_sync.assignees import AssigneeView, RecordId, Whose

api = blueprint("qcontact_assignees")


class AssigneeList(Success):
    """Who of ours has a record there, newest first."""

    data: list[AssigneeView]


class AssigneePath(BaseModel):
    """Whom of ours it is about."""

    whose: Whose
    assignee_id: str


class AssigneeBody(BaseModel):
    """The record that stands for somebody of ours there."""

    model_config = ConfigDict(extra="forbid")

    qcontact_id: RecordId = Field(description="The record id of a user in QContact: digits only")


@api.get("/sync/qcontact/assignees", responses={200: AssigneeList})
@requires(*READERS)
def list_assignees(query: KeysetQuery) -> Response:
    """List who of ours has a record in QContact; assignments to others stay in the house."""
    with platform().read() as connection:
        rows = assignees.list_assignees(connection, query.cursor, query.page_size + 1)
    shown, pagination = keyset(rows, query)
    return success(shown, pagination=pagination)


@api.put("/sync/qcontact/assignees/<whose>/<assignee_id>", responses={422: Failure})
@requires(*OPERATORS)
def set_assignee(path: AssigneePath, body: AssigneeBody) -> Response:
    """Say which record in QContact stands for a user, contractor or team of ours."""
    with unit_of_work() as work:
        assignees.set_assignee(work, path.whose, path.assignee_id, body.qcontact_id)
        audit(work, "qcontact_assignee_set", (path.whose, path.assignee_id), details={"qcontact_id": body.qcontact_id})
    return success({"type": path.whose, "assignee_id": path.assignee_id, "qcontact_id": body.qcontact_id})


@api.delete("/sync/qcontact/assignees/<whose>/<assignee_id>", responses={404: Failure})
@requires(*OPERATORS)
def remove_assignee(path: AssigneePath) -> Response:
    """Forget which record in QContact stands for somebody of ours; no assignment to them is told any more."""
    assignee_id = parse_uuid(path.assignee_id, "Invalid assignee ID")
    with unit_of_work() as work:
        assignees.remove_assignee(work, path.whose, assignee_id)
        audit(work, "qcontact_assignee_remove", (path.whose, assignee_id))
    return success_without_data("Forgotten")
