"""The inspection's rules by tables of examples and by properties: what is found, how grave it is, what QA may say."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from runtime.settings import load_settings
from ticketing.errors import ConditionNotMet, StaleWrite
from ticketing.evidence.fingerprints import BITS, FARTHEST, bands, distance, probes, signed
from ticketing.evidence.overruling import Overruling, require_may_be_overruled, says_the_same
from ticketing.evidence.rules import DOUBTED, Facts, Finding, Look, Policy, Repeat, judge, level_of
from ticketing.ticket_changes import version
from ticketing.vocabulary import InspectionStatus, Status

NOON = datetime(2026, 11, 20, 10, tzinfo=UTC)
GOOD = Look(width=1600, height=1200, deviation=40.0, brightness=220, fingerprint=7)
FACTS = Facts(ticket_id="own", ticket_at=NOON, uploaded_at=NOON + timedelta(hours=3), step_number=5)
POLICY = Policy()
HOUR = timedelta(hours=1)
# In Johannesburg the last of these hours lies beyond the calendar.
FIRST, LAST = datetime(1, 1, 1, 0, 30, tzinfo=UTC), datetime(9999, 12, 31, 23, 30, tzinfo=UTC)

hashes = st.integers(min_value=-(2**63), max_value=2**63 - 1)


def repeat(ticket: str = "other", *, same: bool = True, bits: int = 0, step: int | None = 3) -> Repeat:
    return Repeat(
        attachment_id=f"photo of {ticket}",
        ticket_id=ticket,
        ticket_uid=f"FF{ticket}",
        step_number=step,
        distance=bits,
        same_bytes=same,
    )


def found(look: Look = GOOD, facts: Facts = FACTS, policy: Policy = POLICY) -> tuple[str, list[str]]:
    verdict = judge(look, facts, policy)
    return verdict.status.value, [reason["code"] for reason in verdict.reasons]


@pytest.mark.parametrize(
    ("look", "status", "codes"),
    [
        (GOOD, "accepted", []),
        (replace(GOOD, width=640, height=480), "accepted", []),
        (replace(GOOD, width=480, height=640), "accepted", []),
        (replace(GOOD, width=639, height=480), "rejected", ["too_small"]),
        (replace(GOOD, width=4000, height=479), "rejected", ["too_small"]),
        (replace(GOOD, width=500, height=500), "rejected", ["too_small"]),
        (replace(GOOD, deviation=2.9), "rejected", ["blank"]),
        (replace(GOOD, deviation=3.0), "accepted", []),
        (replace(GOOD, deviation=1.0, brightness=31), "rejected", ["too_dark"]),
        (replace(GOOD, brightness=32), "accepted", []),
        (replace(GOOD, width=10, deviation=0.0), "rejected", ["too_small", "blank"]),
        (Look(problem=Finding.UNREADABLE, problem_text="damaged"), "rejected", ["unreadable"]),
        (Look(problem=Finding.TOO_MANY_PIXELS, problem_text="huge"), "rejected", ["too_many_pixels"]),
        (Look(problem=Finding.CHANGED_IN_STORAGE, problem_text="other"), "rejected", ["changed_in_storage"]),
    ],
)
def test_what_a_photo_shows(look: Look, status: str, codes: list[str]) -> None:
    assert found(look) == (status, codes)


@pytest.mark.parametrize(
    ("repeats", "status", "codes"),
    [
        ([repeat()], "rejected", ["same_photo"]),
        ([repeat(same=False, bits=4)], "suspect", ["similar_photo"]),
        ([repeat(same=False), repeat("third")], "rejected", ["same_photo"]),
        ([repeat("own")], "accepted", ["repeated_on_ticket"]),
        ([repeat("own", same=False, bits=2)], "accepted", ["repeated_on_ticket"]),
        ([repeat("own"), repeat(same=False)], "suspect", ["similar_photo", "repeated_on_ticket"]),
    ],
)
def test_what_a_photo_repeats(repeats: list[Repeat], status: str, codes: list[str]) -> None:
    assert found(facts=replace(FACTS, repeats=repeats)) == (status, codes)


def test_a_repetition_names_the_nearest_photo_and_how_many_there_are() -> None:
    others = [repeat("9", same=False, bits=6), repeat("8", same=False, bits=2, step=None)]
    (reason,) = judge(GOOD, replace(FACTS, repeats=others), POLICY).reasons
    assert reason["message"] == "This is nearly the photo of FF8, as 1 more"
    assert (reason["repeats"]["ticket_uid"], reason["repeats"]["distance"], reason["count"]) == ("FF8", 2, 2)
    (own,) = judge(GOOD, replace(FACTS, repeats=[repeat("own")]), POLICY).reasons
    assert own["message"] == "The ticket has this photo already: FFown, step 3"


def test_a_search_that_was_cut_says_so() -> None:
    assert found(facts=replace(FACTS, cut_buckets=3)) == ("accepted", ["not_all_compared"])


@pytest.mark.parametrize(
    ("taken", "firsts", "status", "codes"),
    [
        (None, {1: NOON + HOUR}, "accepted", []),
        (NOON + HOUR, {}, "accepted", []),
        (NOON - 24 * HOUR, {}, "accepted", []),
        (NOON - 24 * HOUR - timedelta(seconds=1), {}, "suspect", ["captured_before_ticket"]),
        (NOON + 27 * HOUR, {}, "accepted", []),
        (NOON + 28 * HOUR, {}, "accepted", ["captured_after_upload"]),
        (NOON + HOUR, {4: NOON, 6: NOON + 2 * HOUR}, "accepted", []),
        (NOON + HOUR, {4: NOON + 2 * HOUR}, "accepted", ["captured_out_of_order"]),
        (NOON + HOUR, {6: NOON}, "accepted", ["captured_out_of_order"]),
        (NOON + HOUR, {4: NOON + HOUR, 6: NOON + HOUR}, "accepted", []),
        # Its step was done before: this photo was taken again later, which is nothing odd.
        (NOON + 3 * HOUR, {5: NOON + HOUR, 6: NOON + 2 * HOUR}, "accepted", []),
        (NOON - 30 * HOUR, {4: NOON}, "suspect", ["captured_before_ticket", "captured_out_of_order"]),
    ],
)
def test_when_a_photo_was_taken(
    taken: datetime | None, firsts: dict[int, datetime], status: str, codes: list[str]
) -> None:
    assert found(facts=replace(FACTS, captured_at=taken, first_captures=firsts)) == (status, codes)


@pytest.mark.parametrize(
    ("facts", "codes", "said"),
    [
        (
            replace(FACTS, captured_at=LAST, first_captures={6: NOON}),
            ["captured_after_upload", "captured_out_of_order"],
            "Taken 9999-12-31 23:30",
        ),
        (replace(FACTS, captured_at=NOON, ticket_at=LAST), ["captured_before_ticket"], "of 9999-12-31 23:30"),
        (replace(FACTS, captured_at=FIRST), ["captured_before_ticket"], "before the ticket of 2026-11-20 12:00"),
        (replace(FACTS, captured_at=NOON, ticket_at=FIRST), [], ""),
    ],
)
def test_a_time_at_the_calendars_end_is_judged_as_any_other(facts: Facts, codes: list[str], said: str) -> None:
    verdict = judge(GOOD, facts, POLICY)
    assert [reason["code"] for reason in verdict.reasons] == codes
    assert all(said in reason["message"] for reason in verdict.reasons)


def test_a_photo_of_no_step_has_no_order() -> None:
    facts = replace(FACTS, step_number=None, captured_at=NOON, first_captures={1: NOON + HOUR})
    assert found(facts=facts) == ("accepted", [])


@given(
    deviation=st.floats(0, 100),
    width=st.integers(1, 2000),
    own=st.booleans(),
    same=st.booleans(),
    cut=st.integers(0, 2),
    taken=st.one_of(st.none(), st.integers(-60, 60)),
)
def test_the_gravest_finding_decides_and_stands_first(
    deviation: float, width: int, own: bool, same: bool, cut: int, taken: int | None
) -> None:
    look = replace(GOOD, deviation=deviation, width=width)
    captured = None if taken is None else NOON + taken * HOUR
    repeats = [repeat("own" if own else "other", same=same)]
    verdict = judge(look, replace(FACTS, repeats=repeats, cut_buckets=cut, captured_at=captured), POLICY)
    levels = [reason["level"] for reason in verdict.reasons]
    assert levels == sorted(levels, key=["rejects", "doubts", "warns"].index)
    first = levels[0] if levels else "warns"
    assert verdict.status == {"rejects": "rejected", "doubts": "suspect", "warns": "accepted"}[first]
    assert all(level_of(Finding(reason["code"])) == reason["level"] for reason in verdict.reasons)


def test_blank_photos_are_compared_with_none() -> None:
    assert GOOD.comparable == 7
    assert replace(GOOD, deviation=0.0).comparable is None
    assert Look(problem=Finding.UNREADABLE, fingerprint=7).comparable is None


def test_the_policy_comes_from_the_settings() -> None:
    policy = Policy.from_settings(load_settings({}, evidence_similar_bits=3, evidence_capture_slack_hours=1))
    assert policy == Policy(similar_bits=3, capture_slack=HOUR)
    assert Policy.from_settings(load_settings({})) == POLICY


@given(hashes, st.sets(st.integers(0, BITS - 1), max_size=FARTHEST))
def test_whatever_is_near_enough_shares_a_probe(fingerprint: int, flipped: set[int]) -> None:
    """The promise that the index rests on: no photo within the distance is missed."""
    bits = fingerprint & (2**BITS - 1)
    for place in flipped:
        bits ^= 1 << place
    other = signed(bits)
    assert distance(fingerprint, other) == len(flipped)
    assert any(band in asked for band, asked in zip(bands(other), probes(fingerprint), strict=True))


@given(hashes)
def test_bands_are_the_hash_in_four_parts(fingerprint: int) -> None:
    parts = bands(fingerprint)
    assert signed(sum(part << 48 - 16 * place for place, part in enumerate(parts))) == fingerprint
    assert [len(set(asked)) for asked in probes(fingerprint)] == [17] * 4


PHOTO: dict[str, Any] = {
    "inspection_status": "suspect",
    "overruled_by": None,
    "overruled_by_name": None,
    "overruled_at": None,
    "overrule_note": None,
}
SAID = PHOTO | {
    "inspection_status": "rejected",
    "overruled_by": uuid4(),
    "overruled_by_name": "Naledi",
    "overruled_at": NOON,
    "overrule_note": "Another house",
}


@pytest.mark.parametrize("status", [Status.IN_PROGRESS, Status.PENDING_QA, Status.QA_IN_PROGRESS, Status.QA_REJECTED])
@pytest.mark.parametrize("word", ["accepted", "rejected"])
def test_qa_overrules_while_nobody_relies_on_the_photo(status: str, word: Any) -> None:
    require_may_be_overruled(PHOTO, status, Overruling(status=word, note="Seen"))


def test_from_the_approval_on_a_photo_is_not_rejected_and_of_a_ticket_that_is_over_nothing_changes() -> None:
    require_may_be_overruled(PHOTO, Status.QA_APPROVED, Overruling(note="Seen"))
    for status, word in ((Status.QA_APPROVED, "rejected"), (Status.CLOSED, "accepted"), (Status.CANCELLED, "rejected")):
        with pytest.raises(ConditionNotMet) as refused:
            require_may_be_overruled(PHOTO, status, Overruling.model_validate({"status": word, "note": "Seen"}))
        assert refused.value.details == {"status": status}


def test_who_changes_qas_word_has_read_it() -> None:
    with pytest.raises(StaleWrite, match="Naledi has looked at this photo already: it is rejected") as refused:
        require_may_be_overruled(SAID, Status.PENDING_QA, Overruling(note="Seen"))
    assert isinstance(refused.value.details, dict)
    assert refused.value.details["overruled_at"] == version(NOON)
    require_may_be_overruled(SAID, Status.PENDING_QA, Overruling(note="Seen", overruled_at=NOON))
    with pytest.raises(StaleWrite):
        require_may_be_overruled(SAID, Status.PENDING_QA, Overruling(note="Seen", overruled_at=NOON + HOUR))


def test_saying_the_same_again_is_known() -> None:
    same = Overruling(status="rejected", note=" Another house ")
    assert says_the_same(SAID, same, SAID["overruled_by"])
    assert not says_the_same(SAID, same, uuid4())
    assert not says_the_same(SAID, Overruling(note="Another house"), SAID["overruled_by"])


@pytest.mark.parametrize("wrong", [{}, {"note": " "}, {"note": "a\0"}, {"note": "x", "status": "pending"}, {"note": 7}])
def test_a_word_has_a_note_and_is_one_of_two(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Overruling.model_validate(wrong)


def test_what_waits_for_qa_is_what_does_not_count() -> None:
    assert set(InspectionStatus) - DOUBTED == {InspectionStatus.ACCEPTED, InspectionStatus.PENDING}
