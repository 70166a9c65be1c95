"""What a verification step needs, what a request to change one comes to, and who may: rules without a database."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from ticketing.errors import ConditionNotMet, Forbidden, InvalidInput
from ticketing.people import Actor, Role
from ticketing.verification import StepChanges, parse_step_number
from ticketing.verification.rules import (
    changes_of,
    missing_for_step,
    needs,
    progress_of,
    require_may_change_step,
    require_step_change,
    shown,
)
from ticketing.verification_steps import PHOTO_STEPS, STEPS
from ticketing.vocabulary import TERMINAL_STATUSES, Status


def row(number: int, **columns: Any) -> dict[str, Any]:
    """A step with everything that any step needs, still open."""
    step = STEPS[number - 1]
    full = {
        "step_number": number,
        "step_name": step.name,
        "is_complete": False,
        "photos_count": 1,
        "photo_url": None,
        "photo_verified": False,
        "notes": "-19.2 dBm, EXFO",
        "ont_serial": "ALCLF0000001",
        "ont_rx_level": Decimal("-19.20"),
    }
    return full | columns


def actor(*roles: Role) -> Actor:
    return Actor(kind="user", name="Thandi", roles=frozenset(roles))


NEEDS = {
    5: ("photo", "ont_serial"),
    7: ("photo", "ont_serial", "ont_rx_level"),
    8: ("photo", "ont_rx_level", "notes"),
    9: (),
}
BARE: dict[str, Any] = {"photos_count": 0, "notes": " ", "ont_serial": " ", "ont_rx_level": None}


@pytest.mark.parametrize("step", STEPS, ids=lambda step: str(step.number))
def test_each_step_needs_what_the_domain_says(step: Any) -> None:
    assert needs(step) == NEEDS.get(step.number, ("photo",))
    assert [item.condition for item in missing_for_step(row(step.number, **BARE))] == [*needs(step)]
    assert missing_for_step(row(step.number)) == []


def test_eleven_steps_need_a_photo() -> None:
    assert len(PHOTO_STEPS) == 11


def test_a_photo_kept_elsewhere_is_a_photo() -> None:
    assert missing_for_step(row(1, photos_count=0, photo_url="https://photos.example.com/1.jpg")) == []


@pytest.mark.parametrize("text", ["1", "12", "07", "+5"])
def test_a_step_number_is_read(text: str) -> None:
    assert parse_step_number(text) == int(text)


@pytest.mark.parametrize("text", ["", "abc", "5abc", "5.0", "1e1", "\u0665", "0x5", " 5"])
def test_what_is_no_whole_number_is_no_step(text: str) -> None:
    with pytest.raises(InvalidInput, match="step number") as caught:
        parse_step_number(text)
    assert caught.value.details == {"provided": text}


@given(st.integers(-(10**8), 10**8).filter(lambda number: not 1 <= number <= 12))
def test_numbers_outside_are_no_steps(number: int) -> None:
    with pytest.raises(InvalidInput, match="1 and 12") as caught:
        parse_step_number(str(number))
    assert caught.value.details == {"provided": number}


class TestChanges:
    def test_only_what_differs_is_a_change(self) -> None:
        assert changes_of(row(1), {"notes": "-19.2 dBm, EXFO", "is_complete": True}) == {"is_complete": True}
        assert changes_of(row(1), {}) == {}

    def test_another_photo_is_one_that_nobody_verified(self) -> None:
        seen = row(1, photo_verified=True)
        assert changes_of(seen, {"photo_url": "https://a.example/2"})["photo_verified"] is False
        both = {"photo_url": "https://a.example/2", "photo_verified": True}
        assert changes_of(seen, both) == {"photo_url": "https://a.example/2"}

    def test_only_given_keys_count(self) -> None:
        changes = StepChanges.model_validate({"is_complete": None, "notes": "", "photo_url": " ", "colour": "blue"})
        assert changes.given() == {"notes": None, "photo_url": None}
        assert StepChanges.model_validate({}).given() == {}

    @pytest.mark.parametrize(
        "body",
        [
            {"completed_by": "user123"},
            {"is_complete": "perhaps"},
            {"photo_url": "javascript:alert(1)"},
            {"photo_url": "photos/1.jpg"},
            {"photo_url": "https://a.example/" + "x" * 2_000},
            {"notes": "zero\0character"},
        ],
    )
    def test_what_cannot_be_kept_is_refused(self, body: dict[str, Any]) -> None:
        with pytest.raises(ValidationError):
            StepChanges.model_validate(body)


class TestConditions:
    @pytest.mark.parametrize("status", sorted(TERMINAL_STATUSES))
    def test_the_steps_of_a_ticket_that_is_over_stay(self, status: str) -> None:
        with pytest.raises(ConditionNotMet, match="stays as it is"):
            require_step_change(row(9), status, {"is_complete": True})

    @pytest.mark.parametrize("status", ["qa_approved", "pending_handover", "handed_to_maintenance"])
    def test_a_step_that_others_rely_on_is_not_opened_again(self, status: str) -> None:
        with pytest.raises(ConditionNotMet, match="relies on its steps"):
            require_step_change(row(9, is_complete=True), status, {"is_complete": False})
        require_step_change(row(9), status, {"is_complete": True})

    def test_a_complete_step_keeps_what_it_needs(self) -> None:
        with pytest.raises(ConditionNotMet) as caught:
            require_step_change(row(8, is_complete=True), "in_progress", {"notes": None})
        assert isinstance(caught.value.details, dict)
        assert [item["condition"] for item in caught.value.details["missing"]] == ["notes"]
        require_step_change(row(8, is_complete=True), "in_progress", {"notes": None, "is_complete": False})

    def test_an_open_step_may_lack_anything(self) -> None:
        require_step_change(row(8, **BARE), "in_progress", {"notes": None})

    def test_verifying_a_photo_asks_for_nothing_else(self) -> None:
        require_step_change(row(8, is_complete=True, **BARE), "qa_in_progress", {"photo_verified": True})


class TestRoles:
    @pytest.mark.parametrize("role", ["admin", "manager", "qa"])
    @pytest.mark.parametrize("status", list(Status))
    def test_who_reviews_may_in_every_status(self, role: Role, status: str) -> None:
        change = {"photo_verified": True, "is_complete": True}
        require_may_change_step(actor(role), status, change, change)

    @pytest.mark.parametrize("role", ["technician", "contractor"])
    def test_who_works_on_site_may_until_qa_has_it(self, role: Role) -> None:
        change = {"is_complete": True}
        require_may_change_step(actor(role), "pending_qa", change, change)
        with pytest.raises(Forbidden, match="qa_in_progress"):
            require_may_change_step(actor(role), "qa_in_progress", change, change)

    def test_nobody_verifies_the_own_photo(self) -> None:
        with pytest.raises(Forbidden, match="Only QA"):
            require_may_change_step(actor("technician"), "assigned", {"photo_verified": True}, {"photo_verified": True})
        # What another photo brings about by itself is not the technician's claim.
        require_may_change_step(actor("technician"), "assigned", {"photo_url": "x"}, {"photo_verified": False})

    @pytest.mark.parametrize("role", ["viewer", "operator"])
    def test_who_reads_does_not_change(self, role: Role) -> None:
        with pytest.raises(Forbidden, match="reads"):
            require_may_change_step(actor(role), "assigned", {"notes": "x"}, {"notes": "x"})


@given(st.sets(st.integers(1, 12)))
def test_progress_adds_up(complete: set[int]) -> None:
    found = progress_of([row(number, is_complete=number in complete) for number in range(1, 13)])
    assert found["completed_steps"] + found["pending_steps"] == found["total_steps"] == 12
    assert found["progress"] == f"{len(complete)}/12"
    assert abs(found["progress_percentage"] - 100 * len(complete) / 12) <= 0.5
    assert found["all_steps_complete"] == (len(complete) == 12) == (found["progress_percentage"] == 100)


@given(st.integers(1, 12), st.integers(0, 2), st.booleans(), st.booleans(), st.booleans())
def test_a_step_may_be_completed_just_when_nothing_is_missing(
    number: int, photos: int, serial: bool, level: bool, notes: bool
) -> None:
    step = row(number, photos_count=photos)
    step |= {"ont_serial": "A1" if serial else None, "ont_rx_level": -19.0 if level else None}
    step |= {"notes": "fine" if notes else None}
    missing = [item["condition"] for item in shown(step)["missing"]]
    if missing:
        with pytest.raises(ConditionNotMet):
            require_step_change(step, "in_progress", {"is_complete": True})
    else:
        require_step_change(step, "in_progress", {"is_complete": True})
    assert set(missing) <= set(shown(step)["needs"])
