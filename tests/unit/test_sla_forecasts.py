"""Clocks computed ahead of an import: the same as those that are measured when a ticket is there."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from ticketing.sla.calendar import add, microseconds
from ticketing.sla.forecasts import Forecast, Start, Target

ZONE = ZoneInfo("Africa/Johannesburg")
NOW = datetime(2026, 11, 23, 10, tzinfo=ZONE)
OWN = UUID(int=1)
TARGETS = {
    (None, "normal"): Target(240, 2_400, round_the_clock=False),
    (None, "critical"): Target(60, 240, round_the_clock=True),
    (OWN, "normal"): Target(30, 300, round_the_clock=False),
}
EMPTY = "{}"

moments = st.datetimes(datetime(1990, 1, 1), datetime(2080, 1, 1), timezones=st.just(ZONE))  # noqa: DTZ001


def clocks(forecast: Forecast, now: datetime = NOW) -> dict[str, list[str]]:
    return {name: found.strip("{}").split(",") for name, found in forecast.parameters(now).items()}


@given(reported_at=moments, priority=st.sampled_from(["normal", "critical"]))
def test_a_clock_runs_out_when_the_calendar_says(reported_at: datetime, priority: str) -> None:
    forecast, target = Forecast(TARGETS), TARGETS[None, priority]
    forecast.add([Start(2, priority, None, reported_at)])
    found = clocks(forecast)
    for name, minutes in (("clock_dues", target.resolve), ("clock_responses", target.respond)):
        due = add(reported_at, timedelta(minutes=minutes), round_the_clock=target.round_the_clock)
        assert found[name] == [str(microseconds(due))]
    assert (found["clock_rows"], found["clock_targets"]) == (["2"], [str(target.resolve)])


def test_a_project_with_a_target_of_its_own_is_promised_that() -> None:
    forecast = Forecast(TARGETS)
    forecast.add([Start(2, "normal", OWN, NOW), Start(3, None, OWN, NOW), Start(4, "critical", OWN, NOW)])
    assert clocks(forecast)["clock_targets"] == ["300", "300", "240"]


def test_a_row_without_a_date_starts_when_its_ticket_is_made() -> None:
    undated, dated = Forecast(TARGETS), Forecast(TARGETS)
    undated.add([Start(2, "normal", None, None)])
    dated.add([Start(2, "normal", None, NOW)])
    assert undated.parameters(NOW) == dated.parameters(NOW)
    assert undated.parameters(NOW + timedelta(hours=1)) != dated.parameters(NOW)


def test_rows_may_be_added_bit_by_bit() -> None:
    starts = [Start(number, "normal", None, NOW - timedelta(hours=number)) for number in range(2, 20)]
    whole, bits = Forecast(TARGETS), Forecast(TARGETS)
    whole.add(starts)
    for start in starts:
        bits.add([start])
    assert whole.parameters(NOW) == bits.parameters(NOW)


def test_without_rows_or_targets_there_are_no_clocks() -> None:
    without = Forecast({})
    without.add([Start(2, "normal", None, NOW)])
    for forecast in (Forecast(TARGETS), without):
        assert set(forecast.parameters(NOW).values()) == {EMPTY}
