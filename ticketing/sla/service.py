"""Pausing and resuming the clock of a ticket, and showing it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, StringConstraints

from sql.database import Connection, queries
from ticketing.errors import Forbidden
from ticketing.events import UnitOfWork
from ticketing.people import Actor, Role
from ticketing.seen_tickets import SeenTicket, see
from ticketing.sla.calendar import between
from ticketing.sla.events import SlaPaused, SlaResumed
from ticketing.sla.rules import (
    BREACH,
    LONGEST_REASON,
    Clock,
    clock_of,
    left_at,
    newly_reached,
    next_check,
    require_pausable,
    require_resumable,
    resumed_due,
)
from ticketing.ticket_changes import json_ready
from ticketing.ticket_locks import lock_ticket
from ticketing.ticket_views import EVERYTHING, load_sight
from ticketing.vocabulary import Status

MAY_PAUSE: tuple[Role, ...] = ("admin", "manager", "qa")

State = Literal["none", "running", "paused", "met", "breached", "cancelled"]


def _writable(text: str) -> str:
    """PostgreSQL's text has no room for zero characters."""
    if "\0" in text:
        raise ValueError("must not hold zero characters")
    return text


class PauseRequest(BaseModel):
    """On whom or what the ticket waits."""

    model_config = ConfigDict(extra="ignore")

    reason: Annotated[
        str,
        StringConstraints(strip_whitespace=True, min_length=1, max_length=LONGEST_REASON),
        AfterValidator(_writable),
    ]


class PauseView(BaseModel):
    """A time in which the clock stood still."""

    paused_at: datetime
    resumed_at: datetime | None
    reason: str


class ClockView(BaseModel):
    """The clock of a ticket on the wire.

    `remaining_minutes` is in the clock's own time (business hours, or round the clock), 0 once it ran out; what was
    `elapsed_percent` of the time at the moment, or when the ticket was closed.
    """

    ticket_id: UUID
    state: State
    started_at: datetime
    target_minutes: int | None
    round_the_clock: bool
    sla_due_at: datetime | None
    remaining_minutes: int | None
    elapsed_percent: float | None
    sla_first_response_due_at: datetime | None
    sla_first_response_at: datetime | None
    sla_warned_75_at: datetime | None
    sla_warned_90_at: datetime | None
    sla_breached: bool
    sla_breached_at: datetime | None
    sla_paused_at: datetime | None
    sla_pause_reason: str | None
    sla_paused_seconds: int
    pauses: list[PauseView]


def show(connection: Connection, actor: Actor, ticket: UUID | SeenTicket, now: datetime) -> dict[str, Any]:
    """Return the clock of a ticket that the actor may see, in the shape of ClockView. Raises NotFound."""
    return _shown(_row(connection, see(connection, actor, ticket).id), now)


def list_clocks(
    connection: Connection, actor: Actor, ticket_ids: Iterable[UUID], now: datetime
) -> list[dict[str, Any]]:
    """Return the clocks of those of the tickets that the actor may see, in the shape of ClockView, in no order."""
    sight = load_sight(connection, actor)
    rows = queries("sla").list_clocks(connection, ticket_ids=list(ticket_ids), **sight.parameters())
    return [_shown(row, now) for row in rows]


def pause(work: UnitOfWork, ticket_id: UUID, reason: str) -> dict[str, Any]:
    """Stop the clock of a ticket that waits on somebody outside; returns it in the shape of ClockView.

    Raises Forbidden, NotFound, ClockConflict where it is paused already, and ConditionNotMet where it does not run.
    """
    row = _lock(work, ticket_id)
    require_pausable(_clock(row), row["status"], work.now)
    queries("sla").pause_clock(work.connection, ticket_id=ticket_id, reason=reason, now=work.now)
    after = json_ready({"sla_paused_at": work.now, "sla_pause_reason": reason})
    work.record(SlaPaused(ticket_id=ticket_id, before=dict.fromkeys(after), after=after, details={"reason": reason}))
    return _shown(_row(work.connection, ticket_id), work.now)


def resume(work: UnitOfWork, ticket_id: UUID) -> dict[str, Any]:
    """Let the clock run again with the time that was left, its due times moved; returns it in the shape of ClockView.

    Raises Forbidden, NotFound, ClockConflict where it runs already, and ConditionNotMet where the ticket is finished.
    """
    row = _lock(work, ticket_id)
    clock = require_resumable(_clock(row), row["status"])
    moved = _moved(row, clock, work.now)
    queries("sla").resume_clock(work.connection, ticket_id=ticket_id, now=work.now, **moved)
    work.record(
        SlaResumed(
            ticket_id=ticket_id,
            before=json_ready({name: row[name] for name in ("sla_due_at", "sla_paused_at", "sla_pause_reason")}),
            after=json_ready({"sla_due_at": moved["due_at"], "sla_paused_at": None, "sla_pause_reason": None}),
        )
    )
    return _shown(_row(work.connection, ticket_id), work.now)


def _moved(row: dict[str, Any], clock: Clock, now: datetime) -> dict[str, Any]:
    """Return what a resumed clock looks like, as values of `resume_clock`."""
    response = row["sla_first_response_due_at"]
    if response is not None and row["sla_first_response_at"] is None:
        response = resumed_due(clock, response, now)
    due = resumed_due(clock, clock.due_at, now)
    paused = between(clock.paused_at or now, now, round_the_clock=clock.round_the_clock)
    running = Clock(due_at=due, target=clock.target, round_the_clock=clock.round_the_clock, noted=clock.noted)
    return {
        "due_at": due,
        "response_due_at": response,
        "paused_seconds": max(paused, timedelta()) // timedelta(seconds=1),
        "next_check_at": next_check(running),
    }


def _lock(work: UnitOfWork, ticket_id: UUID) -> dict[str, Any]:
    lock_ticket(work, ticket_id)
    if not work.actor.has_role(*MAY_PAUSE):
        raise Forbidden("Your role may not pause or resume the clock of a ticket")
    return _row(work.connection, ticket_id)


def _row(connection: Connection, ticket_id: UUID) -> dict[str, Any]:
    """Return the clock's row of a ticket that is known to be there."""
    [row] = queries("sla").list_clocks(connection, ticket_ids=[ticket_id], **EVERYTHING.parameters())
    found: dict[str, Any] = row
    return found


def _clock(row: dict[str, Any]) -> Clock | None:
    return None if row["sla_due_at"] is None or row["sla_target_minutes"] is None else clock_of(row)


def _shown(row: dict[str, Any], now: datetime) -> dict[str, Any]:
    clock = _clock(row)
    shown = {name: row[name] for name in ClockView.model_fields if name in row}
    shown |= {
        "state": _state(row, clock, now),
        "started_at": row["reported_at"],
        "target_minutes": row["sla_target_minutes"],
        "round_the_clock": row["sla_round_the_clock"],
        "remaining_minutes": None,
        "elapsed_percent": None,
    }
    if clock is not None:
        left = left_at(clock, row["closed_at"] or now)
        shown["remaining_minutes"] = max(left, timedelta()) // timedelta(minutes=1)
        shown["elapsed_percent"] = round(max(100 * (1 - left / clock.target), 0.0), 1)
    return shown


def _state(row: dict[str, Any], clock: Clock | None, now: datetime) -> State:
    """Tell how the ticket stands at this very moment, also before a sweep has noted it."""
    if row["status"] == Status.CANCELLED:
        return "cancelled"
    if clock is None:
        return "none"
    unseen = row["sla_next_check_at"] is not None and BREACH in newly_reached(
        clock, row["status"], row["closed_at"], now
    )
    if row["sla_breached"] or unseen:
        return "breached"
    if row["closed_at"] is not None:
        return "met"
    return "running" if clock.paused_at is None else "paused"
