"""What a row of the sheet may do to a ticket: the three-way comparison, and the machine."""

from __future__ import annotations

from typing import Any

import pytest

from ticketing.status import Facts
from ticketing.vocabulary import TRANSITIONS, Status
from ticketing.weekly_reports.changes import OWNED, Change, begin, merge

FACTS = Facts(ticket_type="maintenance")


def merged(here: dict[str, Any], last: dict[str, Any], now: dict[str, Any], facts: Facts = FACTS) -> Change:
    ticket = {**dict.fromkeys(OWNED), "status": "open", **here}
    return merge(ticket, {"applied_status": "open", **last}, now, facts)


def conflicting(change: Change) -> list[str]:
    return [conflict.field for conflict in change.conflicts]


@pytest.mark.parametrize(
    ("here", "last", "now", "updates", "conflicts"),
    [
        ("A", "A", "A", {}, []),
        ("A", "A", "B", {"address": "B"}, []),
        ("X", "A", "A", {}, []),
        ("X", "A", "B", {}, ["address"]),
        ("B", "A", "B", {}, []),
        (None, None, "B", {"address": "B"}, []),
        ("X", None, "B", {}, ["address"]),
        # Cleared here: that is work done here too.
        (None, "A", "B", {}, ["address"]),
        ("A", "A", None, {}, []),
    ],
)
def test_a_field_is_compared_three_ways(
    here: str | None, last: str | None, now: str | None, updates: dict[str, str], conflicts: list[str]
) -> None:
    change = merged({"address": here}, {"address": last}, {"address": now})
    assert change.updates == updates
    assert conflicting(change) == conflicts


def test_line_ends_alone_are_no_change() -> None:
    before, now = "No light\n\nPole leans", "No light\n\nPole leans, mended by Eskom"
    change = merged({"description": "No light\r\n\r\nPole leans"}, {"description": before}, {"description": now})
    assert (change.updates, change.conflicts) == ({"description": now}, [])


def test_what_the_sheet_says_is_remembered_even_where_it_may_not_be_applied() -> None:
    change = merged({"address": "X"}, {"address": "A", "zone": "3"}, {"address": "B", "zone": None})
    assert change.sheet_fields["address"] == "B"
    assert change.sheet_fields["zone"] == "3"


def test_a_conflict_names_both_values_and_the_reason() -> None:
    (conflict,) = merged({"title": "mended here"}, {"title": "old"}, {"title": "new"}).conflicts
    assert conflict.as_json() == {
        "field": "title",
        "ticket_value": "mended here",
        "sheet_value": "new",
        "reason": "changed here since the last report",
    }


def test_one_moment_is_the_same_in_any_zone() -> None:
    change = merged(
        {"reported_at": "2026-11-16T08:30:00+02:00"},
        {"reported_at": "2026-11-16T06:30:00+00:00"},
        {"reported_at": "2026-11-16T06:30:00Z"},
    )
    assert (change.updates, change.conflicts) == ({}, [])


def status(here: str, word: str | None, applied: str, wanted: str, **facts: Any) -> Change:
    last = {"status": word, "applied_status": applied}
    return merged({"status": here}, last, {"status": wanted}, Facts(ticket_type="maintenance", **facts))


def test_an_allowed_move_of_an_untouched_ticket_is_made() -> None:
    change = status("assigned", "assigned", "assigned", "in_progress")
    assert change.updates == {"status": "in_progress"}
    assert change.sheet_fields["applied_status"] == "in_progress"


def test_a_forbidden_move_is_a_conflict_with_the_allowed_ones() -> None:
    change = status("open", "open", "open", "closed")
    assert change.updates == {}
    assert "allowed: assigned, cancelled" in change.conflicts[0].reason


def test_a_move_that_lacks_something_is_a_conflict_that_says_what() -> None:
    change = status("handed_to_maintenance", "pending_qa", "handed_to_maintenance", "closed")
    assert "fault cause" in change.conflicts[0].reason
    done = status("handed_to_maintenance", "pending_qa", "handed_to_maintenance", "closed", fault_cause="vandalism")
    assert done.updates == {"status": "closed"}


def test_a_ticket_that_moved_here_stays_where_it_is() -> None:
    change = status("in_progress", "open", "assigned", "cancelled")
    assert change.updates == {}
    assert change.conflicts[0].reason == "moved here since the last report"


def test_the_same_word_again_is_no_wish() -> None:
    change = status("in_progress", "open", "assigned", "open")
    assert (change.updates, change.conflicts) == ({}, [])


def test_an_assignee_assigns_an_open_ticket() -> None:
    change = merged({}, {}, {"assigned_to": "somebody"})
    assert change.updates == {"assigned_to": "somebody", "status": "assigned"}


@pytest.mark.parametrize("here", list(TRANSITIONS))
@pytest.mark.parametrize("wanted", list(TRANSITIONS))
def test_no_status_is_ever_reached_against_the_machine(here: Status, wanted: Status) -> None:
    change = status(str(here), None, str(here), str(wanted))
    if "status" in change.updates:
        assert wanted in TRANSITIONS[here]
    elif here != wanted:
        assert conflicting(change) == ["status"]


@pytest.mark.parametrize(
    ("offer", "begins", "conflict"),
    [
        ({}, "open", False),
        ({"status": "open"}, "open", False),
        ({"status": "open", "assigned_to": "somebody"}, "assigned", False),
        ({"status": "assigned", "assigned_contractor_id": "company"}, "assigned", False),
        ({"status": "assigned"}, "open", True),
        ({"status": "in_progress", "assigned_to": "somebody"}, "in_progress", False),
        ({"status": "in_progress"}, "open", True),
        ({"status": "pending_qa", "assigned_to": "somebody"}, "assigned", True),
        ({"status": "cancelled"}, "cancelled", False),
        ({"status": "closed"}, "open", True),
    ],
)
def test_a_new_ticket_begins_one_move_along_at_most(offer: dict[str, Any], begins: str, conflict: bool) -> None:
    beginning = begin(offer)
    assert beginning.status == begins
    assert (beginning.conflict is not None) == conflict
