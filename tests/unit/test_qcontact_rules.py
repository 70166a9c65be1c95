"""What a case may change of a ticket: taken over, left alone, or for a person to decide."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.clocks import DEFAULT as NOW
from ticketing.qcontact_sync.cases import Case
from ticketing.qcontact_sync.picking import READ_AGAIN_AFTER, Known, Row, pick
from ticketing.qcontact_sync.rules import (
    OWNED,
    Base,
    base_status,
    begin,
    is_overtaken,
    merge,
    said_by,
)
from ticketing.qcontact_sync.words import STATUSES, agree, status_of
from ticketing.status import Facts, is_move
from ticketing.vocabulary import TERMINAL_STATUSES, Status

CASE = Case(case_id="21934500001", title="FT900123", address="Theirs")
FACTS = Facts(ticket_type="maintenance", fault_cause="unknown")
WORDS = [*STATUSES, "parked", None]


def case_that_is(theirs: str | None, **values: Any) -> Case:
    return replace(CASE, their_status=theirs, status=status_of(theirs), **values)


def ticket_that_is(status: str, **values: Any) -> dict[str, Any]:
    return dict.fromkeys(OWNED) | {"title": "FT900123", "status": status} | values


@pytest.mark.parametrize(
    ("ours", "agreed", "theirs", "becomes", "conflict"),
    [
        ("assigned", "assigned", "InProgress", "in_progress", None),
        ("assigned", "assigned", "Assigned", None, None),
        ("in_progress", "assigned", "Assigned", None, None),
        ("in_progress", "assigned", "In Progress", None, None),
        ("qa_rejected", "qa_rejected", "In Progress", None, None),
        ("in_progress", "assigned", "In Review", None, "pending_qa"),
        ("assigned", "assigned", "Reviewed", None, "qa_approved"),
        ("assigned", "assigned", "Closed", None, "closed"),
        ("in_progress", "in_progress", "Unsolved - No Response", "cancelled", None),
        ("qa_approved", "qa_approved", "Solved", "closed", None),
        ("closed", "closed", "Assigned", None, "assigned"),
        ("cancelled", "assigned", "Solved", None, None),
        ("open", None, "Assigned", "assigned", None),
        ("in_progress", None, "Assigned", None, "assigned"),
        ("assigned", "assigned", "Parked", None, "Parked"),
        ("assigned", "assigned", None, None, None),
    ],
)
def test_a_status_is_compared_three_ways(
    ours: str, agreed: str | None, theirs: str | None, becomes: str | None, conflict: str | None
) -> None:
    decision = merge(ticket_that_is(ours), Base(agreed), case_that_is(theirs), FACTS)
    assert decision.status == becomes
    assert [found.theirs for found in decision.conflicts if found.field == "status"] == ([conflict] if conflict else [])


@pytest.mark.parametrize(
    ("ours", "last", "taken", "conflict"),
    [
        ("Last", "Last", True, False),
        (None, "Last", True, False),
        ("Ours", "Last", False, True),
        ("Ours", "Theirs", False, False),
        ("Theirs", "Last", False, False),
        ("Ours", None, False, True),
    ],
)
def test_a_field_is_compared_three_ways(ours: str | None, last: str | None, taken: bool, conflict: bool) -> None:
    said = {"address": last} if last else {}
    decision = merge(ticket_that_is("assigned", address=ours), Base("assigned", said), CASE, FACTS)
    assert ("address" in decision.updates) is taken
    assert [found.field for found in decision.conflicts] == (["address"] if conflict else [])


def test_line_ends_alone_are_no_change() -> None:
    case, said = replace(CASE, description="No light\r\nDog bites"), {"description": "No light\r\nDog"}
    decision = merge(ticket_that_is("assigned", description="No light\nDog"), Base("assigned", said), case, FACTS)
    assert decision.updates["description"] == "No light\nDog bites"
    assert decision.conflicts == []


def test_what_a_case_says_nothing_of_clears_nothing() -> None:
    decision = merge(ticket_that_is("assigned", description="Ours"), Base("assigned"), CASE, FACTS)
    assert "description" not in decision.updates


def test_our_own_word_on_its_way_is_no_news() -> None:
    decision = merge(
        ticket_that_is("pending_qa"), Base("assigned", sent=("InProgress",)), case_that_is("In Progress"), FACTS
    )
    assert (decision.status, decision.conflicts) == (None, [])


@given(st.sampled_from(list(Status)), st.sampled_from([*Status, None]), st.sampled_from(WORDS))
def test_the_machine_is_obeyed_and_what_is_over_stays_over(
    ours: Status, agreed: Status | None, theirs: str | None
) -> None:
    decision = merge(ticket_that_is(ours), Base(agreed), case_that_is(theirs), FACTS)
    if decision.status is not None:
        assert is_move(ours, decision.status)
        assert ours not in TERMINAL_STATUSES
        assert agree(decision.agreed_status or "", decision.status)
    if ours in TERMINAL_STATUSES:
        assert decision.updates == {}


@given(st.sampled_from(list(Status)), st.sampled_from([*Status, None]), st.sampled_from(WORDS), st.text(min_size=1))
def test_the_same_reading_twice_changes_nothing_the_second_time(
    ours: Status, agreed: Status | None, theirs: str | None, address: str
) -> None:
    case = case_that_is(theirs, address=address)
    ticket = ticket_that_is(ours)
    first = merge(ticket, Base(agreed), case, FACTS)
    after = ticket | first.updates | {"status": first.status or ours}
    second = merge(after, Base(first.agreed_status or agreed, said_by(case)), case, FACTS)
    assert (second.updates, second.status) == ({}, None)


@given(st.sampled_from(WORDS))
def test_a_new_ticket_goes_by_moves_that_exist(theirs: str | None) -> None:
    beginning = begin(case_that_is(theirs))
    assert beginning.path[0] == Status.OPEN
    assert all(is_move(one, other) for one, other in zip(beginning.path, beginning.path[1:], strict=False))
    known = status_of(theirs)
    assert (beginning.status == known) or theirs is None or beginning.conflicts


def test_the_newest_word_is_what_was_agreed() -> None:
    earlier, later = NOW, NOW + timedelta(minutes=1)
    assert base_status(("assigned", earlier), ("InProgress", later)) == "in_progress"
    assert base_status(("assigned", later), ("InProgress", earlier)) == "assigned"
    assert base_status(("assigned", earlier), ("Odd", later)) == "assigned"
    assert base_status(None, None) is None


def test_a_reading_may_be_overtaken() -> None:
    second = timedelta(seconds=1)
    assert is_overtaken(NOW, None, NOW + second)
    assert is_overtaken(NOW, NOW, None)
    assert is_overtaken(NOW, NOW - second, None), "clocks of two machines may be apart"
    assert not is_overtaken(NOW, NOW - timedelta(minutes=1), NOW - second)
    assert not is_overtaken(NOW, None, None)


def test_a_recent_sync_picks_what_has_news() -> None:
    def row(case_id: str, status: str | None = "Assigned") -> Row:
        return Row(case_id, status, f"{case_id}:{status}".encode())

    def known(of: Row, *, ago: timedelta = timedelta(0), **more: bool) -> Known:
        return Known(row_hash=of.hash, read_at=NOW - ago, **more)

    new, same, changed, over, silent = row("1"), row("2"), row("3"), row("4", "Closed"), row("5", None)
    seen = {
        "2": known(same, has_ticket=True, is_open=True),
        "3": known(new, has_ticket=True, is_open=True),
        "5": known(silent, ago=READ_AGAIN_AFTER, has_ticket=True, is_open=True),
    }
    picked = pick([new, same, changed, over, silent], seen, everything=False, now=NOW)
    assert (picked.to_read, picked.over, picked.quiet) == (["1", "3", "5"], ["4"], ["2"])
    assert pick([same, over], seen, everything=True, now=NOW).to_read == ["2"]
