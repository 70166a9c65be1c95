"""What a ticket tells its case: the rules, by example and by property."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ticketing.qcontact_sync.outbound import Note, Outbound, absent, decide, overwritten, with_notes, without_notes

WRITTEN = datetime(2026, 11, 23, 10, 20, tzinfo=UTC)
QUEUE = "21900000077"

contents = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=60)


def make_note(content: str = "On site", **fields: Any) -> Note:
    values: dict[str, Any] = {"id": uuid4(), "content": content, "note_type": "internal", "created_at": WRITTEN}
    return Note(**values | fields)


def row(**fields: Any) -> dict[str, Any]:
    return {
        "ticket_id": UUID(int=1),
        "case_id": "21934500001",
        "status": "in_progress",
        "their_status": "Assigned",
        "sending": [],
        "sending_over": None,
        "blocked_reason": None,
        "may_owe_status": True,
        "owes_assignment": False,
        "wanted_assignee": None,
    } | fields


def told(**fields: Any) -> Outbound:
    return decide(row(**fields), [], queue=QUEUE)


class TestDecide:
    def test_a_ticket_that_moved_here_tells_its_status(self) -> None:
        assert (told().status, told().is_nothing) == ("InProgress", False)

    @pytest.mark.parametrize(
        "fields",
        [
            {"may_owe_status": False},
            {"their_status": "Escalated"},
            {"their_status": "In Progress"},
            {"blocked_reason": "closed there", "owes_assignment": True},
        ],
    )
    def test_nothing_is_told_of_what_they_say_already_or_may_not_be_told(self, fields: dict[str, Any]) -> None:
        assert told(**fields).is_nothing

    def test_what_may_have_been_written_is_told_though_both_seem_to_agree(self) -> None:
        unsure = {"status": "assigned", "their_status": "Assigned", "sending": ["InProgress"]}
        assert told(**unsure).status == "Assigned"
        assert told(**unsure, may_owe_status=False).is_nothing
        assert told(**unsure, blocked_reason="closed there").is_nothing

    def test_a_blocked_case_gets_no_notes(self) -> None:
        assert decide(row(blocked_reason="closed there"), [make_note()], queue=QUEUE).is_nothing

    def test_an_assignment_is_a_record_id_and_ends_with_our_queue(self) -> None:
        given_ = told(owes_assignment=True, wanted_assignee="21900000101")
        assert (given_.assign_to, given_.unassign) == ("21900000101", False)
        back = told(owes_assignment=True)
        assert (back.assign_to, back.unassign) == (QUEUE, True)

    def test_the_log_is_told_ids_and_no_texts(self) -> None:
        note = make_note("secret")
        assert decide(row(), [note], queue=QUEUE).told() == {"status": "InProgress", "notes": [str(note.id)]}
        assert told(owes_assignment=True).told()["unassigned"] is True


class TestNews:
    @pytest.mark.parametrize(
        ("found", "news"),
        [
            ("Assigned", False),
            ("InProgress", False),
            ("In Progress", False),
            ("InReview", False),
            ("Escalated", False),
            ("Reviewed", True),
            ("Somewhere", True),
            (None, True),
        ],
    )
    def test_only_what_neither_we_wrote_nor_knew_nor_mean_is_news(self, found: str | None, news: bool) -> None:
        assert told(sending=["InReview"]).is_news(found) is news


class TestNotesInDescriptions:
    def test_a_line_tells_when_by_whom_what_and_ends_with_its_marker(self) -> None:
        note = make_note("On site,\n  all well", author="Sipho")
        assert note.text() == f"[2026-11-23 10:20:00] Sipho: On site, all well [FF:{note.id}]"
        assert make_note(note_type="client").for_client
        assert not note.for_client

    def test_lines_follow_what_the_agents_wrote(self) -> None:
        first, second = make_note("one"), make_note("two")
        assert with_notes("No light\n", [first, second]) == f"No light\n{first.text()}\n{second.text()}"
        assert with_notes(None, [first]) == first.text()

    @given(st.one_of(st.none(), contents), st.lists(contents, max_size=4))
    def test_each_note_is_there_once_however_often_it_is_added(self, base: str | None, said: list[str]) -> None:
        notes = [make_note(content) for content in said]
        once = with_notes(base, notes)
        assert with_notes(once, notes) == with_notes(base, notes) or not notes
        assert absent(notes, once) == []
        assert all(once.count(note.marker) == 1 for note in notes)

    @given(st.text(st.characters(categories=("L", "Nd")), min_size=1), st.lists(contents, max_size=4))
    def test_what_we_added_is_not_read_back(self, base: str, said: list[str]) -> None:
        assert without_notes(with_notes(base, [make_note(content) for content in said])) == base

    def test_a_description_of_our_lines_alone_says_nothing(self) -> None:
        assert without_notes(with_notes(None, [make_note()])) is None
        assert without_notes(None) is None

    @pytest.mark.parametrize(
        ("base", "was", "lost"),
        [
            ("No light", "No light", None),
            ("No light", " No light\n", None),
            (None, None, None),
            ("No light", "No light\nCalled", "No light\nCalled"),
            ("No light", None, ""),
        ],
    )
    def test_what_our_write_replaced_unread_is_found(self, base: str | None, was: str | None, lost: str | None) -> None:
        assert overwritten(base, was) == lost
