"""How the console puts a ticket's clock, its assignee and its moves into words: pure."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.datastructures import MultiDict

from admin_api.console.ticket_edit import position_of
from admin_api.console.ticket_moves import moves_for
from admin_api.console.ticket_rows import Standing, assignee, standing
from admin_api.console.ticket_stale import merged
from ticketing.input_text import plain_lines
from ticketing.people import ROLES, Actor, Role
from ticketing.status import moves_from
from ticketing.ticket_access import may_move
from ticketing.vocabulary import Status

NOW = datetime(2026, 11, 23, 10, tzinfo=UTC)


def clock(state: str, **fields: Any) -> dict[str, Any]:
    usual = {"sla_due_at": NOW + timedelta(hours=3), "remaining_minutes": 125, "elapsed_percent": 10.0}
    return {"state": state, **usual, **fields}


@pytest.mark.parametrize(
    ("row", "closed", "told"),
    [
        (clock("none", sla_due_at=None), False, None),
        (clock("cancelled"), False, None),
        (clock("running"), False, Standing("sla_running", "2 h 5 min left")),
        (clock("running", elapsed_percent=75.0), False, Standing("sla_warning", "2 h 5 min left")),
        (clock("running", remaining_minutes=0), False, Standing("sla_running", "less than a minute left")),
        (clock("paused"), False, Standing("sla_paused", "Paused, 2 h 5 min left")),
        (clock("met"), True, Standing("sla_met", "Kept")),
        (clock("breached", sla_due_at=NOW - timedelta(hours=2)), False, Standing("sla_breached", "Late by 2 h")),
        (clock("breached", sla_due_at=NOW - timedelta(hours=2)), True, Standing("sla_breached", "Missed")),
        (clock("breached"), False, Standing("sla_breached", "Missed")),
    ],
)
def test_a_clock_is_told_in_words(row: dict[str, Any], closed: bool, told: Standing | None) -> None:
    assert standing(row, NOW, closed=closed) == told


@given(
    st.sampled_from(["none", "running", "paused", "met", "breached", "cancelled"]),
    st.integers(0, 10**6),
    st.timedeltas(timedelta(days=-900), timedelta(days=900)),
    st.booleans(),
)
def test_words_of_a_clock_change_once_a_minute_at_most(
    state: str, minutes: int, until: timedelta, closed: bool
) -> None:
    row = clock(state, remaining_minutes=minutes, sla_due_at=NOW + until)
    told = standing(row, NOW, closed=closed)
    assert told is None or not re.search(r"\d (s|ms)\b", told.said)


def ticket(**fields: Any) -> dict[str, Any]:
    names = ("assigned_user", "assigned_contractor_id", "assigned_team_id", "assigned_team")
    return dict.fromkeys(names) | fields


def test_whoever_has_a_ticket_is_told_by_name() -> None:
    company, team = uuid4(), uuid4()
    names = {company: "Velocity", team: "Field team"}
    thandi = {"name": "Thandi Example"}
    assert assignee(ticket(), names) is None
    assert assignee(ticket(assigned_user=thandi), names) == "Thandi Example"
    given_to = ticket(
        assigned_user=thandi, assigned_contractor_id=company, assigned_team_id=team, assigned_team="A crew"
    )
    assert assignee(given_to, names) == "Thandi Example, Velocity, Field team"
    assert assignee(ticket(assigned_team="A crew"), names) == "A crew"


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("status", Status)
def test_exactly_those_moves_are_offered_that_the_machine_and_the_role_allow(role: Role, status: Status) -> None:
    actor = Actor(kind="api_key", name="x", roles=frozenset({role}))
    offered = moves_for(actor, status)
    allowed = [to for to in moves_from(status) if may_move(actor, status, to) and to != "handed_to_maintenance"]
    assert [move.status for move in offered] == allowed
    assert sum(move.is_next for move in offered) <= 1
    assert {move.status for move in offered if move.asks_why} <= {"qa_rejected", "cancelled"}
    assert all(move.label for move in offered)


@pytest.mark.parametrize(
    ("form", "field"),
    [
        ({}, {}),
        ({"latitude": "1"}, {}),
        ({"latitude": " ", "longitude": ""}, {"gps_coordinates": None}),
        ({"latitude": "-26.1 ", "longitude": "27"}, {"gps_coordinates": {"latitude": "-26.1", "longitude": "27"}}),
        ({"latitude": "-26.1", "longitude": ""}, {"gps_coordinates": {"latitude": "-26.1", "longitude": ""}}),
    ],
)
def test_two_fields_are_one_position(form: dict[str, str], field: dict[str, Any]) -> None:
    assert position_of(form) == field


VALUES = st.none() | st.text(max_size=5) | st.floats(allow_nan=False)


@given(st.dictionaries(st.sampled_from("abc"), st.text(max_size=5)), st.data())
def test_a_stale_form_keeps_what_was_typed_and_takes_over_the_rest(typed: dict[str, str], data: st.DataObject) -> None:
    changed = data.draw(
        st.dictionaries(st.sampled_from("abcd"), st.fixed_dictionaries({"was": VALUES, "value": VALUES}))
    )
    kept = merged(MultiDict(typed), changed)
    assert set(kept) == set(typed)
    for field, text in typed.items():
        one = changed.get(field)
        untouched = one is not None and plain_lines(text) == plain_lines("" if one["was"] is None else str(one["was"]))
        assert kept[field] == (("" if one["value"] is None else str(one["value"])) if one and untouched else text)


def test_a_text_that_a_browser_sent_back_as_it_was_is_untouched() -> None:
    changed = {"description": {"was": "Line 1\nLine 2", "value": "Line 1\nLine 2\nGate code 1234"}}
    kept = merged(MultiDict({"description": "Line 1\r\nLine 2"}), changed)
    assert kept["description"] == "Line 1\nLine 2\nGate code 1234"
