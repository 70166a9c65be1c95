"""Calendar days at Johannesburg."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ticketing.days import day_of, end_of_day, local_day, start_of_day, whole_day_end

DAYS = st.dates(date(1900, 1, 2), date(9999, 12, 30))


@given(DAYS)
def test_a_day_runs_from_midnight_to_midnight(day: date) -> None:
    assert end_of_day(day) == start_of_day(day + timedelta(days=1))
    assert local_day(start_of_day(day)) == day
    assert local_day(end_of_day(day) - timedelta(microseconds=1)) == day


@given(st.datetimes(datetime(1950, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001
def test_every_moment_lies_within_its_day(moment: datetime) -> None:
    assert start_of_day(local_day(moment)) <= moment < end_of_day(local_day(moment))


def test_a_day_is_two_hours_ahead_of_utc() -> None:
    assert end_of_day(date(2026, 12, 31)) == datetime(2026, 12, 31, 22, tzinfo=UTC)
    assert local_day(datetime(2026, 12, 31, 22, tzinfo=UTC)) == date(2027, 1, 1)


def test_the_calendar_ends_somewhere() -> None:
    with pytest.raises(ValueError, match="beyond the calendar"):
        end_of_day(date.max)
    with pytest.raises(ValueError, match="beyond the calendar"):
        start_of_day(date.min)


@pytest.mark.parametrize(
    ("text", "day"),
    [("2026-11-22", date(2026, 11, 22)), (" 2026-11-22 ", date(2026, 11, 22)), ("20261122", None), ("soon", None)],
)
def test_a_day_is_read_from_one_form_only(text: str, day: date | None) -> None:
    assert day_of(text) == day


def test_a_day_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ValueError, match="day"):
        day_of("2026-02-30")


@pytest.mark.parametrize("value", ["2026-11-22T08:00:00Z", None, 5])
def test_what_is_no_day_is_left_to_others(value: object) -> None:
    assert whole_day_end(value) == value
