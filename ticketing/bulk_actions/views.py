"""Bulk actions as the API shows them: how far one is, and what became of each ticket. Reads only."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel

from sql.database import Connection, queries
from ticketing.bulk_actions.rules import state_of
from ticketing.bulk_actions.service import get_row
from ticketing.paging import fetch_planned
from ticketing.vocabulary import BulkAction, Status

Outcome = Literal["done", "unchanged", "refused", "waiting"]
WAITING = "waiting"


class BulkCounts(BaseModel):
    """How many tickets have which outcome; `waiting` have none yet, or never will if the action was cancelled."""

    done: int
    unchanged: int
    refused: int
    waiting: int


class BulkActionSummary(BaseModel):
    """What was asked for, and by whom; `filter` is null where the tickets were named."""

    id: UUID
    action: BulkAction
    changes: dict[str, Any]
    filter: dict[str, Any] | None
    asked_by: str
    total: int
    created_at: datetime


class BulkActionView(BulkActionSummary):
    """A bulk action and how far it is; `job_id` is null once the ledger has forgotten the job."""

    state: Literal["waiting", "running", "completed", "cancelled", "failed"]
    cancel_requested: bool
    counts: BulkCounts
    job_id: UUID | None


class BulkResultView(BaseModel):
    """What became of one ticket; `details.allowed` lists the moves that a refused one has instead."""

    ticket_id: UUID
    ticket_uid: str | None
    title: str | None
    status: Status | None
    outcome: Outcome
    code: str | None
    message: str | None
    details: Any
    settled_at: datetime | None


def get_bulk_action(connection: Connection, bulk_action_id: UUID) -> dict[str, Any]:
    """Return a bulk action in the shape of BulkActionView. Raises NotFound."""
    row = get_row(connection, bulk_action_id)
    counts = {name: row[name] for name in ("done", "unchanged", "refused")}
    waiting = row["total"] - sum(counts.values())
    return {
        **_summary(row),
        "state": state_of(row["job_state"], waiting),
        "cancel_requested": row["cancel_requested"],
        "counts": {**counts, WAITING: waiting},
        "job_id": row["job_id"],
    }


def list_bulk_actions(connection: Connection, *, before_id: UUID | None, limit: int) -> list[dict[str, Any]]:
    """Return bulk actions in the shape of BulkActionSummary, newest first; `before_id` goes on after that one."""
    rows = queries("bulk_actions").list_bulk_actions(connection, before_id=before_id, row_limit=limit)
    return [_summary(row) for row in rows]


def list_results(
    connection: Connection, bulk_action_id: UUID, *, outcome: Outcome | None, after_id: UUID | None, limit: int
) -> list[dict[str, Any]]:
    """Return tickets of a bulk action in the shape of BulkResultView, by their ids; None lists every outcome.

    Raises NotFound for a bulk action that does not exist.
    """
    get_row(connection, bulk_action_id)
    waiting = outcome == WAITING
    return fetch_planned(
        connection,
        queries("bulk_actions").list_bulk_results,
        bulk_action_id=bulk_action_id,
        outcome=None if waiting else outcome,
        waiting=waiting or None,
        after_id=after_id,
        row_limit=limit,
    )


def _summary(row: dict[str, Any]) -> dict[str, Any]:
    shown = {name: row[name] for name in ("id", "action", "changes", "total", "created_at")}
    return shown | {"filter": row["chosen_by"], "asked_by": row["asked_by"]["name"]}
