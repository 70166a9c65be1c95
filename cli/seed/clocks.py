"""What the SLA clock of a made-up ticket comes to, as the minute's sweep would have noted it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cli.seed.life import Life
from ticketing.sla.calendar import deadlines
from ticketing.sla.rules import WARNINGS
from ticketing.vocabulary import Status


@dataclass(frozen=True, slots=True)
class Clock:
    """Moments in microseconds since 1970. `warned` and `breached_at` are what was reached before the ticket was over.

    `next_check_at` is None where nothing is left to be noted.
    """

    due_at: int
    response_due_at: int
    response_at: int | None
    warned: tuple[int | None, ...]
    breached_at: int | None
    next_check_at: int | None


def clocks(some: Sequence[Life], now: int) -> list[Clock]:
    """Return the clocks of tickets, in their order."""
    starts = [one.reported_at for one in some]
    respond = [one.target.first_response_minutes for one in some]
    resolve = [one.target.resolve_minutes for one in some]
    plain = [one.target.round_the_clock for one in some]
    by_warning = [deadlines(starts, respond, resolve, plain, percent) for percent in WARNINGS]
    return [
        _clock(life, times[0][0], [one[1] for one in times], times[0][2], now)
        for life, *times in zip(some, *by_warning, strict=True)
    ]


def _clock(life: Life, response_due_at: int, warnings: Sequence[int], due_at: int, now: int) -> Clock:
    ended_at = life.ended_at
    until = now if ended_at is None else ended_at
    ahead = [at for at in (*warnings, due_at) if at > until]
    return Clock(
        due_at=due_at,
        response_due_at=response_due_at,
        response_at=next((move.at for move in life.moves[:1] if move.status != Status.CANCELLED), None),
        warned=tuple(at if at <= until else None for at in warnings),
        breached_at=due_at if due_at < until else None,
        next_check_at=ahead[0] if ahead and ended_at is None else None,
    )
