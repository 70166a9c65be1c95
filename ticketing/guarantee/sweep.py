"""Classifying many tickets, batch by batch: after a night, after an import, after a change of periods.

Each function handles one batch in its unit of work, and changes nothing when it is run again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sql.database import queries
from ticketing.events import UnitOfWork
from ticketing.guarantee.classification import AT_ONCE, classify_tickets

FIRST = UUID(int=0)


@dataclass(frozen=True, slots=True)
class Batch:
    """How many tickets were looked at and came out otherwise, and where the next batch goes on (None: nowhere)."""

    looked_at: int
    changed: int
    after: Any


def classify_run_out(work: UnitOfWork) -> Batch:
    """Classify tickets whose guarantee has run out since they were classified."""
    rows = queries("guarantee").list_run_out(work.connection, now=work.now, most=AT_ONCE)
    return _classify(work, list(rows), "id")


def classify_unclassified(work: UnitOfWork) -> Batch:
    """Classify tickets that are older than the classification."""
    rows = queries("guarantee").list_never_classified(work.connection, most=AT_ONCE)
    return _classify(work, list(rows), "id")


def classify_imported(work: UnitOfWork, report_id: UUID, after_row: int) -> Batch:
    """Classify the next tickets that a weekly report made or changed; goes on after a row number."""
    rows = queries("guarantee").list_of_report(work.connection, report_id=report_id, after_row=after_row, most=AT_ONCE)
    return _classify(work, list(rows), "row_number")


def classify_under_periods(work: UnitOfWork, project_id: UUID | None, after_id: UUID) -> Batch:
    """Classify the next tickets that a project's periods concern (None: the default ones); goes on after an id."""
    rows = queries("guarantee").list_under_periods(
        work.connection, project_id=project_id, after_id=after_id, most=AT_ONCE
    )
    return _classify(work, list(rows), "id")


def _classify(work: UnitOfWork, rows: list[dict[str, Any]], position: str) -> Batch:
    changed = classify_tickets(work, [row["id"] for row in rows]) if rows else 0
    return Batch(len(rows), changed, rows[-1][position] if len(rows) == AT_ONCE else None)
