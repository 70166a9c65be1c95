"""When a service outside is left alone, as pure rules: what one call's end makes of how things stand with the service.

After `breaker_failures` outages in a row nobody calls for `breaker_wait` seconds; then one caller tries. If that fails,
too, the wait is doubled, up to `breaker_longest_wait`; if the service answers, everybody calls again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

from integrations.outside import OutsideError
from runtime.settings import Settings

State = Literal["closed", "open", "half_open"]

# A success is noted with its time only so often while all is well: calls must not queue up for one row.
NOTE_SUCCESS_EVERY = timedelta(seconds=60)
# What a service may ask for at most, in seconds: a slip of its clock must not silence us for days.
LONGEST_REQUESTED = 3_600.0
LONGEST_MESSAGE = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How many failures in a row open the breaker, and how long it stays open at first and at most, in seconds."""

    failures: int
    wait: float
    longest_wait: float

    @classmethod
    def of(cls, settings: Settings) -> Limits:
        """Return the limits of an installation."""
        return cls(
            failures=settings.breaker_failures, wait=settings.breaker_wait, longest_wait=settings.breaker_longest_wait
        )

    def waiting(self, waits: int) -> float:
        """Return the seconds to wait after it opened `waits` times in a row before."""
        # Past 2**40 every limit is reached, and far past it a float would overflow.
        return min(self.wait * 2.0 ** min(waits, 40), self.longest_wait)


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How things stand with one service; the row of `integration_states`."""

    state: State = "closed"
    failures: int = 0
    waits: int = 0
    opened_at: datetime | None = None
    retry_at: datetime | None = None
    probe: UUID | None = None
    last_error_code: str | None = None
    last_error_message: str | None = None
    last_failure_at: datetime | None = None
    last_success_at: datetime | None = None
    held_at: datetime | None = None
    held_by: str | None = None
    hold_reason: str | None = None

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> Standing:
        """Return the standing that a row holds."""
        return cls(**{field.name: row[field.name] for field in fields(cls)})

    def concerns(self, caller: UUID) -> bool:
        """Whether the end of this caller's call tells anything: of calls begun before it opened, nothing is learnt."""
        return self.state == "closed" or self.probe == caller


def after_success(was: Standing, caller: UUID, now: datetime) -> Standing | None:
    """Return how things stand after a call that was answered; None when there is nothing to write."""
    if not was.concerns(caller):
        return None
    noted = was.last_success_at is not None and now - was.last_success_at < NOTE_SUCCESS_EVERY
    if was.state == "closed" and was.failures == 0 and noted:
        return None
    return replace(
        was, state="closed", failures=0, waits=0, opened_at=None, retry_at=None, probe=None, last_success_at=now
    )


def after_failure(was: Standing, error: OutsideError, caller: UUID, now: datetime, limits: Limits) -> Standing | None:
    """Return how things stand after an outage; None when it tells nothing.

    It opens when enough calls in a row failed, when the one that tried again failed, or when the service asked to be
    left alone, and then for as long as it asked.
    """
    if not was.concerns(caller):
        return None
    failures = was.failures + 1
    noted = replace(
        was,
        failures=failures,
        last_error_code=error.code,
        last_error_message=error.message[:LONGEST_MESSAGE],
        last_failure_at=now,
    )
    broken = was.state == "half_open" or failures >= limits.failures
    asked = min(error.retry_after or 0.0, LONGEST_REQUESTED)
    if not broken and not asked:
        return noted
    wait = max(limits.waiting(was.waits) if broken else 0.0, asked)
    return replace(
        noted,
        state="open",
        waits=was.waits + (1 if broken else 0),
        opened_at=was.opened_at or now,
        retry_at=now + timedelta(seconds=wait),
        probe=None,
    )


def after_giving_up(was: Standing, caller: UUID, now: datetime) -> Standing | None:
    """Return how things stand when the one that was to try never called: another may, at once."""
    if was.probe != caller:
        return None
    return replace(was, state="open", retry_at=now, probe=None)
