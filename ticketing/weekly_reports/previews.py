"""What an import would do, told before it does anything: counts by verdict, reasons, samples, conflicts."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sql.database import Connection, queries
from ticketing.weekly_reports.changes import Change
from ticketing.weekly_reports.differences import add_names, week_on_week
from ticketing.weekly_reports.importing import Bounds, compare, list_changed, outcome_of

# Of each kind of row.
ROWS_SHOWN = 50
REASONS_SHOWN = 50
# Changed rows are compared one by one: so many at a time, to bound memory.
COMPARED_AT_ONCE = 5_000


@dataclass(slots=True)
class _Compared:
    """What becomes of the rows that say something else: their outcomes, and the first changes and conflicts."""

    outcomes: Counter[str] = field(default_factory=Counter)
    changes: list[dict[str, Any]] = field(default_factory=list)
    conflicts: list[dict[str, Any]] = field(default_factory=list)

    def add(self, row: dict[str, Any], change: Change) -> None:
        self.outcomes[outcome_of(change)] += 1
        ticket = row["ticket"]
        about = {"row_number": row["row_number"], "ticket_id": ticket["id"], "ticket_uid": ticket["ticket_uid"]}
        if change.updates and len(self.changes) < ROWS_SHOWN:
            fields = [
                {"field": name, "ticket_value": ticket[name], "sheet_value": value}
                for name, value in change.updates.items()
            ]
            self.changes.append({**about, "fields": fields})
        if change.conflicts and len(self.conflicts) < ROWS_SHOWN:
            self.conflicts.append({**about, "conflicts": [conflict.as_json() for conflict in change.conflicts]})


def build(connection: Connection, report_id: UUID) -> dict[str, Any]:
    """Return the preview of a staged report, JSON-ready, against the tickets as they are now.

    `total` is the sum of `new`, `changed`, `unchanged`, `duplicate`, `conflict` and `rejected`; `reasons` counts errors
    by kind and column; `new_rows`, `changes`, `conflicts` and `rejected_rows` show the first of each; `difference` is
    the week-on-week difference. Nothing is written.
    """
    counts = queries("weekly_reports").count_verdicts(connection, report_id=report_id)
    compared = _compare_changed(connection, report_id) if counts["changed"] else _Compared()
    return {
        "total": counts["total"],
        "new": counts["new"],
        "changed": compared.outcomes["updated"],
        "unchanged": counts["unchanged"] + compared.outcomes["unchanged"],
        "duplicate": counts["duplicate"],
        "conflict": compared.outcomes["conflict"],
        "rejected": counts["rejected"],
        "with_warnings": counts["with_warnings"],
        "changes": compared.changes,
        "conflicts": compared.conflicts,
        "difference": week_on_week(connection, report_id),
        **_first_rows(connection, report_id),
    }


def _first_rows(connection: Connection, report_id: UUID) -> dict[str, Any]:
    statements = queries("weekly_reports")
    reasons = list(statements.count_errors(connection, report_id=report_id))[:REASONS_SHOWN]
    rejected = statements.list_rows(
        connection, report_id=report_id, outcome="rejected", after_row=0, row_limit=ROWS_SHOWN
    )
    return {
        "reasons": [
            {"error_type": reason["error_type"], "column": reason["column_name"], "count": reason["count"]}
            for reason in reasons
        ],
        "new_rows": list(statements.list_new(connection, report_id=report_id, row_limit=ROWS_SHOWN)),
        "rejected_rows": [{"row_number": row["row_number"], "errors": row["errors"]} for row in rejected],
    }


def _compare_changed(connection: Connection, report_id: UUID) -> _Compared:
    compared = _Compared()
    after = 0
    while bounds := _next_bounds(connection, report_id, after):
        for row in list_changed(connection, Bounds(report_id, after, bounds)):
            compared.add(row, compare(row))
        after = bounds
    changed = [different for row in compared.changes for different in row["fields"]]
    refused = [different for row in compared.conflicts for different in row["conflicts"]]
    add_names(connection, [*changed, *refused])
    return compared


def _next_bounds(connection: Connection, report_id: UUID, after: int) -> int | None:
    upcoming = queries("weekly_reports").next_batch(
        connection, report_id=report_id, after_row=after, batch_rows=COMPARED_AT_ONCE
    )
    last: int | None = upcoming["last_row"]
    return last
