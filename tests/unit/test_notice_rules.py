"""When a notice may go out and when it was said already: pure."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.clock import BUSINESS_ZONE
from runtime.settings import load_settings
from ticketing.notices.rules import (
    DAY,
    HOUR,
    MINUTE,
    Limits,
    after_quiet,
    dedupe_key,
    earliest_start,
    gap_between,
    is_quiet,
)

NIGHT = (time(20), time(7))
NOON = datetime(2026, 11, 23, 10, tzinfo=UTC)  # 12:00 in Johannesburg
A_TICKET = UUID("0198c5a2-7e1b-7c3d-9f00-0123456789ab")
EPOCH = datetime(2026, 11, 20, tzinfo=UTC)


def limits(
    *,
    quiet: tuple[time, time] = (time(0), time(0)),
    per_minute: int = 6,
    per_day: int = 500,
    per_hour: int = 4,
    per_contact_day: int = 20,
) -> Limits:
    return Limits(
        quiet_from=quiet[0],
        quiet_until=quiet[1],
        per_minute=per_minute,
        per_day=per_day,
        per_contact_per_hour=per_hour,
        per_contact_per_day=per_contact_day,
    )


def local(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=BUSINESS_ZONE)


def minutes(*numbers: float) -> list[datetime]:
    return [NOON + timedelta(minutes=number) for number in numbers]


@pytest.mark.parametrize(
    ("at", "quiet", "goes_out"),
    [
        ("2026-11-23T19:59:59", NIGHT, "2026-11-23T19:59:59"),
        ("2026-11-23T20:00:00", NIGHT, "2026-11-24T07:00:00"),
        ("2026-11-23T23:59:59", NIGHT, "2026-11-24T07:00:00"),
        ("2026-11-24T00:00:00", NIGHT, "2026-11-24T07:00:00"),
        ("2026-11-24T06:59:59", NIGHT, "2026-11-24T07:00:00"),
        ("2026-11-24T07:00:00", NIGHT, "2026-11-24T07:00:00"),
        ("2026-12-31T22:00:00", NIGHT, "2027-01-01T07:00:00"),
        ("2026-11-23T12:30:00", (time(12), time(13)), "2026-11-23T13:00:00"),
        ("2026-11-23T13:00:00", (time(12), time(13)), "2026-11-23T13:00:00"),
        ("2026-11-23T23:00:00", (time(22), time(0)), "2026-11-24T00:00:00"),
        ("2026-11-23T03:00:00", (time(0), time(0)), "2026-11-23T03:00:00"),
        # When the north changes its clocks, Johannesburg does not.
        ("2026-03-29T01:30:00", NIGHT, "2026-03-29T07:00:00"),
        ("2026-10-25T02:30:00", NIGHT, "2026-10-25T07:00:00"),
    ],
)
def test_nobody_is_written_to_in_quiet_hours(at: str, quiet: tuple[time, time], goes_out: str) -> None:
    assert after_quiet(local(at), limits(quiet=quiet)) == local(goes_out)


@pytest.mark.parametrize(
    ("contact", "session", "bounds", "wait"),
    [
        ([], [], limits(), 0),
        (minutes(-1, -2, -3), [], limits(), 0),
        (minutes(-1, -2, -3, -4), [], limits(), 56),
        (minutes(-1, -2, -3, -60), [], limits(), 0),
        (minutes(-100, -101, -102), [], limits(per_contact_day=3), 24 * 60 - 102),
        ([], minutes(0, 0), limits(per_minute=2), 1),
        ([], minutes(-10), limits(per_day=1), 24 * 60 - 10),
        (minutes(0), minutes(0), limits(per_hour=1, per_minute=1), 60),
        # Places that others have taken in the future: one between them is free, or none before they are over.
        (minutes(30, 120), [], limits(per_hour=1), 180),
        (minutes(90, 200), [], limits(per_hour=1), 0),
        # More went out than a cap allows: it is respected from there on.
        (minutes(-50, -40, -30, -20, -10, -5), [], limits(per_hour=2), 50),
    ],
)
def test_caps_put_a_notice_off(contact: list[datetime], session: list[datetime], bounds: Limits, wait: float) -> None:
    assert earliest_start(NOON, contact, session, bounds) == NOON + timedelta(minutes=wait)


def test_a_cap_that_ends_in_the_night_means_the_morning() -> None:
    now = local("2026-11-23T19:30:00")
    sent = [now - timedelta(minutes=n) for n in (5, 6, 7, 8)]
    assert earliest_start(now, sent, (), limits(quiet=NIGHT)) == local("2026-11-24T07:00:00")


_BOUNDS = st.builds(
    limits,
    quiet=st.tuples(st.times(), st.times()),
    per_minute=st.integers(1, 3),
    per_day=st.integers(2, 6),
    per_hour=st.integers(1, 3),
    per_contact_day=st.integers(1, 5),
)
_MOMENTS = st.integers(0, 72 * 60).map(lambda number: EPOCH + timedelta(minutes=number))


def most_within(starts: list[datetime], window: timedelta) -> int:
    """The most starts that any window of this length holds."""
    return max(sum(1 for other in starts if timedelta() <= other - start < window) for start in starts)


@given(st.lists(_MOMENTS, min_size=1, max_size=12), _BOUNDS)
def test_whoever_keeps_to_it_breaks_no_cap_and_no_quiet_hour(asked: list[datetime], bounds: Limits) -> None:
    starts: list[datetime] = []
    for moment in asked:
        start = earliest_start(moment, starts, starts, bounds)
        assert start >= moment
        assert not is_quiet(start, bounds)
        starts.append(start)
    for window, most in (
        (HOUR, bounds.per_contact_per_hour),
        (DAY, min(bounds.per_contact_per_day, bounds.per_day)),
        (MINUTE, bounds.per_minute),
    ):
        assert most_within(starts, window) <= most


@given(_MOMENTS, st.lists(_MOMENTS, max_size=10), st.integers(1, 3))
def test_no_earlier_minute_would_have_done(now: datetime, starts: list[datetime], most: int) -> None:
    bounds = limits(quiet=NIGHT, per_hour=most, per_contact_day=1_000)
    found = earliest_start(now, starts, (), bounds)

    def allowed(moment: datetime) -> bool:
        before = [start for start in starts if start <= moment]
        crowded = any(
            sum(1 for other in (*starts, moment) if timedelta() <= other - start < HOUR) > most
            and timedelta() <= moment - start < HOUR
            for start in (*before, moment)
        )
        return not crowded and not is_quiet(moment, bounds)

    assert allowed(found)
    earlier = [now + timedelta(minutes=n) for n in range(int((found - now) / MINUTE))]
    assert not any(allowed(moment) for moment in earlier)


@given(_MOMENTS, st.tuples(st.times(), st.times()))
def test_quiet_hours_end_within_a_day_and_once_over_stay_over(moment: datetime, quiet: tuple[time, time]) -> None:
    bounds = limits(quiet=quiet)
    after = after_quiet(moment, bounds)
    assert moment <= after < moment + DAY
    assert after_quiet(after, bounds) == after


def test_the_limits_are_the_settings() -> None:
    bounds = Limits.from_settings(load_settings({"FIBREFLOW_NOTICES_PER_MINUTE": "60"}))
    assert bounds == replace(limits(quiet=NIGHT, per_minute=60), jitter=0.5)


def test_the_same_is_template_person_and_ticket() -> None:
    keys = {
        dedupe_key(subject, phone, ticket)
        for subject in ("qa_approved", "ticket_closed")
        for phone in ("+27821234567", "+27821234568")
        for ticket in (None, A_TICKET)
    }
    assert len(keys) == 8
    assert dedupe_key("qa_approved", "+27821234567", A_TICKET) in keys


@pytest.mark.parametrize(("jitter", "spread", "seconds"), [(0, 0.5, 0), (0.5, 0, 10), (0.5, 1, 5), (1, 0.25, 7.5)])
def test_the_gap_between_two_is_drawn_by_lot(jitter: float, spread: float, seconds: float) -> None:
    assert gap_between(replace(limits(), jitter=jitter), spread) == timedelta(seconds=seconds)


@given(st.lists(st.floats(0, 600), max_size=8), st.floats(0, 20))
def test_no_two_over_one_session_come_closer_than_the_gap(others: list[float], seconds: float) -> None:
    gap, starts = timedelta(seconds=seconds), [NOON + timedelta(seconds=other) for other in others]
    start = earliest_start(NOON, (), starts, limits(per_minute=1_000), gap)
    assert all(abs(start - one) >= gap for one in starts)
    waits = {NOON, *(one + gap for one in starts)}
    assert start in waits, "no later than it has to be"
    assert not [one for one in waits if NOON <= one < start and all(abs(one - other) >= gap for other in starts)]
