"""One made-up ticket's life, as the other files of this folder read it. All moments are microseconds since 1970."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from cli.sample_faults import Fault
from cli.seed.goals import ENDS
from cli.seed.network import Home
from ticketing.vocabulary import FaultCause, HandoverType, Priority, RiskType, Source, Status, TicketType

SECOND: Final = 1_000_000
MINUTE: Final = 60 * SECOND
DAY: Final = 86_400 * SECOND

_NEEDS_FINDINGS: Final = 5


@dataclass(frozen=True, slots=True)
class Target:
    """What is promised to tickets of a priority, in minutes of business time or, round the clock, plain time."""

    first_response_minutes: int
    resolve_minutes: int
    round_the_clock: bool


Targets = Mapping[tuple[str, str], Target]
"""By project's code and priority."""


@dataclass(frozen=True, slots=True)
class Move:
    """A ticket's becoming something, at microseconds since 1970; `handover` where only a handover moves it there."""

    at: int
    status: Status
    reason: str | None = None
    handover: HandoverType | None = None


@dataclass(frozen=True, slots=True)
class Check:
    """A run of the readiness check: `photos` steps had a photo."""

    at: int
    photos: int


@dataclass(frozen=True, slots=True)
class Risk:
    """A risk that QA accepted with step 12 outstanding; moments in microseconds since 1970."""

    kind: RiskType
    at: int
    expires_at: int
    resolved_at: int | None


@dataclass(slots=True)
class Life:
    """One ticket's whole life, up to now."""

    number: int
    home: Home
    fault: Fault
    ticket_type: TicketType
    source: Source
    priority: Priority
    reported_at: int
    target: Target
    by_contractor: bool
    hand: int
    ont_serial: str
    rx: float
    cause: FaultCause
    photographed: bool
    identity: int
    moves: list[Move] = field(default_factory=list)
    checks: list[Check] = field(default_factory=list)
    risk: Risk | None = None
    steps_done: int = 0
    work: tuple[int, int] = (0, 0)

    @property
    def status(self) -> Status:
        """The status that it has at the end."""
        return self.moves[-1].status if self.moves else Status.OPEN

    @property
    def ended_at(self) -> int | None:
        """When it was closed or cancelled, if it was."""
        return self.moves[-1].at if self.status in ENDS else None

    @property
    def found_at(self) -> int | None:
        """When the cause, the ONT and its reading were noted on site: step 5 needs them. None: not yet."""
        began, ended = self.work
        return began + (ended - began) * 9 // 26 if self.steps_done >= _NEEDS_FINDINGS else None

    @property
    def last_step_at(self) -> int | None:
        """When step 12 was completed, if that was not on site: what a risk let stand open was done before it ended."""
        resolved_at = self.risk.resolved_at if self.risk else None
        return None if resolved_at is None else resolved_at - SECOND
