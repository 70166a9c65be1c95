"""The targets: how soon tickets of each priority must be answered and resolved, per project or for all.

A change counts for clocks that start, or are measured anew, from then on: what was promised to a client stays promised.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, model_validator

from sql.database import Connection, queries
from ticketing.errors import NotFound, StaleWrite
from ticketing.events import UnitOfWork
from ticketing.instants import Instant
from ticketing.ticket_changes import next_version, version
from ticketing.vocabulary import Priority

LONGEST_MINUTES = 366 * 24 * 60
TARGET_FIELDS = ("first_response_minutes", "resolve_minutes", "round_the_clock")

Minutes = Annotated[int, Field(ge=1, le=LONGEST_MINUTES, strict=True)]


class TargetView(BaseModel):
    """The target of a priority. `project_id` is null for that of all projects that have none of their own."""

    id: UUID
    project_id: UUID | None
    priority: Priority
    first_response_minutes: int
    resolve_minutes: int
    round_the_clock: bool
    updated_at: datetime
    updated_by: UUID | None


class TargetChange(BaseModel):
    """A target as it is to be; minutes of business time, or of plain time if it runs round the clock."""

    model_config = ConfigDict(extra="ignore")

    first_response_minutes: Minutes
    resolve_minutes: Minutes
    round_the_clock: bool = False
    updated_at: Instant | None = Field(
        default=None, description="The version that you saw: the change is refused if somebody changed it since"
    )

    @model_validator(mode="after")
    def _answered_before_resolved(self) -> Self:
        if self.first_response_minutes > self.resolve_minutes:
            raise ValueError("first_response_minutes must not be more than resolve_minutes")
        return self


def list_targets(connection: Connection, project_id: UUID | None) -> list[dict[str, Any]]:
    """Return the targets that count for a project (None: for all others), most urgent first, as TargetView."""
    order = [priority.value for priority in reversed(Priority)]
    rows = queries("sla").list_settings(connection, project=project_id)
    return sorted(rows, key=lambda row: order.index(row["priority"]))


def put_target(
    work: UnitOfWork, project_id: UUID | None, priority: Priority, change: TargetChange
) -> tuple[dict[str, Any] | None, dict[str, Any]]:
    """Set a project's target of a priority, or the one of all others (None); returns it before (None: none) and after.

    Raises StaleWrite if it changed since `updated_at`, and for the second of two who give a project its first one.
    """
    wanted = change.model_dump(include=set(TARGET_FIELDS))
    before = queries("sla").lock_setting(work.connection, project=project_id, priority=priority.value)
    if before is None:
        return None, _inserted(work, project_id, priority, wanted)
    if change.updated_at is not None and version(change.updated_at) != version(before["updated_at"]):
        raise _stale(before)
    return before, _updated(work, before, wanted)


def drop_target(work: UnitOfWork, project_id: UUID, priority: Priority) -> dict[str, Any]:
    """Take away a project's own target, so that the general one counts again; returns what it was. Raises NotFound."""
    before: dict[str, Any] | None = queries("sla").lock_setting(
        work.connection, project=project_id, priority=priority.value
    )
    if before is None:
        raise NotFound(
            f"The project has no target of its own for {priority.value}",
            details={"project_id": str(project_id), "priority": priority.value},
        )
    queries("sla").delete_setting(work.connection, project=project_id, priority=priority.value)
    return before


def _inserted(
    work: UnitOfWork, project_id: UUID | None, priority: Priority, wanted: Mapping[str, Any]
) -> dict[str, Any]:
    row: dict[str, Any] | None = queries("sla").insert_setting(
        work.connection,
        project=project_id,
        priority=priority.value,
        **wanted,
        updated_by=work.actor.user_id,
        now=work.now,
    )
    if row is None:
        raise _stale(None)
    return row


def _updated(work: UnitOfWork, before: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict[str, Any]:
    if all(before[field] == value for field, value in wanted.items()):
        return dict(before)
    row: dict[str, Any] = queries("sla").update_setting(
        work.connection,
        id=before["id"],
        **wanted,
        updated_by=work.actor.user_id,
        updated_at=next_version(before["updated_at"], work.now),
    )
    return row


def _stale(before: Mapping[str, Any] | None) -> StaleWrite:
    present = None if before is None else version(before["updated_at"])
    return StaleWrite(
        "The target changed after you read it: read it again, then decide", details={"updated_at": present}
    )
