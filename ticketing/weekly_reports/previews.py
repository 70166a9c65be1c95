"""What an import would do, told before it does anything: counts by verdict, reasons, samples, conflicts."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sql.database import Connection, queries
from ticketing.weekly_reports.importing import Bounds, compare, list_changed, outcome_of

SAMPLES = 10
CONFLICTS_SHOWN = 50
REASONS_SHOWN = 50
# Changed rows are compared one by one: so many at a time, to bound memory.
COMPARED_AT_ONCE = 5_000


def build(connection: Connection, report_id: UUID) -> dict[str, Any]:
    """Return the preview of a staged report, JSON-ready, against the tickets as they are now.

    `total` is the sum of `new`, `changed`, `unchanged`, `duplicate`, `conflict` and `rejected`; `reasons` counts errors
    by kind and column; `conflicts` and `rejected_rows` show the first of each. Nothing is written.
    """
    statements = queries("weekly_reports")
    counts = statements.count_verdicts(connection, report_id=report_id)
    outcomes, conflicts = _compare_changed(connection, report_id) if counts["changed"] else ([], [])
    reasons = statements.count_errors(connection, report_id=report_id)
    rejected = statements.list_rows(connection, report_id=report_id, outcome="rejected", after_row=0, row_limit=SAMPLES)
    return {
        "total": counts["total"],
        "new": counts["new"],
        "changed": outcomes.count("updated"),
        "unchanged": counts["unchanged"] + outcomes.count("unchanged"),
        "duplicate": counts["duplicate"],
        "conflict": outcomes.count("conflict"),
        "rejected": counts["rejected"],
        "with_warnings": counts["with_warnings"],
        "reasons": [
            {"error_type": reason["error_type"], "column": reason["column_name"], "count": reason["count"]}
            for reason in list(reasons)[:REASONS_SHOWN]
        ],
        "conflicts": conflicts,
        "rejected_rows": [{"row_number": row["row_number"], "errors": row["errors"]} for row in rejected],
    }


def _compare_changed(connection: Connection, report_id: UUID) -> tuple[list[str], list[dict[str, Any]]]:
    outcomes: list[str] = []
    conflicts: list[dict[str, Any]] = []
    after = 0
    while bounds := _next_bounds(connection, report_id, after):
        for row in list_changed(connection, Bounds(report_id, after, bounds)):
            change = compare(row)
            outcomes.append(outcome_of(change))
            if change.conflicts and len(conflicts) < CONFLICTS_SHOWN:
                shown = [conflict.as_json() for conflict in change.conflicts]
                conflicts.append(
                    {
                        "row_number": row["row_number"],
                        "ticket_uid": row["ticket"]["ticket_uid"],
                        "conflicts": shown,
                    }
                )
        after = bounds
    return outcomes, conflicts


def _next_bounds(connection: Connection, report_id: UUID, after: int) -> int | None:
    upcoming = queries("weekly_reports").next_batch(
        connection, report_id=report_id, after_row=after, batch_rows=COMPARED_AT_ONCE
    )
    last: int | None = upcoming["last_row"]
    return last
