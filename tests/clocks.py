"""A clock that stands still until a test moves it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

DEFAULT = datetime(2025, 3, 3, 7, 0, tzinfo=UTC)


class FixedClock:
    """A `runtime.clock.Clock` that tells the same aware UTC moment until it is advanced."""

    def __init__(self, moment: datetime = DEFAULT) -> None:
        if moment.tzinfo is None:
            raise ValueError("a clock tells aware moments only")
        self._moment = moment.astimezone(UTC)

    def now(self) -> datetime:
        """Return the moment that the clock stands at."""
        return self._moment

    def advance(self, step: timedelta) -> datetime:
        """Move the clock on and return the new moment."""
        self._moment += step
        return self._moment
