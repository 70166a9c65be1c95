"""Who of ours is whom in the CRM: only an assignment to somebody with a record there can be told to it."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel, StringConstraints

from sql.database import Connection, queries
from ticketing.errors import NotFound
from ticketing.events import UnitOfWork
from ticketing.paging import fetch_planned
from ticketing.people import resolve_references

RecordId = Annotated[str, StringConstraints(pattern=r"^[0-9]{1,19}$")]


class Whose(StrEnum):
    """What of ours a record there stands for."""

    USER = "user"
    CONTRACTOR = "contractor"
    TEAM = "team"


_FIELDS = {
    Whose.USER: "assigned_to",
    Whose.CONTRACTOR: "assigned_contractor_id",
    Whose.TEAM: "assigned_team_id",
}


class AssigneeView(BaseModel):
    """A person, company or team of ours with its record id there."""

    id: UUID
    type: Whose
    assignee_id: UUID
    name: str
    qcontact_id: str
    set_at: datetime
    set_by_name: str


def list_assignees(connection: Connection, after: UUID | None, limit: int) -> list[dict[str, Any]]:
    """Return who has a record there, in the shape of AssigneeView, newest first, after the one with that id."""
    query = queries("qcontact_assignees").list_assignees
    return fetch_planned(connection, query, after=after, row_limit=limit)


def set_assignee(work: UnitOfWork, whose: Whose, assignee_id: str, qcontact_id: str) -> None:
    """Note the record id there of somebody of ours; the newest word counts. Raises InvalidInput for nobody of ours.

    Tickets that they work on already are told of by the next sweep.
    """
    found = resolve_references(work.connection, {_FIELDS[whose]: assignee_id})[_FIELDS[whose]]
    queries("qcontact_assignees").put_assignee(
        work.connection, **_of(whose, found), qcontact_id=qcontact_id, set_by_name=work.actor.name, now=work.now
    )


def remove_assignee(work: UnitOfWork, whose: Whose, assignee_id: UUID) -> None:
    """Forget the record id there of somebody of ours. Raises NotFound, also for the second of two."""
    removed: int = queries("qcontact_assignees").delete_assignee(work.connection, **_of(whose, assignee_id))
    if not removed:
        raise NotFound(f"This {whose} has no record in QContact", details={"assignee_id": str(assignee_id)})


def _of(whose: Whose, assignee_id: UUID | None) -> dict[str, Any]:
    return {f"{one}_id": assignee_id if one == whose else None for one in Whose}
