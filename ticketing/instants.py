"""Moments that requests name: with a zone, and within the years of the work here.

What lies at the ends of the calendar, such as a "never" of the year 9999, has no time in some zone: nobody could be
shown it, nor compute with it.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Final

from pydantic import AfterValidator, AwareDatetime

FIRST_YEAR: Final = 1900
LAST_YEAR: Final = 2199
_FIRST = datetime(FIRST_YEAR, 1, 1, tzinfo=UTC)
_AFTER_LAST = datetime(LAST_YEAR + 1, 1, 1, tzinfo=UTC)


def is_within_reach(moment: datetime) -> bool:
    """Whether a moment (aware) lies in the years that a request may name, as UTC counts them."""
    return _FIRST <= moment < _AFTER_LAST


def _within_reach(moment: datetime) -> datetime:
    if not is_within_reach(moment):
        raise ValueError(f"must lie in the years {FIRST_YEAR} to {LAST_YEAR}")
    return moment


Instant = Annotated[AwareDatetime, AfterValidator(_within_reach)]
"""A time with a zone, for every field of a request that is kept or compared."""
