"""Cursors and pages: what goes out comes back, and what never went out is refused."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ticketing.errors import InvalidInput
from ticketing.paging import MAX_DEPTH, MAX_ROWS, PageRequest, Position, page_of, require_depth

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


@given(st.datetimes(timezones=st.just(UTC)), st.uuids())
def test_a_cursor_comes_back_as_the_position_it_was(at: datetime, row_id: UUID) -> None:
    assert Position.from_cursor(Position(at, row_id).cursor()) == Position(at, row_id)


@given(st.text(max_size=80))
def test_any_other_text_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        Position.from_cursor(text)
    assert caught.value.details == {"cursor": "not a cursor of this list; begin again without one"}


def test_a_cursor_without_a_time_zone_is_refused() -> None:
    naive = Position(NOON.replace(tzinfo=None), uuid4()).cursor()
    with pytest.raises(InvalidInput):
        Position.from_cursor(naive)


@pytest.mark.parametrize(
    ("page", "size", "wanted"),
    [
        (None, None, (1, 50)),
        ("abc", "x", (1, 50)),
        ("3", "20", (3, 20)),
        ("0", "-5", (1, 50)),
        ("2", "500", (2, MAX_ROWS)),
        ("1" * 5000, "1.5", (1, 50)),
    ],
)
def test_odd_page_numbers_fall_back_and_big_sizes_are_capped(
    page: str | None, size: str | None, wanted: tuple[int, int]
) -> None:
    request = PageRequest.of(page=page, size=size)
    assert (request.page, request.size) == wanted


def rows(count: int) -> list[dict[str, Any]]:
    return [{"id": uuid4(), "created_at": NOON} for _ in range(count)]


def test_the_extra_row_is_not_shown_and_its_forerunner_is_the_cursor() -> None:
    read = rows(3)
    page = page_of(read, PageRequest(size=2), counted=5)
    assert page.rows == read[:2]
    assert page.next_cursor == Position(NOON, read[1]["id"]).cursor()
    assert page.pagination() == {
        "page": 1,
        "pageSize": 2,
        "total": 5,
        "totalPages": 3,
        "totalIsCapped": False,
        "next_cursor": page.next_cursor,
    }


def test_the_last_page_has_no_cursor() -> None:
    assert page_of(rows(2), PageRequest(size=2), counted=2).next_cursor is None
    assert page_of([], PageRequest(), counted=0).pagination()["totalPages"] == 0


def test_a_total_beyond_the_depth_says_that_it_is_capped() -> None:
    pagination = page_of(rows(1), PageRequest(), counted=MAX_DEPTH + 1).pagination()
    assert (pagination["total"], pagination["totalIsCapped"]) == (MAX_DEPTH, True)


def test_pages_by_number_end_at_the_depth_and_cursors_do_not() -> None:
    require_depth(PageRequest(page=100, size=100), MAX_DEPTH + 1)
    require_depth(PageRequest(page=5000, size=100), 12)
    cursor = Position(NOON, uuid4()).cursor()
    require_depth(PageRequest(page=101, size=100, cursor=cursor), MAX_DEPTH + 1)
    with pytest.raises(InvalidInput, match="cursor"):
        require_depth(PageRequest(page=101, size=100), MAX_DEPTH + 1)
