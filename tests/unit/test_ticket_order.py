"""Orders of a list of tickets: their parts, and the cursors that belong to one order."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ticketing.errors import InvalidInput
from ticketing.paging import Position, to_cursor
from ticketing.ticket_order import BY_URGENCY, Order, Place, order_named, parts_in
from ticketing.vocabulary import Priority, Status

NOON = datetime(2026, 11, 20, 10, tzinfo=UTC)
TICKET = "0198c0de-0000-7000-8000-000000000001"

places = st.builds(Place, st.just(1), st.datetimes(timezones=st.just(UTC)), st.uuids())


@given(place=places, order=st.sampled_from(Order))
def test_a_cursor_says_where_its_order_goes_on(place: Place, order: Order) -> None:
    assert Place.from_cursor(place.cursor(order), order) == place


@given(place=places, order=st.sampled_from(Order), other=st.sampled_from(Order))
def test_a_cursor_is_of_no_use_in_another_order(place: Place, order: Order, other: Order) -> None:
    if order is other:
        return
    with pytest.raises(InvalidInput, match="cursor"):
        Place.from_cursor(place.cursor(order), other)


def test_cursors_from_before_there_were_orders_still_go_on() -> None:
    position = Position(NOON, uuid4())
    assert Place.from_cursor(position.cursor(), Order.NEWEST) == Place(1, position.at, position.id)


@pytest.mark.parametrize(
    "parts",
    [
        ("due", 3, NOON.isoformat(), TICKET),
        ("due", 0, NOON.isoformat(), TICKET),
        ("due", "1", NOON.isoformat(), TICKET),
        ("due", 1, "2026-11-20T10:00:00", TICKET),
        ("due", 1, NOON.isoformat(), "x"),
        ("due", 1),
    ],
    ids=str,
)
def test_what_no_list_gave_out_is_no_cursor(parts: tuple[str | int, ...]) -> None:
    with pytest.raises(InvalidInput, match="cursor"):
        Place.from_cursor(to_cursor(*parts), Order.DUE)


def test_a_word_that_names_no_order_asks_for_the_usual_one() -> None:
    assert [order_named(name) for name in (None, "", "title", "due")] == [*[Order.NEWEST] * 3, Order.DUE]


def test_every_priority_has_its_part() -> None:
    assert set(BY_URGENCY) == set(Priority)
    assert [part.narrowed["priority"] for part in parts_in(Order.PRIORITY)] == list(BY_URGENCY)
    assert all(part.number == number for order in Order for number, part in enumerate(parts_in(order), 1))


def test_a_part_that_the_filters_leave_nothing_of_is_passed_over() -> None:
    unset = {"priority": None, "status": None}
    assert all(part.may_hold(unset) for order in Order for part in parts_in(order))
    urgent = [part.may_hold(unset | {"priority": Priority.URGENT}) for part in parts_in(Order.PRIORITY)]
    assert urgent == [False, True, False, False, False]
    running, rest = parts_in(Order.DUE)
    assert (running.may_hold(unset | {"status": Status.CLOSED}), rest.may_hold(unset | {"status": Status.CLOSED})) == (
        False,
        True,
    )
