"""The rules of SLA clocks, pure (domain page, "SLA"): when a clock runs out, what a pause does, what a sweep must note.

A clock is known by its due time, what was promised, and which kind of time it runs in. Its thresholds are measured back
from the due time, so pauses and due times set by hand need no further thought.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from ticketing.defaults import SLA_WARNING_FRACTIONS
from ticketing.errors import ConditionNotMet, DomainError
from ticketing.sla.calendar import add, between
from ticketing.vocabulary import Status

BREACH: Final = 100
WARNINGS: Final = tuple(round(fraction * 100) for fraction in SLA_WARNING_FRACTIONS)
LONGEST_REASON: Final = 500
FINAL_STATUSES: Final = frozenset({Status.CLOSED.value, Status.CANCELLED.value})
CLOCK_FIELDS: Final = frozenset({"priority", "project_id", "reported_at"})
"""What a due time follows from: a change of any of these measures it anew."""


class ClockConflict(DomainError):
    """The clock is paused already, or runs already: somebody else was quicker."""

    code = "CONFLICT"


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """The clock of a ticket. `noted` are the percentages recorded so far; `target` is business time or plain time."""

    due_at: datetime
    target: timedelta
    round_the_clock: bool = False
    noted: frozenset[int] = frozenset()
    paused_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Pause:
    """A time in which a clock stood still; without an end it stands still now."""

    paused_at: datetime
    resumed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Measured:
    """Where pauses moved a deadline to, and how much time of its clock stood still before it."""

    due_at: datetime
    paused: timedelta


def clock_of(row: Mapping[str, Any]) -> Clock:
    """Make a clock out of a ticket's columns; it must have been started and have a due time."""
    noted = {75: row["sla_warned_75_at"], 90: row["sla_warned_90_at"], BREACH: row["sla_breached"] or None}
    return Clock(
        due_at=row["sla_due_at"],
        target=timedelta(minutes=row["sla_target_minutes"]),
        round_the_clock=row["sla_round_the_clock"],
        noted=frozenset(percent for percent, at in noted.items() if at is not None),
        paused_at=row["sla_paused_at"],
    )


def threshold(clock: Clock, percent: int) -> datetime:
    """Return when this much of the time is gone; 100 is the due time itself."""
    if percent == BREACH:
        return clock.due_at
    left = clock.target * (BREACH - percent) // BREACH
    return add(clock.due_at, -left, round_the_clock=clock.round_the_clock)


def next_check(clock: Clock) -> datetime | None:
    """Return when the sweep next has something to note; None for a clock that stands still or ran out."""
    if clock.paused_at is not None or BREACH in clock.noted:
        return None
    later = (percent for percent in (*WARNINGS, BREACH) if percent > max(clock.noted, default=0))
    return threshold(clock, next(later))


def newly_reached(clock: Clock, status: str, closed_at: datetime | None, now: datetime) -> frozenset[int]:
    """Return the percentages that a sweep has to note of a ticket.

    A ticket closed at its due time kept it; one still open then did not. Nobody is warned of what is closed, and a
    cancelled ticket owes nothing.
    """
    if status == Status.CANCELLED or clock.paused_at is not None or BREACH in clock.noted:
        return frozenset()
    if closed_at is not None:
        return frozenset({BREACH} if closed_at > clock.due_at else ())
    reached = {percent for percent in (*WARNINGS, BREACH) if threshold(clock, percent) <= now}
    return frozenset(reached - clock.noted)


def measure(start: datetime, target: timedelta, pauses: Iterable[Pause], *, round_the_clock: bool) -> Measured:
    """Return when a deadline is: `target` after `start`, each pause that began before it moving it on.

    A pause that has no end yet moves nothing: how long it will be is not known.
    """
    due, paused = add(start, target, round_the_clock=round_the_clock), timedelta()
    for pause in sorted(pauses, key=lambda one: one.paused_at):
        begins, ends = max(pause.paused_at, start), pause.resumed_at
        if ends is None or begins >= due or ends <= begins:
            continue
        left = between(begins, due, round_the_clock=round_the_clock)
        paused += between(begins, ends, round_the_clock=round_the_clock)
        due = max(due, add(ends, left, round_the_clock=round_the_clock))
    return Measured(due, paused)


def require_pausable(clock: Clock | None, status: str, now: datetime) -> Clock:
    """Return the clock that may be paused. Raises ClockConflict if it is paused, ConditionNotMet if it cannot be."""
    if clock is None or status in FINAL_STATUSES:
        raise ConditionNotMet(f"The clock of a ticket that is {status} does not run", details={"status": status})
    if clock.paused_at is not None:
        raise ClockConflict(
            "The clock is paused already", details={"sla_paused_at": clock.paused_at.isoformat(timespec="milliseconds")}
        )
    if BREACH in clock.noted or clock.due_at <= now:
        raise ConditionNotMet("The time has run out: there is nothing left to pause", details={"sla": "breached"})
    return clock


def require_resumable(clock: Clock | None, status: str) -> Clock:
    """Return the clock that may run again. Raises ClockConflict if it runs, ConditionNotMet for a finished ticket."""
    if status in FINAL_STATUSES:
        raise ConditionNotMet(f"The clock of a ticket that is {status} does not run", details={"status": status})
    if clock is None or clock.paused_at is None:
        raise ClockConflict("The clock is not paused")
    return clock


def left_at(clock: Clock, now: datetime) -> timedelta:
    """Return how much of the clock's own time is left, negative past the due time; a paused clock keeps what it had."""
    return between(clock.paused_at or now, clock.due_at, round_the_clock=clock.round_the_clock)


def resumed_due(clock: Clock, deadline: datetime, now: datetime) -> datetime:
    """Return where a deadline of a paused clock lies once it runs again; what had passed before the pause stays."""
    if clock.paused_at is None or deadline <= clock.paused_at:
        return deadline
    left = between(clock.paused_at, deadline, round_the_clock=clock.round_the_clock)
    return max(deadline, add(now, left, round_the_clock=clock.round_the_clock))


def first_response(ticket: Mapping[str, Any], target: str, now: datetime) -> dict[str, Any]:
    """Return the fields that a move sets because somebody took the ticket up for the first time; none otherwise."""
    taken_up = ticket["status"] == Status.OPEN and target not in (Status.OPEN, Status.CANCELLED)
    return {"sla_first_response_at": now} if taken_up and ticket["sla_first_response_at"] is None else {}
