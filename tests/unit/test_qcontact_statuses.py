"""What the statuses of the CRM and ours mean to each other."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ticketing.qcontact_sync.statuses import agree, agreeing, in_our_words, in_their_words, is_closed_there, spelling
from ticketing.vocabulary import Status


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("New", "open"),
        ("Pending Customer", "open"),
        ("Pending Customer Response", "open"),
        ("Assigned", "assigned"),
        ("In Progress", "in_progress"),
        ("InProgress", "in_progress"),
        ("inprogress", "in_progress"),
        ("Escalated", "in_progress"),
        ("Pending Company Response", "in_progress"),
        ("In Review", "pending_qa"),
        ("InReview", "pending_qa"),
        ("Reviewed", "qa_approved"),
        ("Solved", "closed"),
        ("Closed", "closed"),
        ("Unsolved - No Response", "cancelled"),
        ("Somewhere", None),
        (None, None),
    ],
)
def test_theirs_are_read_in_our_words_and_unknown_ones_are_not_guessed(theirs: str | None, ours: str | None) -> None:
    assert in_our_words(theirs) == ours


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
    assert agree(ours, theirs) is same


@given(st.sampled_from(list(Status)))
def test_what_we_write_is_never_read_back_as_a_difference(ours: Status) -> None:
    assert agree(ours, in_their_words(ours))


@given(st.sampled_from(list(Status)), st.sampled_from(["In Progress", "Closed", "Assigned", "New", "Odd", "Solved"]))
def test_the_pairs_for_the_queries_are_those_that_agree(ours: Status, theirs: str) -> None:
    assert (f"{ours}:{spelling(theirs)}" in set(agreeing())) is agree(ours, theirs)


def test_only_closed_is_final_there() -> None:
    assert is_closed_there("Closed")
    assert not is_closed_there("Solved")
    assert not is_closed_there(None)
