"""What a bulk action may ask for, and by whom: pure rules."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from jobs.ledger import State
from ticketing.bulk_actions.requests import NewBulkAction
from ticketing.bulk_actions.rules import MAY_ASK, MOST_TICKETS, require_may_ask, state_of
from ticketing.errors import Forbidden
from ticketing.people import ROLES, Actor, Role
from ticketing.ticket_input import TicketChanges
from ticketing.vocabulary import BulkAction

ONE = {"ticket_ids": [str(uuid4())]}


@pytest.mark.parametrize("action", BulkAction)
@pytest.mark.parametrize("role", ROLES)
def test_who_may_ask_for_what(action: BulkAction, role: Role) -> None:
    actor = Actor(kind="user", name="Thandi", roles=frozenset({role}))
    if role in MAY_ASK[action]:
        require_may_ask(actor, action)
    else:
        with pytest.raises(Forbidden):
            require_may_ask(actor, action)


@pytest.mark.parametrize(
    ("body", "changes"),
    [
        ({"action": "assign", "assigned_to": "a"}, {"assigned_to": "a"}),
        ({"action": "assign", "assigned_to": None}, {"assigned_to": None}),
        (
            {"action": "assign", "assigned_to": "", "assigned_team_id": "t"},
            {"assigned_to": None, "assigned_team_id": "t"},
        ),
        ({"action": "assign", "assigned_contractor_id": "c"}, {"assigned_contractor_id": "c"}),
        ({"action": "priority", "priority": "high"}, {"priority": "high"}),
        ({"action": "status", "status": "cancelled", "reason": " twice "}, {"status": "cancelled", "reason": "twice"}),
        ({"action": "status", "status": "closed", "reason": " "}, {"status": "closed"}),
    ],
)
def test_what_each_ticket_is_to_get(body: dict[str, Any], changes: dict[str, Any]) -> None:
    found = NewBulkAction.model_validate(ONE | body).changes()
    assert found == changes
    TicketChanges.model_validate(found)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"action": "delete"},
        {"action": "assign"},
        {"action": "priority"},
        {"action": "priority", "priority": None},
        {"action": "priority", "priority": "medium"},
        {"action": "status", "status": None},
        {"action": "status", "status": "new"},
        {"action": "priority", "priority": "high", "status": "closed"},
        {"action": "assign", "assigned_to": "a", "priority": "high"},
        {"action": "status", "priority": "high"},
        {"action": "priority", "priority": "high", "colour": "red"},
        {"action": "priority", "priority": "high", "ticket_ids": []},
        {"action": "priority", "priority": "high", "ticket_ids": ["7"]},
        {"action": "priority", "priority": "high", "ticket_ids": None},
        {"action": "priority", "priority": "high", "filter": {"status": "open"}},
        {"action": "priority", "priority": "high", "ticket_ids": None, "filter": {}},
        {"action": "priority", "priority": "high", "ticket_ids": None, "filter": {"search": "x"}},
    ],
)
def test_what_makes_no_sense(body: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        NewBulkAction.model_validate(ONE | body)


def test_there_is_an_end_to_many() -> None:
    body = {"action": "priority", "priority": "high", "ticket_ids": [str(uuid4())] * (MOST_TICKETS + 1)}
    with pytest.raises(ValidationError):
        NewBulkAction.model_validate(body)


def test_a_filter_keeps_what_it_says() -> None:
    body = {"action": "priority", "priority": "low", "filter": {"status": "open", "qa_ready": False}}
    new = NewBulkAction.model_validate(body)
    assert new.filter is not None
    assert new.filter.given() == {"status": "open", "qa_ready": False}
    assert new.filter.filter().qa_ready is False


@pytest.mark.parametrize(
    ("job_state", "waiting", "state"),
    [
        ("scheduled", 1, "waiting"),
        ("available", 1, "waiting"),
        ("running", 1, "running"),
        ("retryable", 1, "running"),
        ("completed", 0, "completed"),
        ("cancelled", 1, "cancelled"),
        ("discarded", 1, "failed"),
        (None, 0, "completed"),
        (None, 1, "cancelled"),
    ],
)
def test_how_one_stands(job_state: str | None, waiting: int, state: str) -> None:
    assert state_of(job_state, waiting) == state


@given(st.sampled_from(State.__args__), st.integers(0, 5))  # type: ignore[attr-defined]
def test_every_state_of_a_job_has_a_word(job_state: str, waiting: int) -> None:
    assert state_of(job_state, waiting) in {"waiting", "running", "completed", "cancelled", "failed"}
