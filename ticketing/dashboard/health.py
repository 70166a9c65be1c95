"""How imports and syncs are doing: what came last, how old it is, what did not get in. `never` where nothing came."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, Field

from sql.database import Connection, queries

SYNC_WINDOW = timedelta(hours=24)
REPORT_EXPECTED = timedelta(days=7)
"""A report comes once a week; an older one means that this week's is missing."""

ImportHealth = Literal["never", "running", "failed", "rejected_rows", "stale", "ok"]
SyncHealth = Literal["never", "failing", "ok"]


class ImportView(BaseModel):
    """The weekly import: the report that was uploaded last."""

    state: ImportHealth = Field(description="`stale`: the last one is older than a week")
    report_id: UUID | None = None
    report_uid: str | None = None
    filename: str | None = None
    status: str | None = None
    uploaded_at: datetime | None = None
    imported_at: datetime | None = None
    last_completed_at: datetime | None = None
    age_hours: float | None = Field(default=None, description="Since a report was last imported to its end")
    total_rows: int = 0
    created_rows: int = 0
    updated_rows: int = 0
    conflict_rows: int = 0
    rejected_rows: int = 0
    failure_code: str | None = None
    failure_message: str | None = None


class DirectionView(BaseModel):
    """One direction of the CRM's sync; counts are those of the last 24 hours."""

    state: SyncHealth
    last_success_at: datetime | None
    last_failure_at: datetime | None
    succeeded: int
    partial: int
    failed: int


class SyncView(BaseModel):
    """The sync with the CRM."""

    state: SyncHealth = Field(description="The worse of both directions")
    inbound: DirectionView
    outbound: DirectionView
    last_failure: dict[str, Any] | None


class HealthView(BaseModel):
    """How what comes from outside is doing."""

    weekly_import: ImportView
    qcontact_sync: SyncView


def show(connection: Connection, now: datetime) -> HealthView:
    """Return how imports and syncs are doing at `now`."""
    return HealthView(weekly_import=_imports(connection, now), qcontact_sync=_syncs(connection, now))


def import_state(report: dict[str, Any] | None, now: datetime) -> ImportHealth:
    """Return how the import is doing, the worst word that holds, given the last report (None: there never was one)."""
    if report is None:
        return "never"
    if report["status"] == "failed":
        return "failed"
    if report["status"] != "completed":
        return "running"
    if report["rejected_count"]:
        return "rejected_rows"
    return "stale" if now - report["imported_at"] > REPORT_EXPECTED else "ok"


def sync_state(succeeded_at: datetime | None, failed_at: datetime | None) -> SyncHealth:
    """Return how a direction is doing: it fails while nothing has gone well since the last failure."""
    if succeeded_at is None and failed_at is None:
        return "never"
    if failed_at is not None and (succeeded_at is None or failed_at > succeeded_at):
        return "failing"
    return "ok"


def _imports(connection: Connection, now: datetime) -> ImportView:
    row = queries("dashboard").get_imports(connection)
    if row is None:
        return ImportView(state="never")
    completed = row["last_completed_at"]
    return ImportView(
        state=import_state(row, now),
        report_id=row["id"],
        report_uid=row["report_uid"],
        filename=row["original_filename"],
        status=row["status"],
        uploaded_at=row["created_at"],
        imported_at=row["imported_at"],
        last_completed_at=completed,
        age_hours=round((now - completed) / timedelta(hours=1), 2) if completed else None,
        total_rows=row["total_rows"],
        created_rows=row["created_count"],
        updated_rows=row["updated_count"],
        conflict_rows=row["conflict_count"],
        rejected_rows=row["rejected_count"],
        failure_code=row["failure_code"],
        failure_message=row["failure_message"],
    )


def _syncs(connection: Connection, now: datetime) -> SyncView:
    rows = {
        (row["direction"], row["status"]): row
        for row in queries("dashboard").list_syncs(connection, since=now - SYNC_WINDOW)
    }
    inbound, outbound = _direction(rows, "inbound"), _direction(rows, "outbound")
    states = {inbound.state, outbound.state}
    worst: SyncHealth = "failing" if "failing" in states else "ok" if "ok" in states else "never"
    failure = queries("dashboard").get_last_failed_sync(connection)
    return SyncView(state=worst, inbound=inbound, outbound=outbound, last_failure=failure)


def _direction(rows: dict[tuple[str, str], dict[str, Any]], direction: str) -> DirectionView:
    success, partial, failed = (rows[direction, status] for status in ("success", "partial", "failed"))
    # What went through in part went through: its conflicts are told elsewhere.
    succeeded_at = max(filter(None, (success["last_at"], partial["last_at"])), default=None)
    return DirectionView(
        state=sync_state(succeeded_at, failed["last_at"]),
        last_success_at=succeeded_at,
        last_failure_at=failed["last_at"],
        succeeded=success["recent"],
        partial=partial["recent"],
        failed=failed["recent"],
    )
