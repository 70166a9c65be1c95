"""When schedules fire, and what becomes of ticks that nobody was there for."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.cron import in_words
from jobs.schedules import ON_TIME, Due, decide, next_fire, next_fires
from runtime.clock import BUSINESS_ZONE

MONDAY = datetime(2025, 3, 3, 7, 0, tzinfo=UTC)
moments = st.datetimes(datetime(2024, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
lines = st.sampled_from(
    ["* * * * *", "*/5 * * * *", "0 * * * *", "0 6 * * *", "30 2 * * 1-5", "0 0 1 * *", "0 3 * * 0"]
)


def at(text: str) -> datetime:
    """A moment on a clock in Johannesburg."""
    return datetime.fromisoformat(text).replace(tzinfo=BUSINESS_ZONE)


@pytest.mark.parametrize(
    ("line", "after", "wanted"),
    [
        ("0 6 * * *", "2025-03-03T05:59:59", "2025-03-03T06:00"),
        ("0 6 * * *", "2025-03-03T06:00:00", "2025-03-04T06:00"),
        ("*/15 * * * *", "2025-03-03T06:00:00.000001", "2025-03-03T06:15"),
        ("0 0 1 * *", "2025-03-03T00:00", "2025-04-01T00:00"),
        ("0 0 29 2 *", "2025-03-03T00:00", "2028-02-29T00:00"),
        ("0 6 * * 1", "2025-03-03T07:00", "2025-03-10T06:00"),
        ("0 6 * * 0", "2025-03-03T07:00", "2025-03-09T06:00"),
        ("0 6 * * 7", "2025-03-03T07:00", "2025-03-09T06:00"),
        ("0 6 * * sun", "2025-03-03T07:00", "2025-03-09T06:00"),
        ("0 6 * * 1-5", "2025-03-07T07:00", "2025-03-10T06:00"),
        ("0 6 * * 6,0", "2025-03-03T07:00", "2025-03-08T06:00"),
        ("0 6 * * 5-7", "2025-03-08T07:00", "2025-03-09T06:00"),
        ("0 6 * * */3", "2025-03-03T07:00", "2025-03-05T06:00"),
    ],
)
def test_a_line_fires_at_johannesburg_time(line: str, after: str, wanted: str) -> None:
    assert next_fire(line, at(after)) == at(wanted)


def test_six_in_the_morning_is_four_utc() -> None:
    assert next_fire("0 6 * * *", MONDAY).astimezone(UTC) == datetime(2025, 3, 4, 4, 0, tzinfo=UTC)


@given(lines, moments)
def test_the_next_time_is_later_and_nothing_lies_between(line: str, after: datetime) -> None:
    fire = next_fire(line, after)
    assert fire > after
    assert next_fire(line, fire - timedelta(microseconds=1)) == fire


@given(lines, moments)
def test_following_times_ascend(line: str, after: datetime) -> None:
    fires = next_fires(line, after, 4)
    assert fires == sorted(set(fires))
    assert fires[0] == next_fire(line, after)


@pytest.mark.parametrize(
    ("line", "after", "wanted"),
    [
        ("0 0 1 1 *", datetime(9997, 6, 1, tzinfo=UTC), [9998, 9999]),
        ("0 * * * *", datetime.max.replace(tzinfo=UTC), []),
        ("0 0 30 2 *", MONDAY, []),
    ],
)
def test_a_line_that_fires_no_more_has_no_times_left(line: str, after: datetime, wanted: list[int]) -> None:
    assert [fire.year for fire in next_fires(line, after, 3)] == wanted


HOURLY = "0 * * * *"
SEVEN = at("2025-03-03T07:00")


def decision(
    now: str, *, missed: str = "run_once", next_fire_at: datetime = SEVEN, paused_until: datetime | None = None
) -> Due:
    return decide(cron=HOURLY, missed=missed, next_fire_at=next_fire_at, paused_until=paused_until, now=at(now))


@pytest.mark.parametrize(
    ("now", "missed", "wanted"),
    [
        ("2025-03-03T07:00:00", "skip", Due(SEVEN, at("2025-03-03T08:00"), 0)),
        ("2025-03-03T07:00:01", "run_once", Due(SEVEN, at("2025-03-03T08:00"), 0)),
        ("2025-03-03T07:01:00", "skip", Due(SEVEN, at("2025-03-03T08:00"), 0)),
        ("2025-03-03T07:01:01", "skip", Due(None, at("2025-03-03T08:00"), 1)),
        ("2025-03-03T07:01:01", "run_once", Due(SEVEN, at("2025-03-03T08:00"), 0)),
        ("2025-03-03T09:30:00", "skip", Due(None, at("2025-03-03T10:00"), 3)),
        ("2025-03-03T09:30:00", "run_once", Due(at("2025-03-03T09:00"), at("2025-03-03T10:00"), 2)),
        ("2025-03-03T09:00:30", "skip", Due(at("2025-03-03T09:00"), at("2025-03-03T10:00"), 2)),
    ],
)
def test_of_overdue_ticks_only_the_latest_can_run(now: str, missed: str, wanted: Due) -> None:
    assert decision(now, missed=missed) == wanted


def test_a_paused_schedule_drops_its_ticks_and_does_not_call_them_missed() -> None:
    paused_until = at("2025-03-03T12:00")
    assert decision("2025-03-03T09:30", paused_until=paused_until) == Due(None, at("2025-03-03T10:00"), 0)


def test_a_pause_that_is_over_pauses_nothing() -> None:
    paused_until = at("2025-03-03T06:59")
    assert decision("2025-03-03T07:00", paused_until=paused_until).fire_at == SEVEN


@pytest.mark.parametrize("missed", ["run_once", "skip"])
@pytest.mark.parametrize(
    ("now", "paused_until", "wanted"),
    [
        ("2025-03-03T09:30", "2025-03-03T09:15", Due(None, at("2025-03-03T10:00"), 0)),
        ("2025-03-03T09:00:30", "2025-03-03T09:00:10", Due(None, at("2025-03-03T10:00"), 0)),
        ("2025-03-03T09:00:30", "2025-03-03T09:00", Due(at("2025-03-03T09:00"), at("2025-03-03T10:00"), 0)),
        ("2025-03-03T10:00:30", "2025-03-03T08:30", Due(at("2025-03-03T10:00"), at("2025-03-03T11:00"), 1)),
    ],
)
def test_ticks_within_a_pause_are_dropped_even_if_nobody_looked_before_its_end(
    now: str, paused_until: str, wanted: Due, missed: str
) -> None:
    assert decision(now, missed=missed, paused_until=at(paused_until)) == wanted


def test_a_long_absence_is_got_over_in_one_decision() -> None:
    due = decide(
        cron="* * * * *",
        missed="run_once",
        next_fire_at=MONDAY - timedelta(days=60),
        paused_until=None,
        now=MONDAY,
    )
    assert due.next_fire_at == MONDAY + timedelta(minutes=1)


@given(
    lines,
    moments,
    st.timedeltas(timedelta(0), timedelta(hours=6)),
    st.sampled_from(["skip", "run_once"]),
    st.none() | st.timedeltas(timedelta(hours=-1), timedelta(hours=8)),
)
def test_every_decision_moves_on_and_runs_no_tick_that_was_not_due(
    line: str, start: datetime, late: timedelta, missed: str, pause: timedelta | None
) -> None:
    next_fire_at = next_fire(line, start)
    now = next_fire_at + late
    paused_until = None if pause is None else next_fire_at + pause
    due = decide(cron=line, missed=missed, next_fire_at=next_fire_at, paused_until=paused_until, now=now)
    assert due.next_fire_at > now
    assert due.next_fire_at == next_fire(line, now)
    if due.fire_at is not None:
        assert next_fire_at <= due.fire_at <= now
        assert next_fire(line, due.fire_at) == due.next_fire_at
        assert missed == "run_once" or now - due.fire_at <= ON_TIME
        assert paused_until is None or due.fire_at >= paused_until


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("* * * * *", "Every minute"),
        ("*/5 * * * *", "Every 5 minutes"),
        ("0 2 * * *", "At 02:00, every day"),
        ("40 3 * * 0", "At 03:40, only on Sunday"),
        ("40 3 * * 7", "At 03:40, only on Sunday"),
        ("30 18 * * 1-5", "At 18:30, Monday through Friday"),
        ("0 3 1 * *", "At 03:00, on day 1 of the month"),
        ("17 */2 * * *", "At 17 minutes past the hour, every 2 hours"),
    ],
)
def test_a_cron_line_is_said_in_words(line: str, said: str) -> None:
    assert in_words(line) == said
