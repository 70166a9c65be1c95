"""Calendar days at Johannesburg."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ticketing.days import day_of, end_of_day, local_day, start_of_day, whole_day_end, whole_days

DAYS = st.dates(date(1900, 1, 2), date(9999, 12, 30))


@given(DAYS)
def test_a_day_runs_from_midnight_to_midnight(day: date) -> None:
    assert end_of_day(day) == start_of_day(day + timedelta(days=1))
    assert local_day(start_of_day(day)) == day
    assert local_day(end_of_day(day) - timedelta(microseconds=1)) == day


@given(st.datetimes(datetime(1950, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001
def test_every_moment_lies_within_its_day(moment: datetime) -> None:
    assert start_of_day(local_day(moment)) <= moment < end_of_day(local_day(moment))


MOMENTS = st.datetimes(datetime(2026, 1, 1), datetime(2026, 1, 9), timezones=st.just(UTC))  # noqa: DTZ001


@given(MOMENTS, MOMENTS, MOMENTS)
def test_whole_days_and_both_ends_are_all_of_a_range_and_nothing_twice(
    begins: datetime, ends: datetime, moment: datetime
) -> None:
    first, after = whole_days(begins, ends)
    assert first is not None
    assert after is not None
    whole = local_day(first) <= local_day(moment) < local_day(after)
    parts = [whole, begins <= moment < first, after <= moment < ends]
    assert sum(parts) == (begins <= moment < ends)
    if begins <= ends:
        assert max(first - begins, ends - after) < timedelta(days=1)


def test_what_has_no_bound_is_whole_on_that_side() -> None:
    noon, midnight = datetime(2026, 11, 22, 10, tzinfo=UTC), datetime(2026, 11, 21, 22, tzinfo=UTC)
    assert whole_days(None, None) == (None, None)
    assert whole_days(noon, None) == (midnight + timedelta(days=1), None)
    assert whole_days(None, noon) == (None, midnight)
    assert whole_days(midnight, midnight + timedelta(days=1)) == (midnight, midnight + timedelta(days=1))


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
