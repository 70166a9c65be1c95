"""The one place where the present is read. Everything else is given the time (`work.now`)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Protocol
from zoneinfo import ZoneInfo

BUSINESS_ZONE = ZoneInfo("Africa/Johannesburg")


def local_time(moment: datetime) -> datetime:
    """Return a moment (aware) in business time, for people to read.

    At the very ends of the calendar, where business time has none, it is returned in its own zone: stored moments come
    in UTC.
    """
    try:
        return moment.astimezone(BUSINESS_ZONE)
    except OverflowError:
        return moment


class Clock(Protocol):
    """Anything that tells the present as an aware UTC datetime."""

    def now(self) -> datetime:
        """Return the present, aware, in UTC."""


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """Return the present, aware, in UTC."""
        return datetime.now(UTC)
