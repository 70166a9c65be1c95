"""Plain maps: everything lies on the drawing, to scale, north up."""

from __future__ import annotations

import math
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from admin_api.console.maps import HEIGHT, WIDTH, Mark, PlaceMap, draw_map
from admin_api.console.periods import MOST_STEPS, period_said, steps_of, with_room
from ticketing.faults.rules import Period

degrees = st.tuples(st.floats(-85, 85), st.floats(-180, 180))


def mark(latitude: float, longitude: float, weight: float = 1.0) -> Mark:
    return Mark(latitude=latitude, longitude=longitude, label="1", says="One", address="/", weight=weight)


def drawn(*marks: Mark) -> PlaceMap:
    found = draw_map("Where", marks)
    assert found is not None
    return found


def test_without_marks_there_is_no_map() -> None:
    assert draw_map("Where", []) is None


def test_a_single_place_lies_in_the_middle_of_something_large_enough() -> None:
    found = drawn(mark(-26.4, 27.4))
    assert (found.spots[0].x, found.spots[0].y) == (WIDTH / 2, HEIGHT / 2)
    assert found.bar_said == "100 m"


def test_north_is_up_and_east_is_right() -> None:
    by_place = {spot.mark.latitude: spot for spot in drawn(mark(-26.0, 28.0), mark(-26.5, 27.5)).spots}
    assert by_place[-26.0].y < by_place[-26.5].y
    assert by_place[-26.0].x > by_place[-26.5].x


def test_the_bar_is_as_long_as_it_says() -> None:
    found = drawn(mark(0.0, 0.0), mark(0.0, 1.0))
    first, second = sorted(found.spots, key=lambda spot: spot.x)
    kilometre = (second.x - first.x) / 111.32
    assert found.bar == pytest.approx(found.bar_metres / 1000 * kilometre, rel=0.01)
    assert found.bar_said == "20 km"


def test_areas_compare_as_weights_and_small_ones_are_not_hidden() -> None:
    found = drawn(mark(-26.4, 27.4, 1), mark(-26.4, 27.4, 9), mark(-26.4, 27.4, 4))
    assert [spot.mark.weight for spot in found.spots] == [9, 4, 1]
    assert [spot.radius for spot in found.spots] == [21, 18, 15]


def test_marks_that_would_cover_each_other_become_one() -> None:
    near = [mark(-26.4, 27.4), mark(-26.4, 27.4), mark(-26.4001, 27.4), mark(-26.5, 27.4)]
    found = draw_map("Where", near, together="#list")
    assert found is not None
    one, alone = found.spots
    assert (one.mark.label, one.mark.address, one.mark.weight) == ("\u00d73", "#list", 3)
    assert one.mark.says == "3 here: One, One, One"
    assert (alone.mark.label, alone.mark.address) == ("1", "/")


@given(st.lists(degrees, min_size=1, max_size=20))
def test_everything_lies_on_the_drawing(places: list[tuple[float, float]]) -> None:
    for spot in drawn(*(mark(latitude, longitude) for latitude, longitude in places)).spots:
        assert math.isfinite(spot.x)
        assert spot.radius <= spot.x <= WIDTH - spot.radius
        assert spot.radius <= spot.y <= HEIGHT - spot.radius


@pytest.mark.parametrize(
    ("period", "known", "steps"),
    [
        (Period.DAY, {date(2026, 11, 29), date(2026, 12, 1)}, ["29 Nov", "30 Nov", "1 Dec"]),
        (Period.WEEK, {date(2026, 11, 9), date(2026, 11, 23)}, ["9 Nov", "16 Nov", "23 Nov"]),
        (Period.MONTH, {date(2026, 11, 1), date(2027, 2, 1)}, ["Nov 2026", "Dec 2026", "Jan 2027", "Feb 2027"]),
        (Period.DAY, set(), []),
    ],
)
def test_periods_without_anything_are_among_the_steps(period: Period, known: set[date], steps: list[str]) -> None:
    assert [period_said(step, period) for step in steps_of(known, period)] == steps


@pytest.mark.parametrize(
    ("asked", "days", "shown"),
    [
        (Period.DAY, MOST_STEPS, Period.DAY),
        (Period.DAY, MOST_STEPS + 1, Period.WEEK),
        (Period.WEEK, 7 * MOST_STEPS, Period.WEEK),
        (Period.DAY, 7 * MOST_STEPS + 1, Period.MONTH),
        (Period.MONTH, 3, Period.MONTH),
        (Period.DAY, None, Period.MONTH),
        (None, 30, Period.DAY),
        (None, 90, Period.WEEK),
        (None, None, Period.MONTH),
    ],
)
def test_a_chart_has_no_more_periods_than_one_can_read(asked: Period | None, days: int | None, shown: Period) -> None:
    assert with_room(asked, days if days is None else timedelta(days=days)) is shown
