"""Calendar days where the work is done: they begin and end at midnight in Africa/Johannesburg, not in UTC."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from runtime.clock import BUSINESS_ZONE

_DAY = re.compile(r"\d{4}-\d\d-\d\d")


def local_day(moment: datetime) -> date:
    """Return the calendar day of a moment (aware)."""
    return moment.astimezone(BUSINESS_ZONE).date()


def start_of_day(day: date) -> datetime:
    """Return the moment at which a day begins, in UTC. Raises ValueError for the first day that there is."""
    try:
        return datetime.combine(day, time(), BUSINESS_ZONE).astimezone(UTC)
    except OverflowError as error:
        raise ValueError("lies beyond the calendar") from error


def end_of_day(day: date) -> datetime:
    """Return the first moment after a day, in UTC. Raises ValueError for the last day that there is."""
    try:
        return start_of_day(day + timedelta(days=1))
    except OverflowError as error:
        raise ValueError("lies beyond the calendar") from error


def whole_days(begins: datetime | None, ends: datetime | None) -> tuple[datetime | None, datetime | None]:
    """Return where the whole days of a range begin, and the first moment after them; None is no bound, as in the range.

    The range excludes its end. Where it has no whole day, both are its end.
    """
    first = None if begins is None else _next_midnight(begins)
    after = None if ends is None else start_of_day(local_day(ends))
    return (ends, ends) if first is not None and after is not None and after < first else (first, after)


def day_of(text: str) -> date | None:
    """Read a day as `2026-11-22`; None for a text of another form. Raises ValueError for a day that does not exist."""
    stripped = text.strip()
    return date.fromisoformat(stripped) if _DAY.fullmatch(stripped) else None


def whole_day_start(value: Any) -> Any:
    """Return the beginning of a day that is given without a time; anything else as it is. For validators of periods."""
    day = day_of(value) if isinstance(value, str) else None
    return value if day is None else start_of_day(day)


def whole_day_end(value: Any) -> Any:
    """Return the end of a day that is given without a time; anything else as it is. For validators of deadlines."""
    day = day_of(value) if isinstance(value, str) else None
    return value if day is None else end_of_day(day)


def _next_midnight(moment: datetime) -> datetime:
    """Return the moment itself if a day begins with it, else the beginning of the next day."""
    day = local_day(moment)
    return moment if moment == start_of_day(day) else end_of_day(day)
