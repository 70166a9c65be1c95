"""Who may write, change and remove notes, and what a note may say: pure rules."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from ticketing.errors import Forbidden
from ticketing.notes.requests import NewNote, NoteChanges
from ticketing.notes.rules import CHANGEABLE, MAY_WRITE, require_may_change, require_may_write
from ticketing.people import ROLES, Actor, Role
from ticketing.ticket_changes import difference

ME = uuid4()


def actor(*roles: Role, user_id: UUID | None = ME) -> Actor:
    return Actor(kind="user", name="Thandi", user_id=user_id, roles=frozenset(roles))


def note(**fields: Any) -> dict[str, Any]:
    return {"created_by": ME, "note_type": "internal"} | fields


@pytest.mark.parametrize("role", ROLES)
def test_whoever_works_on_tickets_writes_notes(role: Role) -> None:
    if role in MAY_WRITE:
        require_may_write(actor(role))
    else:
        with pytest.raises(Forbidden):
            require_may_write(actor(role))


@pytest.mark.parametrize(
    ("roles", "written", "may"),
    [
        (("technician",), {}, True),
        (("contractor",), {}, True),
        (("qa",), {"created_by": uuid4()}, False),
        (("technician",), {"created_by": None}, False),
        (("manager",), {"created_by": uuid4()}, True),
        (("manager",), {"created_by": None}, True),
        (("admin",), {"note_type": "system"}, False),
        (("viewer",), {}, False),
        (("operator",), {}, False),
    ],
)
def test_who_may_change_a_note(roles: tuple[Role, ...], written: dict[str, Any], may: bool) -> None:
    if may:
        require_may_change(actor(*roles), note(**written))
    else:
        with pytest.raises(Forbidden):
            require_may_change(actor(*roles), note(**written))


def test_a_program_for_no_person_owns_no_note() -> None:
    with pytest.raises(Forbidden):
        require_may_change(actor("technician", user_id=None), note(created_by=None))


@given(st.sets(st.sampled_from(ROLES)), st.booleans())
def test_nobody_ever_changes_what_the_system_wrote(roles: set[Role], own: bool) -> None:
    with pytest.raises(Forbidden):
        require_may_change(actor(*roles), note(note_type="system", created_by=ME if own else None))


@given(st.fixed_dictionaries({name: st.booleans() for name in CHANGEABLE}), st.sets(st.sampled_from(CHANGEABLE)))
def test_a_difference_is_what_was_given_and_is_not_there_yet(present: dict[str, bool], named: set[str]) -> None:
    wanted = dict.fromkeys(named, True)
    changed = difference(present, wanted)
    assert set(changed) == {name for name in named if not present[name]}
    assert difference(present | changed, wanted) == {}


def test_line_ends_of_a_browser_are_kept_as_ours() -> None:
    assert NewNote.model_validate({"content": "Called\r\nNobody in\rAgain"}).content == "Called\nNobody in\nAgain"
    long = NoteChanges.model_validate({"content": "x\r\n" * 9_999 + "y"})
    assert long.given() == {"content": "x\n" * 9_999 + "y"}
    assert difference({"content": "Called\r\nNobody in"}, {"content": "Called\nNobody in"}) == {}


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"content": "  "},
        {"content": "a\0b"},
        {"content": "x" * 20_001},
        {"content": "Called", "visibility": "secret"},
        {"content": "Called", "note_type": "system"},
        {"content": "Called", "note_type": "shout"},
        {"content": "Called", "attachments": ["a"] * 21},
        {"content": "Called", "attachments": ["a\0"]},
    ],
)
def test_what_a_new_note_may_not_say(body: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        NewNote.model_validate(body)


def test_what_a_new_note_is_unless_it_says_otherwise() -> None:
    new = NewNote.model_validate({"content": "  Called the client\n", "created_by": " ", "colour": "red"})
    assert new.model_dump(mode="json") == {
        "content": "Called the client",
        "visibility": "private",
        "note_type": "internal",
        "is_resolution": False,
        "attachments": None,
        "created_by": None,
    }


@pytest.mark.parametrize("body", [{}, {"updated_at": "2026-11-20T10:00:00Z"}, {"content": ""}, {"visibility": None}])
def test_a_change_names_something_that_can_be(body: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        NoteChanges.model_validate(body)


def test_only_given_keys_change() -> None:
    assert NoteChanges.model_validate({"is_resolution": True}).given() == {"is_resolution": True}
    assert NoteChanges.model_validate({"visibility": "public"}).given() == {"visibility": "public"}
