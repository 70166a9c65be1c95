"""The rules of fault attribution, pure: what a cause and its details become, and how trends are asked for and shown."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any, TypeVar

from ticketing.days import day_of, end_of_day, start_of_day
from ticketing.errors import InvalidInput
from ticketing.vocabulary import FaultCause

Word = TypeVar("Word", bound=StrEnum)


class Grouping(StrEnum):
    """By what faults are counted. PON and zone numbers count within their project: each project has its own zone 1."""

    FAULT_CAUSE = "fault_cause"
    POLE_NUMBER = "pole_number"
    PON_NUMBER = "pon_number"
    ZONE_ID = "zone_id"
    DR_NUMBER = "dr_number"
    ASSIGNED_CONTRACTOR_ID = "assigned_contractor_id"
    PERIOD = "period"


class Period(StrEnum):
    """The length of a period: local calendar days, ISO weeks or months."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"


WITHIN_PROJECT = frozenset({Grouping.PON_NUMBER, Grouping.ZONE_ID})


def parse_cause(given: object) -> FaultCause:
    """Return the fault cause of that name. Raises InvalidInput, with `details.valid_values`, for anything else."""
    return _word(FaultCause, given, "Invalid fault_cause", "fault_cause")


def parse_grouping(given: object) -> Grouping:
    """Return the grouping of that name. Raises InvalidInput, with `details.valid_values`, for anything else."""
    return _word(Grouping, given, "Invalid group_by parameter", "group_by")


def parse_period(given: object) -> Period:
    """Return the period of that name. Raises InvalidInput, with `details.valid_values`, for anything else."""
    return _word(Period, given, "Invalid period parameter", "period")


def details_after(
    cause_before: str | None, details_before: str | None, cause: FaultCause, given: tuple[str | None] | None
) -> str | None:
    """Return the details of a fault once it has this cause.

    `given` holds what the request says of them, None if it says nothing: then they stay while the cause stays, and go
    with the cause that they explained.
    """
    if given is not None:
        return given[0]
    return details_before if cause_before == cause else None


def first_moment(text: str, field: str) -> datetime:
    """Return the moment at which a range begins: a time with a zone, or a local day. Raises InvalidInput."""
    moment = _moment(text, field)
    return moment if isinstance(moment, datetime) else moment[0]


def moment_after(text: str, field: str) -> datetime:
    """Return the first moment after a range that includes its end: a time with a zone, or a local day.

    Raises InvalidInput.
    """
    moment = _moment(text, field)
    return moment + timedelta(microseconds=1) if isinstance(moment, datetime) else moment[1]


def percentage(count: int, total: int) -> str:
    """Return a share as the wire contract shows it: a text with two decimals, such as `30.00`."""
    return f"{Decimal(100 * count) / total:.2f}"


def _word(kind: type[Word], given: object, message: str, field: str) -> Word:
    try:
        return kind(str(given))
    except ValueError as error:
        words = [word.value for word in kind]
        problem = f"must be one of {', '.join(words)}"
        raise InvalidInput(f"{message}: {problem}", details={field: problem, "valid_values": words}) from error


def _moment(text: str, field: str) -> datetime | tuple[datetime, datetime]:
    """Return a moment, or both ends of a day."""
    try:
        day = day_of(text)
        if day is not None:
            return start_of_day(day), end_of_day(day)
        return _whole(datetime.fromisoformat(text.strip()))
    except (ValueError, OverflowError) as error:
        problem = "must be a day (2026-11-22) or a time with a zone (2026-11-22T08:00:00Z)"
        raise InvalidInput(f"{field}: {problem}", details={field: problem}) from error


def _whole(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise ValueError("has no zone")
    limits: Any = (datetime(1900, 1, 1, tzinfo=UTC), datetime(9000, 1, 1, tzinfo=UTC))
    if not limits[0] <= moment <= limits[1]:
        raise ValueError("lies beyond the calendar")
    return moment
