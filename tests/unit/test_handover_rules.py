"""The gates of a handover: tables of examples, and what holds for every ticket."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ticketing.errors import ConditionNotMet, InvalidInput
from ticketing.handover.requests import NewHandover
from ticketing.handover.rules import OWNERS, PENDING, AlreadyHandedOver, GateFacts, evaluate, path
from ticketing.vocabulary import TRANSITIONS, HandoverType, Owner, Status

TO_QA, TO_MAINTENANCE, COMPLETE = HandoverType

READY = GateFacts(
    status="qa_approved",
    dr_number="DR1737348",
    pole_number="LAW.P.A002",
    pon_number="7",
    zone_id="3",
    ont_serial="ALCL1",
    ont_rx_level=-19.5,
    contractor=True,
    steps_completed=12,
    steps_total=12,
    photos_accepted=11,
)
GATES = (
    "as_built_confirmed",
    "photos_archived",
    "ont_pon_verified",
    "contractor_assigned",
    "verification_complete",
    "qa_approved",
    "no_active_risks",
)

facts = st.builds(
    GateFacts,
    status=st.sampled_from([status.value for status in Status]),
    dr_number=st.sampled_from([None, "", "DR1737348"]),
    pole_number=st.sampled_from([None, " ", "A2"]),
    pon_number=st.sampled_from([None, "7"]),
    zone_id=st.sampled_from([None, "3"]),
    ont_serial=st.sampled_from([None, "ALCL1"]),
    ont_rx_level=st.sampled_from([None, 0.0, -19.5]),
    contractor=st.booleans(),
    steps_completed=st.integers(0, 12),
    photos_accepted=st.integers(0, 11),
    damaged=st.sampled_from([(), ("a.jpg is not in storage",)]),
    risks_active=st.integers(0, 2),
    risks_covering=st.integers(0, 2),
)
kinds = st.sampled_from(list(HandoverType))


def blocking(kind: HandoverType, **changes: Any) -> list[str]:
    return [gate.name for gate in evaluate(kind, replace(READY, **changes)).blocking]


@pytest.mark.parametrize("kind", HandoverType)
def test_a_ticket_that_lacks_nothing_passes_all_seven(kind: HandoverType) -> None:
    result = evaluate(kind, READY)
    assert (result.can_handover, result.passed, result.as_json()["warnings"]) == (True, 7, [])
    assert [gate.name for gate in result.gates] == list(GATES)


@pytest.mark.parametrize(
    ("changes", "gate", "to_qa", "to_maintenance", "complete"),
    [
        ({"dr_number": None}, "as_built_confirmed", True, True, True),
        ({"dr_number": "  "}, "as_built_confirmed", True, True, True),
        ({"pole_number": None}, "as_built_confirmed", False, True, False),
        ({"pon_number": None}, "as_built_confirmed", False, True, False),
        ({"zone_id": ""}, "as_built_confirmed", False, True, False),
        ({"photos_accepted": 0}, "photos_archived", True, True, True),
        ({"damaged": ("a.jpg is not in storage",)}, "photos_archived", True, True, True),
        ({"ont_serial": " "}, "ont_pon_verified", False, True, False),
        ({"ont_rx_level": None}, "ont_pon_verified", False, True, False),
        ({"contractor": False}, "contractor_assigned", False, True, False),
        ({"steps_completed": 11}, "verification_complete", False, True, False),
        ({"status": "qa_in_progress"}, "qa_approved", False, True, False),
        ({"status": "qa_rejected"}, "qa_approved", False, True, False),
        ({"risks_active": 1}, "no_active_risks", False, True, True),
        ({"risks_active": 2, "risks_covering": 1}, "no_active_risks", False, True, True),
        ({"risks_active": 1, "risks_covering": 1}, "no_active_risks", False, False, True),
        ({"status": "qa_in_progress", "risks_active": 1, "risks_covering": 1}, "qa_approved", False, False, False),
    ],
)
def test_what_is_missing_blocks_or_warns(
    changes: dict[str, Any], gate: str, to_qa: bool, to_maintenance: bool, complete: bool
) -> None:
    expected = dict(zip(HandoverType, (to_qa, to_maintenance, complete), strict=True))
    for kind, blocks in expected.items():
        result = evaluate(kind, replace(READY, **changes))
        assert gate in {one.name for one in result.gates if not one.passed}
        assert (gate in {one.name for one in result.blocking}) is blocks
        assert bool(result.as_json()["warnings"]) or blocks


def test_an_rx_level_of_zero_is_a_reading() -> None:
    assert blocking(TO_MAINTENANCE, ont_rx_level=0.0) == []


@given(kinds, facts)
def test_what_refuses_says_why_and_what_to_do(kind: HandoverType, ticket: GateFacts) -> None:
    result = evaluate(kind, ticket).as_json()
    assert result["can_handover"] == (not result["blocking_issues"])
    assert all(issue["message"] and issue["resolution_hint"] for issue in result["blocking_issues"])
    assert all(issue["severity"] in {"critical", "high", "medium"} for issue in result["blocking_issues"])
    assert len(result["gates_passed"]) + len(result["gates_failed"]) == 7
    required = {gate["gate_name"] for gate in result["gates_failed"] if gate["required"]}
    assert required == {issue["gate_name"] for issue in result["blocking_issues"]}


@given(facts)
def test_nothing_that_maintenance_takes_is_refused_by_qa(ticket: GateFacts) -> None:
    if evaluate(TO_MAINTENANCE, ticket).can_handover:
        assert evaluate(TO_QA, ticket).can_handover


@given(kinds, facts)
def test_mending_never_makes_it_worse(kind: HandoverType, ticket: GateFacts) -> None:
    before = {gate.name for gate in evaluate(kind, ticket).blocking}
    mended = replace(ticket, steps_completed=12, contractor=True, ont_serial="ALCL1", damaged=(), photos_accepted=11)
    assert {gate.name for gate in evaluate(kind, mended).blocking} <= before


@pytest.mark.parametrize(
    ("kind", "status", "owner", "moves"),
    [
        (TO_QA, "in_progress", "build", ["pending_qa"]),
        (TO_QA, "in_progress", "qa", ["pending_qa"]),
        (TO_QA, "pending_qa", "build", []),
        (TO_MAINTENANCE, "qa_approved", "qa", ["pending_handover", "handed_to_maintenance"]),
        (TO_MAINTENANCE, "qa_approved", "build", ["pending_handover", "handed_to_maintenance"]),
        (TO_MAINTENANCE, "pending_handover", "qa", ["handed_to_maintenance"]),
        (COMPLETE, "handed_to_maintenance", "maintenance", ["closed"]),
    ],
)
def test_where_a_handover_leads(kind: HandoverType, status: str, owner: str, moves: list[str]) -> None:
    assert [move.value for move in path(kind, status, owner)] == moves


@pytest.mark.parametrize(
    ("kind", "status", "owner"),
    [
        (TO_QA, "pending_qa", "qa"),
        (TO_MAINTENANCE, "handed_to_maintenance", "maintenance"),
        (COMPLETE, "closed", "maintenance"),
    ],
)
def test_the_second_handover_is_told_of_the_first(kind: HandoverType, status: str, owner: str) -> None:
    with pytest.raises(AlreadyHandedOver):
        path(kind, status, owner)


@given(kinds, st.sampled_from(list(Status)), st.sampled_from(list(Owner)))
def test_a_handover_goes_only_where_the_machine_goes(kind: HandoverType, status: Status, owner: Owner) -> None:
    try:
        moves = path(kind, status, owner)
    except (AlreadyHandedOver, ConditionNotMet):
        return
    for current, target in zip((status, *moves), moves, strict=False):
        assert target in TRANSITIONS[current]


@given(st.sampled_from(sorted(PENDING)))
def test_what_is_pending_can_be_made_from_there(status: Status) -> None:
    kind = PENDING[status]
    assert path(kind, status, OWNERS[kind][0])


def test_a_request_names_the_owners_that_its_type_has() -> None:
    base = {"handover_type": "qa_to_maintenance", "handover_by": "0198c5a2-7e1b-7c3d-9f00-0123456789ab"}
    NewHandover.model_validate(base | {"from_owner_type": "qa", "to_owner_type": "maintenance"}).require_owners()
    NewHandover.model_validate(base | {"from_owner_type": "", "to_owner_type": None}).require_owners()
    with pytest.raises(InvalidInput) as wrong:
        NewHandover.model_validate(base | {"from_owner_type": "build", "to_owner_type": "qa"}).require_owners()
    assert isinstance(wrong.value.details, dict)
    assert set(wrong.value.details) == {"from_owner_type", "to_owner_type"}
