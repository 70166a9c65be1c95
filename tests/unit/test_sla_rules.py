"""SLA clocks: tables of examples, and what must hold for any clock."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.errors import FibreflowError
from ticketing.sla.calendar import add, between, deadlines, microseconds, moment_of
from ticketing.sla.compliance import rate
from ticketing.sla.rules import (
    BREACH,
    WARNINGS,
    Clock,
    ClockConflict,
    Pause,
    clock_of,
    first_response,
    left_at,
    measure,
    newly_reached,
    next_check,
    require_pausable,
    require_resumable,
    resumed_due,
    threshold,
)

ZONE = ZoneInfo("Africa/Johannesburg")
HOUR = timedelta(hours=1)
# A Monday; 48 business hours later is the Friday of that week, 16:00.
MONDAY = datetime(2026, 11, 23, 8, tzinfo=ZONE)
DUE = datetime(2026, 11, 27, 16, tzinfo=ZONE)
CLOCK = Clock(due_at=DUE, target=48 * HOUR)

moments = st.datetimes(datetime(2020, 1, 1), datetime(2040, 1, 1), timezones=st.just(ZONE))  # noqa: DTZ001
targets = st.integers(1, 20_000).map(lambda minutes: timedelta(minutes=minutes))
notes = st.sampled_from([frozenset(), frozenset({75}), frozenset({75, 90}), frozenset({75, 90, BREACH})])


@st.composite
def started(draw: st.DrawFn) -> tuple[datetime, Clock]:
    start, target, plain = draw(moments), draw(targets), draw(st.booleans())
    due = add(start, target, round_the_clock=plain)
    return start, Clock(due_at=due, target=target, round_the_clock=plain, noted=draw(notes))


def row(**columns: Any) -> dict[str, Any]:
    names = ("sla_warned_75_at", "sla_warned_90_at", "sla_paused_at")
    fixed = {"sla_due_at": DUE, "sla_target_minutes": 2880, "sla_round_the_clock": False, "sla_breached": False}
    return dict.fromkeys(names) | fixed | columns


def test_the_percentages_are_the_domains() -> None:
    assert (*WARNINGS, BREACH) == (75, 90, 100)


@pytest.mark.parametrize(
    ("columns", "clock"),
    [
        ({}, CLOCK),
        ({"sla_warned_75_at": MONDAY}, replace(CLOCK, noted=frozenset({75}))),
        ({"sla_breached": True}, replace(CLOCK, noted=frozenset({BREACH}))),
        ({"sla_paused_at": MONDAY}, replace(CLOCK, paused_at=MONDAY)),
        ({"sla_round_the_clock": True}, replace(CLOCK, round_the_clock=True)),
    ],
)
def test_a_clock_is_read_from_a_ticket(columns: dict[str, Any], clock: Clock) -> None:
    assert clock_of(row(**columns)) == clock


@pytest.mark.parametrize(
    ("noted", "at"),
    [
        ((), "2026-11-26T14:00"),
        ((75,), "2026-11-27T11:12"),
        ((75, 90), "2026-11-27T16:00"),
        ((75, 90, BREACH), None),
        # Somebody said by hand that it is breached.
        ((BREACH,), None),
    ],
)
def test_the_next_check_is_the_next_threshold(noted: tuple[int, ...], at: str | None) -> None:
    expected = at and datetime.fromisoformat(at).replace(tzinfo=ZONE)
    assert next_check(replace(CLOCK, noted=frozenset(noted))) == expected
    assert next_check(replace(CLOCK, noted=frozenset(noted), paused_at=MONDAY)) is None


@pytest.mark.parametrize(
    ("status", "closed", "now", "reached"),
    [
        ("open", None, "2026-11-26T13:59", set()),
        ("open", None, "2026-11-26T14:00", {75}),
        ("assigned", None, "2026-11-27T12:00", {75, 90}),
        ("in_progress", None, "2026-11-27T15:59", {75, 90}),
        ("in_progress", None, "2026-11-27T16:00", {75, 90, 100}),
        # Closed in time, at the last moment, late; nobody is warned of what is closed.
        ("closed", "2026-11-27T12:00", "2026-11-28T09:00", set()),
        ("closed", "2026-11-27T16:00", "2026-11-28T09:00", set()),
        ("closed", "2026-11-27T16:01", "2026-11-28T09:00", {100}),
        ("cancelled", None, "2026-11-28T09:00", set()),
    ],
)
def test_a_sweep_notes_what_is_newly_reached(status: str, closed: str | None, now: str, reached: set[int]) -> None:
    closed_at = datetime.fromisoformat(closed).replace(tzinfo=ZONE) if closed else None
    at = datetime.fromisoformat(now).replace(tzinfo=ZONE)
    assert newly_reached(CLOCK, status, closed_at, at) == reached
    assert newly_reached(replace(CLOCK, paused_at=MONDAY), status, closed_at, at) == set()
    assert newly_reached(replace(CLOCK, noted=frozenset({BREACH})), status, closed_at, at) == set()
    if 75 in reached:
        assert newly_reached(replace(CLOCK, noted=frozenset({75})), status, closed_at, at) == reached - {75}


@pytest.mark.parametrize(
    ("pauses", "due", "paused"),
    [
        ((), "2026-11-27T16:00", 0),
        # Two hours on Tuesday; a night of no business time; a weekend past the due time moves nothing.
        ((("2026-11-24T10:00", "2026-11-24T12:00"),), "2026-11-27T18:00", 2),
        ((("2026-11-24T18:00", "2026-11-25T08:00"),), "2026-11-27T16:00", 0),
        ((("2026-11-28T10:00", "2026-11-30T12:00"),), "2026-11-27T16:00", 0),
        # Over the due time: what was left (one hour) is left on Monday too.
        ((("2026-11-27T15:00", "2026-11-30T12:00"),), "2026-11-30T13:00", 7),
        # Two pauses, told in any order; one that has no end yet.
        (
            (("2026-11-25T10:00", "2026-11-25T11:00"), ("2026-11-24T10:00", "2026-11-24T12:00")),
            "2026-11-30T09:00",
            3,
        ),
        ((("2026-11-24T10:00", None),), "2026-11-27T16:00", 0),
        # From before the report on: only what is after it counts.
        ((("2026-11-20T10:00", "2026-11-23T09:00"),), "2026-11-27T17:00", 1),
        ((("2026-11-20T10:00", "2026-11-20T12:00"),), "2026-11-27T16:00", 0),
    ],
)
def test_pauses_move_a_deadline(pauses: tuple[tuple[str, str | None], ...], due: str, paused: int) -> None:
    def local(text: str | None) -> datetime | None:
        return datetime.fromisoformat(text).replace(tzinfo=ZONE) if text else None

    told = [Pause(local(begins) or MONDAY, local(ends)) for begins, ends in pauses]
    measured = measure(MONDAY, 48 * HOUR, told, round_the_clock=False)
    assert (measured.due_at, measured.paused) == (local(due), paused * HOUR)


class TestPausing:
    def refused(self, clock: Clock | None, status: str, now: datetime) -> FibreflowError:
        with pytest.raises(FibreflowError) as refusal:
            require_pausable(clock, status, now)
        return refusal.value

    def test_a_running_clock_may_be_paused_until_it_ran_out(self) -> None:
        assert require_pausable(CLOCK, "in_progress", MONDAY) == CLOCK
        assert self.refused(CLOCK, "in_progress", DUE).details == {"sla": "breached"}
        assert self.refused(replace(CLOCK, noted=frozenset({BREACH})), "open", MONDAY).code == "CONDITION_NOT_MET"
        assert self.refused(replace(CLOCK, paused_at=MONDAY), "open", MONDAY).code == "CONFLICT"

    @pytest.mark.parametrize("status", ["closed", "cancelled"])
    def test_a_finished_ticket_has_no_running_clock(self, status: str) -> None:
        assert self.refused(CLOCK, status, MONDAY).code == "CONDITION_NOT_MET"
        with pytest.raises(FibreflowError, match="does not run"):
            require_resumable(replace(CLOCK, paused_at=MONDAY), status)

    def test_a_ticket_without_a_clock_has_nothing_to_pause(self) -> None:
        assert self.refused(None, "open", MONDAY).code == "CONDITION_NOT_MET"

    def test_only_a_paused_clock_may_go_on(self) -> None:
        paused = replace(CLOCK, paused_at=MONDAY)
        assert require_resumable(paused, "open") == paused
        for clock in (CLOCK, None):
            with pytest.raises(ClockConflict):
                require_resumable(clock, "open")


@given(started())
def test_thresholds_come_in_order_and_by_their_share(case: tuple[datetime, Clock]) -> None:
    start, clock = case
    times = [threshold(clock, percent) for percent in (*WARNINGS, BREACH)]
    assert times == sorted(times)
    gone = between(start, times[0], round_the_clock=clock.round_the_clock)
    # To the microsecond that a quarter of an odd number leaves over.
    assert abs(gone - clock.target * 3 / 4) <= timedelta(microseconds=1)


@given(started(), moments)
def test_each_threshold_is_noted_once_and_then_the_clock_is_left_alone(
    case: tuple[datetime, Clock], now: datetime
) -> None:
    _, clock = case
    reached = newly_reached(clock, "open", None, now)
    after = replace(clock, noted=clock.noted | reached)
    assert not reached & clock.noted
    assert newly_reached(after, "open", None, now) == frozenset()
    following = next_check(after)
    assert following is None or following > now or max(after.noted, default=0) > 0
    assert (following is None) == (BREACH in after.noted)


@given(started(), st.floats(0, 0.999), st.timedeltas(timedelta(), timedelta(days=40)))
def test_a_pause_keeps_the_time_that_was_left(case: tuple[datetime, Clock], share: float, length: timedelta) -> None:
    start, clock = case
    begins = start + (clock.due_at - start) * share
    ends = begins + length
    due = resumed_due(replace(clock, paused_at=begins), clock.due_at, ends)
    assert due >= clock.due_at
    before = between(begins, clock.due_at, round_the_clock=clock.round_the_clock)
    assert between(ends, due, round_the_clock=clock.round_the_clock) == before
    measured = measure(start, clock.target, [Pause(begins, ends)], round_the_clock=clock.round_the_clock)
    assert measured.due_at == due
    # The one formula: what was promised, and what the clock stood still, after the start.
    assert add(start, clock.target + measured.paused, round_the_clock=clock.round_the_clock) == due


@given(started(), st.timedeltas(timedelta(), timedelta(days=10)))
def test_a_paused_clock_keeps_what_is_left_whatever_the_time(case: tuple[datetime, Clock], later: timedelta) -> None:
    start, clock = case
    paused = replace(clock, paused_at=start)
    assert left_at(paused, start + later) == clock.target
    assert resumed_due(clock, clock.due_at, start + later) == clock.due_at


@given(st.lists(st.tuples(moments, st.integers(1, 1000), st.integers(1, 10_000), st.booleans()), max_size=5))
def test_clocks_computed_for_an_import_are_those_of_the_rules(
    cases: list[tuple[datetime, int, int, bool]],
) -> None:
    starts, respond, resolve, plain = zip(*cases, strict=True) if cases else ((), (), (), ())
    found = deadlines([microseconds(start) for start in starts], respond, resolve, plain, WARNINGS[0])
    assert len(found) == len(cases)
    for (start, answer, whole, round_the_clock), (response, warning, due) in zip(cases, found, strict=True):
        target = timedelta(minutes=whole)
        clock = Clock(
            due_at=add(start, target, round_the_clock=round_the_clock), target=target, round_the_clock=round_the_clock
        )
        assert moment_of(due) == clock.due_at
        assert moment_of(warning) == next_check(clock)
        assert moment_of(response) == add(start, timedelta(minutes=answer), round_the_clock=round_the_clock)


@pytest.mark.parametrize(
    ("status", "target", "answered", "sets"),
    [
        ("open", "assigned", None, True),
        ("open", "open", None, False),
        ("open", "cancelled", None, False),
        ("open", "assigned", MONDAY, False),
        ("assigned", "in_progress", None, False),
    ],
)
def test_who_takes_a_ticket_up_answers_it(status: str, target: str, answered: datetime | None, sets: bool) -> None:
    fields = first_response({"status": status, "sla_first_response_at": answered}, target, DUE)
    assert fields == ({"sla_first_response_at": DUE} if sets else {})


@pytest.mark.parametrize(("met", "breached", "share"), [(0, 0, 0.0), (1, 0, 100.0), (17, 3, 85.0), (1, 2, 33.33)])
def test_the_rate_is_of_what_is_decided(met: int, breached: int, share: float) -> None:
    assert rate(met, breached) == share
