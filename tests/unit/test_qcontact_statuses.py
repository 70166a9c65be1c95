"""What is written of our statuses into the CRM's cases, and when nothing is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ticketing.qcontact_sync import words
from ticketing.qcontact_sync.statuses import agreeing, agrees, in_their_words, is_closed_there, same_word
from ticketing.vocabulary import Status


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("open", "Open"),
        ("assigned", "Assigned"),
        ("in_progress", "InProgress"),
        ("qa_rejected", "InProgress"),
        ("pending_qa", "InReview"),
        ("qa_in_progress", "InReview"),
        ("qa_approved", "Reviewed"),
        ("pending_handover", "Reviewed"),
        ("handed_to_maintenance", "Solved"),
        ("closed", "Solved"),
        ("cancelled", "Solved"),
    ],
)
def test_ours_are_written_in_the_exact_spelling(ours: str, theirs: str) -> None:
    assert in_their_words(ours) == theirs


@pytest.mark.parametrize(
    ("ours", "theirs", "same"),
    [
        ("qa_rejected", "In Progress", True),
        ("handed_to_maintenance", "Solved", True),
        ("cancelled", "Closed", True),
        ("cancelled", "Unsolved - No Response", True),
        ("closed", "Closed", True),
        ("in_progress", "Escalated", True),
        ("in_progress", "Closed", False),
        ("open", "Assigned", False),
        ("open", "Somewhere", False),
        ("open", None, False),
    ],
)
def test_what_both_sides_say_in_other_words_is_the_same(ours: str, theirs: str | None, same: bool) -> None:
    assert agrees(ours, theirs) is same


@given(st.sampled_from(list(Status)))
def test_what_we_write_is_never_read_back_as_a_difference(ours: Status) -> None:
    assert agrees(ours, in_their_words(ours))


@given(st.sampled_from(list(Status)), st.sampled_from(["In Progress", "Closed", "Assigned", "New", "Odd", "Solved"]))
def test_the_pairs_for_the_queries_are_those_that_agree(ours: Status, theirs: str) -> None:
    assert (f"{ours}:{words.simplify(theirs)}" in agreeing()) is agrees(ours, theirs)


def test_only_closed_is_final_there() -> None:
    assert is_closed_there("Closed")
    assert not is_closed_there("Solved")
    assert not is_closed_there(None)


def test_their_two_spellings_are_one_word() -> None:
    assert same_word("In Progress", "InProgress")
    assert not same_word("Open", "Assigned")
    assert same_word(None, None)
    assert not same_word(None, "Open")
