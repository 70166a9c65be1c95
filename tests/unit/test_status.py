"""The status machine: every pair of statuses, every condition, and what no sequence of moves can do."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from ticketing.errors import ConditionNotMet, InvalidStatusTransition
from ticketing.status import Facts, is_move, moves_from, refusal, require_move
from ticketing.vocabulary import TERMINAL_STATUSES, Status, TicketType

GRAPH = """
open                  -> assigned, cancelled
assigned              -> in_progress, open, cancelled
in_progress           -> pending_qa, assigned, cancelled
pending_qa            -> qa_in_progress, in_progress, cancelled
qa_in_progress        -> qa_approved, qa_rejected, pending_qa
qa_rejected           -> in_progress, assigned, cancelled
qa_approved           -> pending_handover, closed
pending_handover      -> handed_to_maintenance, qa_approved
handed_to_maintenance -> closed
"""
DECLARED = {
    (current.strip(), requested.strip())
    for line in GRAPH.strip().splitlines()
    for current, _, targets in [line.partition("->")]
    for requested in targets.split(",")
}
STATUSES = [status.value for status in Status]
EVERYTHING = Facts(
    ticket_type="maintenance",
    fault_cause="workmanship",
    reason="splice loss",
    open_steps=frozenset(),
    readiness_current=True,
    by_handover=True,
)

statuses = st.sampled_from(STATUSES)
facts = st.builds(
    Facts,
    ticket_type=st.sampled_from([kind.value for kind in TicketType]),
    fault_cause=st.sampled_from([None, "workmanship", "unknown"]),
    reason=st.sampled_from([None, "", "  ", "blurred photo"]),
    open_steps=st.frozensets(st.integers(1, 12)),
    accepted_steps=st.frozensets(st.integers(1, 12)),
    active_risks=st.integers(0, 3),
    readiness_current=st.booleans(),
    by_handover=st.booleans(),
)


@pytest.mark.parametrize("current", STATUSES)
@pytest.mark.parametrize("requested", STATUSES)
def test_only_the_declared_moves_exist(current: str, requested: str) -> None:
    error = refusal(current, requested, EVERYTHING)
    if current == requested or (current, requested) in DECLARED:
        assert error is None
    else:
        assert isinstance(error, InvalidStatusTransition)
        assert error.details == {"current": current, "requested": requested, "allowed": list(moves_from(current))}


def missing(requested: str, current: str, given_facts: Facts) -> list[str]:
    with pytest.raises(ConditionNotMet) as caught:
        require_move(current, requested, given_facts)
    assert isinstance(caught.value.details, dict)
    return [item["condition"] for item in caught.value.details["missing"]]


def test_qa_starts_only_on_a_current_readiness_check() -> None:
    assert missing("qa_in_progress", "pending_qa", Facts(ticket_type="maintenance")) == ["qa_readiness"]
    require_move("pending_qa", "qa_in_progress", Facts(ticket_type="maintenance", readiness_current=True))


@pytest.mark.parametrize("reason", [None, "", " \n"])
def test_a_rejection_needs_a_reason(reason: str | None) -> None:
    assert missing("qa_rejected", "qa_in_progress", Facts(ticket_type="incident", reason=reason)) == ["reason"]


def test_an_approval_needs_all_twelve_steps() -> None:
    eleven = Facts(ticket_type="maintenance", open_steps=frozenset({8}))
    assert missing("qa_approved", "qa_in_progress", eleven) == ["verification_complete"]
    require_move("qa_in_progress", "qa_approved", Facts(ticket_type="maintenance", open_steps=frozenset()))


def test_an_approval_may_stand_on_an_accepted_risk_that_names_what_is_outstanding() -> None:
    def accepted(*steps: int, active_risks: int = 1) -> Facts:
        return Facts(
            ticket_type="maintenance",
            open_steps=frozenset({8, 12}),
            accepted_steps=frozenset(steps),
            active_risks=active_risks,
        )

    require_move("qa_in_progress", "qa_approved", accepted(8, 12))
    for facts_with_a_gap in (accepted(8), accepted(), accepted(8, 12, active_risks=0)):
        assert missing("qa_approved", "qa_in_progress", facts_with_a_gap) == ["verification_complete"]
    with pytest.raises(ConditionNotMet, match="10/12 steps are complete: finish 12"):
        require_move("qa_in_progress", "qa_approved", accepted(8))


def test_coming_back_from_handover_needs_what_an_approval_needs() -> None:
    assert missing("qa_approved", "pending_handover", Facts(ticket_type="ont_swap")) == ["verification_complete"]


def test_only_a_handover_moves_a_ticket_to_maintenance() -> None:
    assert missing("handed_to_maintenance", "pending_handover", Facts(ticket_type="maintenance")) == ["handover"]
    require_move("pending_handover", "handed_to_maintenance", Facts(ticket_type="maintenance", by_handover=True))


@pytest.mark.parametrize(
    ("ticket_type", "fault_cause", "active_risks", "lacks"),
    [
        ("maintenance", None, 0, ["fault_cause"]),
        ("incident", None, 2, ["fault_cause", "no_active_risks"]),
        ("incident", "vandalism", 1, ["no_active_risks"]),
        ("new_installation", None, 1, ["no_active_risks"]),
    ],
)
def test_closing_names_everything_that_is_missing(
    ticket_type: str, fault_cause: str | None, active_risks: int, lacks: list[str]
) -> None:
    given_facts = Facts(ticket_type=ticket_type, fault_cause=fault_cause, active_risks=active_risks)
    assert missing("closed", "qa_approved", given_facts) == lacks


@pytest.mark.parametrize("ticket_type", ["new_installation", "modification", "ont_swap"])
def test_work_that_is_no_fault_closes_without_a_cause(ticket_type: str) -> None:
    require_move("qa_approved", "closed", Facts(ticket_type=ticket_type))


@given(statuses, facts)
def test_naming_the_current_status_is_never_refused(status: str, given_facts: Facts) -> None:
    assert refusal(status, status, given_facts) is None


@given(statuses, statuses, facts)
def test_conditions_never_add_a_move(current: str, requested: str, given_facts: Facts) -> None:
    if current != requested and refusal(current, requested, given_facts) is None:
        assert is_move(current, requested)


@given(statuses, statuses, facts)
def test_a_refusal_says_what_to_do(current: str, requested: str, given_facts: Facts) -> None:
    error = refusal(current, requested, given_facts)
    if isinstance(error, ConditionNotMet):
        assert isinstance(error.details, dict)
        assert error.details["missing"]
        assert all(item["message"] in error.message for item in error.details["missing"])


def test_every_status_can_be_reached_and_every_open_one_can_end() -> None:
    def reachable(start: str) -> set[str]:
        seen, waiting = {start}, [start]
        while waiting:
            fresh = [status for status in moves_from(waiting.pop()) if status not in seen]
            seen.update(fresh)
            waiting += fresh
        return seen

    assert reachable("open") == set(STATUSES)
    assert all(reachable(status) & TERMINAL_STATUSES for status in STATUSES)


class TicketLife(RuleBasedStateMachine):
    """Throw any requests at a ticket; what is refused changes nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.status = "open"
        self.history = ["open"]

    @rule(requested=statuses, given_facts=facts)
    def ask(self, requested: str, given_facts: Facts) -> None:
        if refusal(self.status, requested, given_facts) is None and requested != self.status:
            self.status = requested
            self.history.append(requested)

    @invariant()
    def nothing_follows_a_terminal_status(self) -> None:
        assert not TERMINAL_STATUSES.intersection(self.history[:-1])

    @invariant()
    def an_approval_always_follows_a_qa_that_began(self) -> None:
        if "qa_approved" in self.history:
            assert "qa_in_progress" in self.history[: self.history.index("qa_approved")]

    @invariant()
    def a_ticket_closes_only_out_of_an_approved_or_handed_over_one(self) -> None:
        if self.history[-1] == "closed":
            assert self.history[-2] in {"qa_approved", "handed_to_maintenance"}


TestTicketLife = TicketLife.TestCase
