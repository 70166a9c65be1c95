"""What a request may say about teams and members; lists by name: pure."""

from __future__ import annotations

import base64
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from ticketing.errors import InvalidInput
from ticketing.name_paging import NamePageRequest, NamePosition, containing, name_page
from ticketing.teams.requests import NewMember, NewTeam, TeamChanges


@pytest.mark.parametrize(
    ("model", "body"),
    [
        (NewTeam, {}),
        (NewTeam, {"name": " "}),
        (NewTeam, {"name": "x" * 101}),
        (NewTeam, {"name": "a\0"}),
        (NewTeam, {"name": "North", "team_type": ""}),
        (TeamChanges, {}),
        (TeamChanges, {"updated_at": "2026-11-20T10:00:00Z"}),
        (TeamChanges, {"name": ""}),
        (TeamChanges, {"is_active": "perhaps"}),
        (NewMember, {"first_name": "Thandi"}),
        (NewMember, {"last_name": "Example"}),
        (NewMember, {"first_name": "T", "last_name": "E", "phone": "12"}),
        (NewMember, {"first_name": "T", "last_name": "E", "email": "nobody"}),
    ],
)
def test_what_makes_no_sense(model: Any, body: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        model.model_validate(body)


def test_only_given_keys_change() -> None:
    assert TeamChanges.model_validate({"description": "", "is_active": False}).given() == {
        "description": None,
        "is_active": False,
    }


@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])), st.uuids())
def test_a_cursor_comes_back_as_it_went(name: str, row_id: UUID) -> None:
    position = NamePosition(name, row_id)
    assert NamePosition.from_cursor(position.cursor()) == position


SOMEBODY = UUID("0198f0a0-0000-7000-8000-000000000001")


@pytest.mark.parametrize(
    "text", ["x", "[]", "[1, 2]", f'[1, "{SOMEBODY}"]', '["a", "b"]', f'["a\\u0000", "{SOMEBODY}"]']
)
def test_what_is_no_cursor_is_refused(text: str) -> None:
    cursor = base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")
    for bad in (cursor, "§", text):
        with pytest.raises(InvalidInput, match="cursor"):
            NamePosition.from_cursor(bad)


@given(st.integers(1, 5), st.integers(0, 12))
def test_pages_hold_every_row_once(size: int, count: int) -> None:
    rows = [{"id": UUID(int=n), "sort_name": "same"} for n in range(count)]
    seen: list[UUID] = []
    cursor: str | None = None
    while True:
        after = NamePosition.from_cursor(cursor).id.int + 1 if cursor else 0
        page = name_page(rows[after : after + size + 1], NamePageRequest(size=size, cursor=cursor))
        seen += [row["id"] for row in page.rows]
        cursor = page.next_cursor
        if cursor is None:
            break
    assert seen == [row["id"] for row in rows]


@pytest.mark.parametrize(("text", "pattern"), [(None, None), (" ", None), ("a%b_c\\", r"%a\%b\_c\\%"), (" x ", "%x%")])
def test_signs_of_patterns_stand_for_themselves(text: str | None, pattern: str | None) -> None:
    assert containing(text) == pattern
