"""Writing tickets from staged rows, a batch at a time; each batch is one transaction, so a killed import goes on.

An import without a preview stages a batch and settles it in one transaction; one that was previewed finds its rows
waiting. What follows is the same for both.

New tickets, their steps and events, and rows that say nothing new are settled by set-based statements. Rows that
changed are few: they are compared one by one by the pure rules of `changes` and written back with one statement.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import psycopg
from pydantic_core import to_json

from sql.database import Connection, joining_in_bulk, queries
from ticketing.events import TicketEvent, UnitOfWork
from ticketing.sla import clocks
from ticketing.sla.forecasts import Forecast
from ticketing.sla.rules import CLOCK_FIELDS
from ticketing.status import Facts
from ticketing.ticket_changes import ASSIGNMENT_FIELDS, CHECKED_FIELDS
from ticketing.ticket_events import (
    ReadinessWithdrawn,
    TicketAssigned,
    TicketCreated,
    TicketStatusChanged,
    TicketUpdated,
)
from ticketing.weekly_reports.changes import Change, merge
from ticketing.weekly_reports.rows import Problem
from ticketing.weekly_reports.staging import Tally

# The one column whose name on the wire, and so in events, is another.
_WIRE_NAMES = {"zone": "zone_id"}


@dataclass(frozen=True, slots=True)
class Source:
    """What the timeline tells about where a change came from."""

    report_id: UUID
    report_uid: str
    created_by: UUID | None
    job_id: UUID | None = None
    request_id: str | None = None


@dataclass(frozen=True, slots=True)
class Bounds:
    """Rows of a report: those after one row number up to another."""

    report_id: UUID
    after_row: int
    up_to_row: int

    def parameters(self) -> dict[str, Any]:
        """Return the bounds as parameters of the queries."""
        return {"report_id": self.report_id, "after_row": self.after_row, "up_to_row": self.up_to_row}


@dataclass(frozen=True, slots=True)
class Batch:
    """How far the import is: the last row that is settled, and how many are, rejected and duplicate ones included."""

    last_row: int
    processed: int


def settle(work: UnitOfWork, source: Source, bounds: Bounds, tally: Tally, forecast: Forecast | None = None) -> Batch:
    """Do what was decided about the rows within bounds, in the transaction that decided it.

    `forecast` has the clocks of all their tickets that may have to be made; without one they are computed here. Raises
    psycopg.IntegrityError where another import has made one of the tickets meanwhile (see `is_overtaken`) or a row
    breaks a rule of the database.
    """
    if tally.created:
        _create(work, source, bounds, forecast)
    outcomes = _change(work, source, bounds) if tally.waiting else []
    counts = {
        "created": tally.created,
        "updated": outcomes.count("updated"),
        "unchanged": tally.unchanged + outcomes.count("unchanged"),
        "conflict": outcomes.count("conflict"),
        "duplicate": tally.duplicate,
        "rejected": tally.rejected,
    }
    return Batch(bounds.up_to_row, _add_counts(work, source, counts))


def is_overtaken(error: psycopg.Error) -> bool:
    """Whether a batch failed because another import made one of its tickets first: tried again, it finds the ticket."""
    return error.diag.constraint_name == "tickets_external_id_key"


def import_batch(work: UnitOfWork, source: Source, *, after_row: int, batch_rows: int) -> Batch | None:
    """Settle the next rows of a report that were staged to wait; None when there are none after `after_row`."""
    statements, connection = queries("weekly_reports"), work.connection
    upcoming = statements.next_batch(connection, report_id=source.report_id, after_row=after_row, batch_rows=batch_rows)
    if upcoming["last_row"] is None:
        return None
    # From the first row that waits: rows that an earlier attempt settled lie before it and are not written again.
    bounds = Bounds(source.report_id, upcoming["first_row"] - 1, upcoming["last_row"])
    planned: int = statements.plan_new_tickets(connection, **bounds.parameters())
    unchanged: int = statements.settle_unchanged(connection, **bounds.parameters())
    waiting = upcoming["row_count"] - planned - unchanged
    return settle(work, source, bounds, Tally(created=planned, unchanged=unchanged, waiting=waiting))


def reject_next(work: UnitOfWork, source: Source, *, after_row: int, why: psycopg.Error) -> Batch | None:
    """Reject the next row that waits, which the database refused; None when there is none after `after_row`."""
    statements, connection = queries("weekly_reports"), work.connection
    upcoming = statements.next_batch(connection, report_id=source.report_id, after_row=after_row, batch_rows=1)
    if upcoming["last_row"] is None:
        return None
    rule = why.diag.constraint_name or type(why).__name__
    problem = Problem("error", "database_error", f"the database refuses this row (rule {rule})")
    statements.reject_row(
        connection,
        report_id=source.report_id,
        row_number=upcoming["last_row"],
        errors=to_json([problem.as_json()]).decode(),
    )
    return Batch(upcoming["last_row"], _add_counts(work, source, {"rejected": 1}))


def _add_counts(work: UnitOfWork, source: Source, counts: Mapping[str, int]) -> int:
    nothing = dict.fromkeys(("created", "updated", "unchanged", "conflict", "duplicate", "rejected"), 0)
    processed: int = queries("weekly_reports").add_counts(
        work.connection, report_id=source.report_id, now=work.now, **{**nothing, **counts}
    )
    return processed


def _create(work: UnitOfWork, source: Source, bounds: Bounds, forecast: Forecast | None) -> None:
    """Make the planned tickets, each with its steps and the first line of its timeline."""
    statements, connection, within = queries("weekly_reports"), work.connection, bounds.parameters()
    running = forecast.parameters(work.now) if forecast else clocks.planned(connection, within, work.now)
    with joining_in_bulk(connection):
        statements.insert_planned_tickets(connection, **within, **running, created_by=source.created_by, now=work.now)
    statements.insert_steps_of_planned(connection, **within, now=work.now)
    statements.insert_events_of_planned(
        connection,
        **within,
        event_type=TicketCreated.name,
        report_uid=source.report_uid,
        actor_kind=work.actor.kind,
        actor_id=work.actor.user_id,
        actor_name=work.actor.name,
        job_id=source.job_id,
        request_id=source.request_id,
        now=work.now,
    )


def _change(work: UnitOfWork, source: Source, bounds: Bounds) -> list[str]:
    """Apply what changed rows may change and record the rest as conflicts; returns the rows' outcomes."""
    statements, connection = queries("weekly_reports"), work.connection
    statements.lock_tickets_of_batch(connection, **bounds.parameters())
    rows = list_changed(connection, bounds)
    changes = [(row, compare(row)) for row in rows]
    statements.update_tickets(connection, changes=to_json([_written(*pair) for pair in changes]).decode(), now=work.now)
    for row, change in changes:
        _record(work, source, row, change)
    clocks.follow(work, [row["ticket_id"] for row, change in changes if not CLOCK_FIELDS.isdisjoint(change.updates)])
    outcomes = [outcome_of(change) for _, change in changes]
    statements.settle_changed(
        connection,
        report_id=source.report_id,
        row_numbers=[row["row_number"] for row in rows],
        ticket_ids=[row["ticket_id"] for row in rows],
        outcomes=outcomes,
        conflicts=[_conflicts_json(change) for _, change in changes],
    )
    return outcomes


def list_changed(connection: Connection, bounds: Bounds) -> list[dict[str, Any]]:
    """Read the rows that say something else than their ticket heard last, with the ticket as it is."""
    return list(queries("weekly_reports").list_changed(connection, **bounds.parameters()))


def compare(row: Mapping[str, Any]) -> Change:
    """Decide what a row of `list_changed` does to its ticket."""
    ticket, offer = row["ticket"], row["offer"]
    facts = Facts(
        ticket_type=offer["ticket_type"] or ticket["ticket_type"],
        fault_cause=ticket["fault_cause"] or offer["fault_cause"],
        open_steps=frozenset(row["open_steps"]),
        active_risks=row["active_risks"],
    )
    return merge(ticket, ticket["sheet_fields"] or {}, offer, facts)


def outcome_of(change: Change) -> str:
    """Return the outcome of a compared row: `conflict` even where other fields of it were applied."""
    if change.conflicts:
        return "conflict"
    return "updated" if change.updates else "unchanged"


def _written(row: Mapping[str, Any], change: Change) -> dict[str, Any]:
    return {
        **change.updates,
        "ticket_id": row["ticket_id"],
        "sheet_fields": change.sheet_fields,
        "row_hash": row["row_hash"],
        "checked": not CHECKED_FIELDS.isdisjoint(_on_the_wire(change.updates)),
        "changed": bool(change.updates),
    }


def _record(work: UnitOfWork, source: Source, row: Mapping[str, Any], change: Change) -> None:
    """Tell the ticket's timeline what changed, in the events that a person's change would make."""
    after = _on_the_wire(change.updates)
    before = _on_the_wire({name: row["ticket"][name] for name in change.updates})
    details = {"report_uid": source.report_uid, "row_number": row["row_number"]}
    moved = {"status"} & after.keys()
    assigned = ASSIGNMENT_FIELDS & after.keys()
    withdrawn = row["ticket"]["qa_ready"] and not CHECKED_FIELDS.isdisjoint(after)
    kinds: tuple[tuple[type[TicketEvent], set[str] | frozenset[str]], ...] = (
        (TicketUpdated, after.keys() - moved - assigned),
        (TicketAssigned, assigned),
        (TicketStatusChanged, moved),
    )
    for kind, fields in kinds:
        if fields:
            told = {name: before[name] for name in after if name in fields}
            changed = {name: after[name] for name in after if name in fields}
            work.record(kind(ticket_id=row["ticket_id"], before=told, after=changed, details=details))
    if withdrawn:
        work.record(
            ReadinessWithdrawn(
                ticket_id=row["ticket_id"], before={"qa_ready": True}, after={"qa_ready": False}, details=details
            )
        )


def _on_the_wire(columns: Mapping[str, Any]) -> dict[str, Any]:
    return {_WIRE_NAMES.get(name, name): value for name, value in columns.items()}


def _conflicts_json(change: Change) -> str | None:
    return to_json([conflict.as_json() for conflict in change.conflicts]).decode() if change.conflicts else None
