"""How many faults in how many days are too many, for each project; a scan follows every change."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sql.database import Connection, queries
from ticketing.errors import NotFound, StaleWrite
from ticketing.events import UnitOfWork
from ticketing.repeat_faults.events import RepeatFaultThresholdsChanged
from ticketing.repeat_faults.requests import ThresholdsChange
from ticketing.ticket_changes import next_version, version

FIELDS = ("window_days", "pole_threshold", "pon_threshold", "zone_threshold", "dr_threshold")


def list_thresholds(connection: Connection) -> list[dict[str, Any]]:
    """Return all thresholds: the default first, then each project's own, in the shape of ThresholdsView."""
    return list(queries("repeat_faults").list_thresholds(connection))


def thresholds_of(connection: Connection, project_id: UUID | None) -> dict[str, int]:
    """Return the thresholds that hold for a project (its own, else the default) by the names of FIELDS."""
    found: dict[str, int] = queries("repeat_faults").find_thresholds(connection, project_id=project_id)
    return found


def put(work: UnitOfWork, project_id: UUID | None, change: ThresholdsChange) -> dict[str, Any]:
    """Set a project's thresholds, or the default (None); returns `before` (None: had none) and `after`.

    Raises StaleWrite if they changed since `updated_at`.
    """
    present = _lock(work, project_id)
    _require_version(present, change)
    after = change.model_dump(include=set(FIELDS))
    before = {field: present[field] for field in FIELDS} if present else None
    if before != after:
        updated_at = next_version(present["updated_at"], work.now) if present else work.now
        queries("repeat_faults").put_thresholds(
            work.connection, project_id=project_id, **after, updated_by=work.actor.user_id, updated_at=updated_at
        )
        work.record(RepeatFaultThresholdsChanged(project_id=project_id))
    return {"before": before, "after": after}


def drop(work: UnitOfWork, project_id: UUID) -> dict[str, Any]:
    """Take away a project's own thresholds: the default counts again. Returns what they were. Raises NotFound."""
    present = _lock(work, project_id)
    if present is None:
        raise NotFound("The project has no thresholds of its own", details={"project_id": str(project_id)})
    queries("repeat_faults").delete_thresholds(work.connection, project_id=project_id)
    work.record(RepeatFaultThresholdsChanged(project_id=project_id))
    return {field: present[field] for field in FIELDS}


def _lock(work: UnitOfWork, project_id: UUID | None) -> dict[str, Any] | None:
    queries("repeat_faults").take_turn_with_thresholds(work.connection)
    present: dict[str, Any] | None = queries("repeat_faults").get_thresholds(work.connection, project_id=project_id)
    return present


def _require_version(present: dict[str, Any] | None, change: ThresholdsChange) -> None:
    current = version(present["updated_at"]) if present else None
    if change.updated_at is not None and version(change.updated_at) != current:
        raise StaleWrite(
            "They changed after you read them: read them again, then decide",
            details={"expected": [version(change.updated_at)], "updated_at": current},
        )
