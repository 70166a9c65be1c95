"""Moments that requests name: within the years of the work here, and shown whatever the calendar."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from pydantic import TypeAdapter, ValidationError

from runtime.clock import BUSINESS_ZONE, local_time
from ticketing.instants import Instant, is_within_reach

INSTANT = TypeAdapter(Instant)


@pytest.mark.parametrize("text", ["1900-01-01T00:00:00Z", "1970-01-01T00:00:00Z", "2200-01-01T01:59:59+02:00"])
def test_a_moment_within_reach_is_taken(text: str) -> None:
    assert INSTANT.validate_python(text) == datetime.fromisoformat(text)


@pytest.mark.parametrize(
    "text",
    [
        "9999-12-31T23:59:59Z",
        "9999-12-31T23:59:59-02:00",
        "0001-01-01T00:00:00Z",
        "0001-01-01T00:00:00+02:00",
        "2200-01-01T00:00:00Z",
        "1900-01-01T01:59:59+02:00",
    ],
)
def test_one_beyond_is_refused_in_words(text: str) -> None:
    with pytest.raises(ValidationError, match="must lie in the years 1900 to 2199"):
        INSTANT.validate_python(text)


@pytest.mark.parametrize("text", ["2026-11-22T10:00:00", "soon", ""])
def test_what_is_no_moment_with_a_zone_is_refused(text: str) -> None:
    with pytest.raises(ValidationError):
        INSTANT.validate_python(text)


def test_the_ends_of_the_calendar_can_be_asked_about() -> None:
    for hours in (-2, 0, 2):
        zone = timezone(timedelta(hours=hours))
        assert not is_within_reach(datetime.min.replace(tzinfo=zone))
        assert not is_within_reach(datetime.max.replace(tzinfo=zone))


def test_a_moment_is_shown_in_business_time_and_in_utc_where_that_has_none() -> None:
    assert local_time(datetime(2026, 11, 22, 23, tzinfo=UTC)).isoformat() == "2026-11-23T01:00:00+02:00"
    last = datetime.max.replace(tzinfo=UTC)
    assert local_time(last).isoformat() == last.isoformat()
    assert local_time(datetime.min.replace(tzinfo=UTC)).tzinfo in (UTC, BUSINESS_ZONE)
