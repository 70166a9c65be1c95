"""How an attempt at a job can end. Outcomes are values; failing is raising an exception."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class Done:
    """The job is complete; `result` (JSON-ready) is kept with it."""

    result: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Snooze:
    """Not now: run again at `until` (aware). Does not use up an attempt."""

    until: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class Cancel:
    """There is nothing left to do: the job ends as cancelled and is not tried again."""

    reason: str


Outcome = Done | Snooze | Cancel


def done(result: dict[str, Any] | None = None) -> Done:
    """End the job as completed, with a JSON-ready result for whoever follows it."""
    return Done(result or {})


def snooze(until: datetime, reason: str) -> Snooze:
    """Put the job off until an aware point in time without using up an attempt. Raises ValueError for a naive one."""
    if until.tzinfo is None:
        raise ValueError("a job is put off until a moment with a time zone")
    return Snooze(until, reason)


def cancel(reason: str) -> Cancel:
    """End the job as cancelled."""
    return Cancel(reason)


class Discard(Exception):
    """Raise this to fail without another try: the input can never succeed. The message says what to do."""


class PutOff(BaseException):
    """Raised to run the job again at `until` (aware) without using up an attempt, from however deep inside its body.

    What the final unit of work held is undone. Not to be caught by job bodies. Raises ValueError for a naive moment.
    """

    def __init__(self, until: datetime, reason: str) -> None:
        super().__init__(reason)
        self.outcome = snooze(until, reason)

    @property
    def until(self) -> datetime:
        """When the job is to run again."""
        return self.outcome.until

    @property
    def reason(self) -> str:
        """Why it does not run now, for whoever looks at the job."""
        return self.outcome.reason


class JobCancelled(BaseException):
    """Raised at a checkpoint of a job whose cancellation was requested; not to be caught by job bodies."""


class Superseded(BaseException):
    """Raised when the attempt is no longer the one that holds the job: everything it was writing is rolled back."""


class JobTimedOut(BaseException):
    """Raised inside a job body that runs past its time limit."""
