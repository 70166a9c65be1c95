"""Business time: tables of days and hours, and what must hold for any of them."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ticketing.sla.calendar import CLOSES, OPENS, add, between, is_working_day, microseconds, moment_of

ZONE = ZoneInfo("Africa/Johannesburg")
NOTHING = timedelta()

moments = st.datetimes(datetime(1990, 1, 1), datetime(2080, 1, 1), timezones=st.just(ZONE))  # noqa: DTZ001
amounts = st.timedeltas(timedelta(microseconds=1), timedelta(days=60))


def local(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZONE)


@pytest.mark.parametrize(
    ("day", "why_closed"),
    [
        ("2026-11-23", None),
        ("2026-11-21", "Saturday"),
        ("2026-11-22", "Sunday"),
        ("2026-01-01", "New Year's Day"),
        ("2026-03-21", "Human Rights Day, a Saturday"),
        ("2026-03-23", None),
        ("2026-04-03", "Good Friday"),
        ("2026-04-06", "Family Day"),
        ("2026-04-27", "Freedom Day"),
        ("2026-05-01", "Workers' Day"),
        ("2026-06-16", "Youth Day"),
        ("2026-08-10", "National Women's Day fell on a Sunday"),
        ("2026-08-11", None),
        ("2026-09-24", "Heritage Day"),
        ("2026-11-04", "Local elections"),
        ("2026-12-16", "Day of Reconciliation"),
        ("2026-12-25", "Christmas Day"),
        ("2022-12-26", "Day of Goodwill"),
        ("2022-12-27", "Christmas Day fell on a Sunday and its Monday was taken"),
        ("2022-12-28", None),
        ("2024-05-29", "National elections"),
    ],
)
def test_the_business_is_closed_on_weekends_and_public_holidays(day: str, why_closed: str | None) -> None:
    assert is_working_day(date.fromisoformat(day)) is (why_closed is None)


@pytest.mark.parametrize(
    ("start", "hours", "end"),
    [
        # Within a day, to its very end, and over the night.
        ("2026-11-23T08:00", 4, "2026-11-23T12:00"),
        ("2026-11-23T08:00", 10, "2026-11-23T18:00"),
        ("2026-11-23T17:00", 2, "2026-11-24T09:00"),
        # What is reported out of hours starts when the business opens.
        ("2026-11-23T06:15", 1, "2026-11-23T09:00"),
        ("2026-11-23T18:00", 1, "2026-11-24T09:00"),
        ("2026-11-23T23:59", 1, "2026-11-24T09:00"),
        ("2026-11-21T12:00", 1, "2026-11-23T09:00"),
        # Over a weekend, over Easter, over a Monday that stands for a Sunday, over Christmas and the new year.
        ("2026-11-20T16:00", 24, "2026-11-25T10:00"),
        ("2026-04-02T17:00", 2, "2026-04-07T09:00"),
        ("2026-08-07T17:00", 2, "2026-08-11T09:00"),
        ("2026-12-24T17:00", 48, "2027-01-04T15:00"),
        # The five targets' longest: 120 h are twelve working days.
        ("2026-11-23T08:00", 120, "2026-12-08T18:00"),
    ],
)
def test_business_time_is_added_over_nights_weekends_and_holidays(start: str, hours: int, end: str) -> None:
    assert add(local(start), timedelta(hours=hours)) == local(end)
    assert between(local(start), local(end)) == timedelta(hours=hours)


def test_round_the_clock_knows_no_nights() -> None:
    start = local("2026-12-24T22:00")
    assert add(start, timedelta(hours=8), round_the_clock=True) == local("2026-12-25T06:00")
    assert between(start, local("2026-12-25T06:00"), round_the_clock=True) == timedelta(hours=8)


def test_time_out_of_hours_is_no_time() -> None:
    assert between(local("2026-11-20T18:00"), local("2026-11-23T08:00")) == NOTHING
    assert between(local("2026-11-23T12:00"), local("2026-11-23T10:00")) == timedelta(hours=-2)


@pytest.mark.parametrize("year", [1900, 2400])
def test_beyond_the_calendar_nothing_counts_and_nothing_breaks(year: int) -> None:
    moment = datetime(year, 6, 1, 12, tzinfo=ZONE)
    assert between(moment, moment + timedelta(days=365)) == NOTHING
    assert 1969 <= add(moment, timedelta(hours=48)).year <= 2100


@given(moments, amounts, st.booleans())
def test_what_is_added_has_passed(start: datetime, amount: timedelta, round_the_clock: bool) -> None:
    end = add(start, amount, round_the_clock=round_the_clock)
    assert between(start, end, round_the_clock=round_the_clock) == amount
    assert end - start >= amount


@given(moments, amounts)
def test_a_business_deadline_lies_in_business_hours(start: datetime, amount: timedelta) -> None:
    end = add(start, amount).astimezone(ZONE)
    assert is_working_day(end.date())
    assert OPENS < end.time() <= CLOSES


@given(moments, amounts, amounts)
def test_it_makes_no_difference_in_how_many_parts_time_is_added(
    start: datetime, first: timedelta, second: timedelta
) -> None:
    assert add(add(start, first), second) == add(start, first + second)


@given(moments, moments, moments)
def test_time_between_adds_up_and_never_runs_backwards(one: datetime, two: datetime, three: datetime) -> None:
    first, second, third = sorted((one, two, three))
    assert between(first, second) + between(second, third) == between(first, third)
    assert NOTHING <= between(first, third) <= third - first


@given(moments, amounts)
def test_going_back_undoes_going_on(start: datetime, amount: timedelta) -> None:
    begun = add(start, amount)
    assert add(add(begun, amount), -amount) == begun


@given(moments)
def test_moments_are_kept_to_the_microsecond(moment: datetime) -> None:
    assert moment_of(microseconds(moment)) == moment


@given(st.integers(2000, 2090))
def test_a_year_has_about_250_working_days(year: int) -> None:
    days = sum(is_working_day(date(year, 1, 1) + timedelta(days=number)) for number in range(365))
    assert 245 <= days <= 256
