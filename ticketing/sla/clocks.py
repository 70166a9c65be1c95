"""Starting the clocks of tickets and measuring them anew, set by set: by hand, on an import, on a sync, by the sweep.

Whoever makes tickets calls `start` in the same unit of work; whoever changes one of `rules.CLOCK_FIELDS` calls
`follow`. An import of a hundred thousand computes its clocks before it inserts: `planned`, or `forecasts` ahead of it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sql.database import Connection, queries
from ticketing.events import UnitOfWork
from ticketing.sla import calendar
from ticketing.sla.events import SlaDueChanged
from ticketing.sla.rules import CLOCK_FIELDS, WARNINGS, Measured, Pause, clock_of, measure, next_check
from ticketing.ticket_changes import json_ready
from ticketing.vocabulary import Status


def start(work: UnitOfWork, ticket_ids: Collection[UUID], *, answered_at: datetime | None = None) -> int:
    """Start the clocks of new tickets from the time that each was reported; a due time set by hand is kept.

    A ticket that was given to somebody before we heard of it has no first-response time: nobody told when it was
    answered. With `answered_at` somebody took it then. Returns how many clocks were started.
    """
    measured = [
        (row, _measured(row, answered=answered_at is not None) | _due(row, only_if_set=True))
        for row in _locked(work, ticket_ids)
    ]
    _write(work, measured, answered_at)
    return len(measured)


def follow(work: UnitOfWork, ticket_ids: Collection[UUID]) -> None:
    """Measure the clocks of tickets anew, after a field changed that they follow from; pauses stay counted.

    What was recorded stays recorded: a lower priority takes no breach back.
    """
    measured = [(row, _measured(row)) for row in _locked(work, ticket_ids)]
    _write(work, measured)
    for row, values in measured:
        if row["sla_due_at"] != values["due_at"]:
            before, after = {"sla_due_at": row["sla_due_at"]}, {"sla_due_at": values["due_at"]}
            work.record(SlaDueChanged(ticket_id=row["ticket_id"], before=json_ready(before), after=json_ready(after)))


def follow_change(work: UnitOfWork, ticket_id: UUID, changed: Collection[str]) -> None:
    """Bring a ticket's clock in line with what somebody changed of it by hand.

    A due time set by hand stands, and none given means that nothing is due; only what the sweep notes follows it. Who
    says that a ticket is breached, or is not after all, is believed.
    """
    if "sla_due_at" in changed:
        _write(work, [(row, _measured(row) | _due(row)) for row in _locked(work, [ticket_id])])
    elif not CLOCK_FIELDS.isdisjoint(changed):
        follow(work, [ticket_id])
    elif "sla_breached" in changed:
        queries("sla").leave_clock(work.connection, ticket_id=ticket_id)


def planned(connection: Connection, bounds: Mapping[str, Any], now: datetime) -> dict[str, str]:
    """Return the clocks of a report's planned tickets, by the names of the insert's parameters.

    Parallel arrays as PostgreSQL writes them: to have the driver look at each of half a million numbers would take
    longer than everything else here. Moments are microseconds since 1970.
    """
    starts = queries("sla").list_planned_clocks(connection, **bounds, now=now)
    deadlines = calendar.deadlines(
        starts["started"], starts["respond"], starts["resolve"], starts["round_the_clock"], WARNINGS[0]
    )
    return {
        "clock_rows": starts["row_numbers"],
        "clock_dues": _array(due for _, _, due in deadlines),
        "clock_responses": _array(response for response, _, _ in deadlines),
        "clock_targets": _array(starts["resolve"]),
        "clock_plain": _array(starts["round_the_clock"]),
        "clock_next_checks": _array(warning for _, warning, _ in deadlines),
    }


def _array(values: Iterable[object]) -> str:
    return f"{{{','.join(map(str, values))}}}"


def _locked(work: UnitOfWork, ticket_ids: Collection[UUID]) -> list[dict[str, Any]]:
    if not ticket_ids:
        return []
    return list(queries("sla").lock_clocks(work.connection, ticket_ids=list(ticket_ids)))


def _due(row: Mapping[str, Any], *, only_if_set: bool = False) -> dict[str, Any]:
    return {} if only_if_set and row["sla_due_at"] is None else {"due_at": row["sla_due_at"]}


def _measured(row: Mapping[str, Any], *, answered: bool = False) -> dict[str, Any]:
    """Return the values of `write_clocks` for one ticket, but for the next check."""
    resolve, respond = _deadline(row, row["resolve_minutes"]), _deadline(row, row["first_response_minutes"])
    has_response = answered or row["status"] == Status.OPEN or row["sla_first_response_due_at"] is not None
    return {
        "due_at": resolve.due_at,
        "response_due_at": respond.due_at if has_response else None,
        "target_minutes": row["resolve_minutes"],
        "round_the_clock": row["round_the_clock"],
        "paused_seconds": resolve.paused // timedelta(seconds=1),
    }


def _deadline(row: Mapping[str, Any], minutes: int) -> Measured:
    pauses = [Pause(*times) for times in zip(row["paused_ats"], row["resumed_ats"], strict=True)]
    target = timedelta(minutes=minutes)
    return measure(row["reported_at"], target, pauses, round_the_clock=row["round_the_clock"])


def _next_check(row: Mapping[str, Any], values: Mapping[str, Any]) -> datetime | None:
    if values["due_at"] is None:
        return None
    changed = {
        "sla_due_at": values["due_at"],
        "sla_target_minutes": values["target_minutes"],
        "sla_round_the_clock": values["round_the_clock"],
    }
    return next_check(clock_of({**row, **changed}))


def _write(
    work: UnitOfWork,
    measured: Sequence[tuple[Mapping[str, Any], Mapping[str, Any]]],
    answered_at: datetime | None = None,
) -> None:
    if not measured:
        return
    queries("sla").write_clocks(
        work.connection,
        ticket_ids=[row["ticket_id"] for row, _ in measured],
        due_ats=[values["due_at"] for _, values in measured],
        response_due_ats=[values["response_due_at"] for _, values in measured],
        target_minutes=[values["target_minutes"] for _, values in measured],
        round_the_clock=[values["round_the_clock"] for _, values in measured],
        paused_seconds=[values["paused_seconds"] for _, values in measured],
        next_checks=[_next_check(row, values) for row, values in measured],
        answered_at=answered_at,
    )
