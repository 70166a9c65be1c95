"""The statuses as boards and lists show them (wire contract, section 17.4).

The eleven of the status machine are always there. What is added is a label beneath or beside them, such as a word of
the CRM: no ticket's status, for that the machine alone decides.
"""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from sql.database import Connection, queries
from ticketing.errors import ConditionNotMet, Duplicate, Forbidden, InvalidInput
from ticketing.events import UnitOfWork
from ticketing.input_text import TextInput
from ticketing.vocabulary import TERMINAL_STATUSES

MOST_STATUSES = 200
"""A board of more columns helps nobody; it keeps the list, which the contract has without pages, short."""

Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100)]


class StatusView(BaseModel):
    """A status on the wire; a ticket that has a terminal one does not move again."""

    id: UUID
    code: str
    name: str
    description: str | None
    parent_id: UUID | None
    color: str
    icon: str
    display_order: int
    is_active: bool
    is_terminal: bool
    qcontact_status: str | None


class NewStatus(TextInput):
    """A label to be added, beneath the status `parent_id` if that is given."""

    model_config = ConfigDict(extra="ignore")

    code: str = Field(pattern=r"^[a-z][a-z0-9_]{0,49}$", description="Lower case letters, digits and _")
    name: Text
    description: Annotated[str, StringConstraints(max_length=500)] | None = None
    parent_id: UUID | None = None
    color: str = Field(default="#6b7280", pattern=r"^#[0-9a-fA-F]{6}$")
    icon: Text = "circle"
    display_order: int = Field(default=1000, ge=0, le=1_000_000)
    qcontact_status: Text | None = None


def list_statuses(
    connection: Connection, *, include_inactive: bool = False, parent_id: UUID | None = None
) -> list[dict[str, Any]]:
    """Return statuses in the shape of StatusView, in their order; with `parent_id` those beneath it."""
    rows = queries("statuses").list_statuses(connection, include_inactive=include_inactive, parent_id=parent_id)
    return [_shown(row) for row in rows]


def add_status(work: UnitOfWork, new: NewStatus) -> dict[str, Any]:
    """Add a label and return it in the shape of StatusView.

    Raises Forbidden, Duplicate where the code is taken, InvalidInput for a parent that does not exist, ConditionNotMet
    where there are too many.
    """
    if not work.actor.has_role("manager"):
        raise Forbidden("Your role may not add statuses")
    named = queries("statuses")
    if new.parent_id is not None and not named.has_status(work.connection, id=new.parent_id):
        raise InvalidInput("parent_id: no status has this id", details={"parent_id": "no status has this id"})
    if named.count_statuses(work.connection) >= MOST_STATUSES:
        raise ConditionNotMet(f"There are {MOST_STATUSES} statuses already; more would help nobody")
    row = named.insert_status(work.connection, now=work.now, **new.model_dump())
    if row is None:
        raise Duplicate(f"A status with the code {new.code} is there already", details={"code": new.code})
    return _shown(row)


def _shown(row: dict[str, Any]) -> dict[str, Any]:
    return {**row, "is_terminal": row["code"] in TERMINAL_STATUSES}
