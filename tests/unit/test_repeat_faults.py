"""The rules of repeat faults: patterns, what to do about them, what may become of an escalation."""

from __future__ import annotations

from typing import Any, cast
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from jobs.kinds.scan_ticket_faults import AT_ONCE, ScanTicketFaults
from sql.database import Connection
from ticketing.defaults import REPEAT_FAULT_THRESHOLDS
from ticketing.errors import InvalidInput
from ticketing.events import Event
from ticketing.repeat_faults.requests import Investigation, Resolution, ThresholdsChange
from ticketing.repeat_faults.rules import (
    FIELD_OF,
    PLACE_FIELDS,
    WITHIN_PROJECT,
    AlreadyInvestigated,
    AlreadyResolved,
    Pattern,
    description_of,
    kind_of,
    may_count,
    recommendation_of,
    require_open,
    require_unresolved,
    title_of,
    word_of,
    words_of,
)
from ticketing.repeat_faults.scan import Place
from ticketing.ticket_events import TicketAssigned, TicketCreated, TicketUpdated
from ticketing.ticket_input import NewTicket
from ticketing.vocabulary import TITLE_MAX_LENGTH, EscalationScope, EscalationStatus, EscalationType

POLE = EscalationScope.POLE

patterns = st.builds(
    Pattern,
    st.sampled_from(EscalationScope),
    st.text(min_size=1, max_size=50),
    st.integers(0, 100_000),
    st.integers(1, 10_000),
    st.integers(1, 3650),
)


class TestPatterns:
    @given(patterns)
    def test_a_pattern_is_detected_from_its_threshold_on(self, pattern: Pattern) -> None:
        assert pattern.detected == (pattern.fault_count >= pattern.threshold)

    @given(patterns)
    def test_a_title_fits_a_ticket_and_names_the_place(self, pattern: Pattern) -> None:
        assert len(title_of(pattern)) <= TITLE_MAX_LENGTH
        assert pattern.value in title_of(pattern)

    @given(patterns, st.booleans())
    def test_escalate_is_said_only_where_there_is_something_to_escalate(
        self, pattern: Pattern, escalated: bool
    ) -> None:
        said = recommendation_of(pattern, escalated=escalated)
        assert said.startswith("Escalate") == (pattern.detected and not escalated)

    @pytest.mark.parametrize(
        ("pattern", "escalated", "said"),
        [
            (Pattern(POLE, "A2", 1, 3, 30), False, "No pattern: 2 more within 30 days would raise an escalation."),
            (
                Pattern(POLE, "A2", 3, 3, 30),
                False,
                "Escalate: have pole A2 inspected before the next fault is mended there.",
            ),
            (
                Pattern(EscalationScope.PON, "7", 9, 5, 30),
                False,
                "Escalate: have PON 7 investigated for a common cause.",
            ),
            (
                Pattern(EscalationScope.ZONE, "3", 1, 10, 30),
                True,
                "An escalation for zone 3 is under way: later faults join it.",
            ),
        ],
    )
    def test_what_is_recommended(self, pattern: Pattern, escalated: bool, said: str) -> None:
        assert recommendation_of(pattern, escalated=escalated) == said

    def test_a_description_names_faults_and_says_how_many_it_leaves_out(self) -> None:
        pattern = Pattern(POLE, "A2", 5, 3, 30)
        assert description_of(pattern, ["FF100002", "FF100001"]).endswith("Faults: FF100002, FF100001 and 3 more.")
        assert description_of(pattern, [f"FF10000{n}" for n in range(5)]).endswith("FF100004.")

    @pytest.mark.parametrize(
        ("scope", "kind"),
        [("pole", "inspection"), ("dr", "inspection"), ("pon", "investigation"), ("zone", "investigation")],
    )
    def test_one_thing_is_inspected_a_network_investigated(self, scope: str, kind: str) -> None:
        assert kind_of(EscalationScope(scope)) == kind


class TestPlaces:
    def test_each_scope_has_a_field_of_a_ticket_and_a_threshold(self) -> None:
        assert set(FIELD_OF) == set(REPEAT_FAULT_THRESHOLDS) == set(EscalationScope)
        assert set(FIELD_OF.values()) < set(NewTicket.model_fields)
        assert {*FIELD_OF.values(), "project_id"} == PLACE_FIELDS

    @pytest.mark.parametrize("scope", EscalationScope)
    def test_only_pons_and_zones_are_told_apart_by_project(self, scope: EscalationScope) -> None:
        here, there = Place(scope, "7", uuid4()), Place(scope, "7", uuid4())
        assert (here.within != there.within) == (scope in WITHIN_PROJECT)
        assert Place(scope, "7").within.int == 0

    @pytest.mark.parametrize(
        ("ticket", "counts"),
        [
            ({"ticket_type": "maintenance", "pole_number": "A2"}, True),
            ({"ticket_type": "incident", "dr_number": "DR1737348"}, True),
            ({"ticket_type": "incident", "zone_id": "3"}, True),
            ({"ticket_type": "maintenance"}, False),
            ({"ticket_type": "maintenance", "project_id": "p"}, False),
            ({"ticket_type": "modification", "pole_number": "A2"}, False),
            ({}, False),
        ],
    )
    def test_a_fault_with_a_place_may_count(self, ticket: dict[str, Any], counts: bool) -> None:
        assert may_count(ticket) is counts


class TestWhatIsLookedAt:
    FAULT = {"ticket_type": "maintenance", "pole_number": "A2"}

    def test_a_reported_fault_and_a_moved_one(self) -> None:
        ticket_id = uuid4()
        assert looked_at(TicketCreated(ticket_id=ticket_id, after=self.FAULT)) == [(ticket_id,)]
        for field in PLACE_FIELDS:
            assert looked_at(TicketUpdated(ticket_id=ticket_id, after={field: "x"})) == [(ticket_id,)]

    def test_nothing_else(self) -> None:
        ticket_id = uuid4()
        for event in (
            TicketCreated(ticket_id=ticket_id, after={"ticket_type": "maintenance"}),
            TicketUpdated(ticket_id=ticket_id, after={"title": "Still dark"}),
            TicketUpdated(ticket_id=ticket_id, after={"pole_number": "A2"}, details={"report_uid": "WR2026-W47-001"}),
            TicketAssigned(ticket_id=ticket_id, after={"assigned_to": "x"}),
        ):
            assert looked_at(event) == []

    @given(st.integers(0, 3 * AT_ONCE))
    def test_many_are_looked_at_together_each_once_and_never_too_many(self, count: int) -> None:
        ids = [UUID(int=number) for number in range(1, count + 1)]
        events = [TicketCreated(ticket_id=ticket_id, after=self.FAULT) for ticket_id in ids]
        moved = [TicketUpdated(ticket_id=ticket_id, after={"zone_id": "4"}) for ticket_id in ids[::2]]
        asked = looked_at(*events, *moved)
        assert [ticket_id for together in asked for ticket_id in together] == ids
        assert len(asked) == -(-count // AT_ONCE)


def looked_at(*events: Event) -> list[tuple[UUID, ...]]:
    """The tickets that each job looks at together."""
    return [asked.ticket_ids for asked in ScanTicketFaults.from_events(events, cast("Connection", None))]


class TestDecisions:
    @pytest.mark.parametrize("status", EscalationStatus)
    def test_what_may_become_of_an_escalation(self, status: EscalationStatus) -> None:
        over = status in (EscalationStatus.RESOLVED, EscalationStatus.NO_ACTION)
        if over:
            with pytest.raises(AlreadyResolved):
                require_unresolved(status)
            with pytest.raises(AlreadyResolved):
                require_open(status)
        elif status == EscalationStatus.INVESTIGATING:
            require_unresolved(status)
            with pytest.raises(AlreadyInvestigated):
                require_open(status)
        else:
            require_open(status)

    @pytest.mark.parametrize(
        "broken",
        [
            {"resolution_notes": "  "},
            {"resolution_notes": "a\0b"},
            {"resolved_by": ""},
            {"status": "open"},
            {"status": "investigating"},
            {"status": None},
        ],
        ids=str,
    )
    def test_a_resolution_says_how_and_by_whom(self, broken: dict[str, Any]) -> None:
        whole = {"resolved_by": "user123", "resolution_notes": "New pole", "status": "no_action"}
        assert Resolution.model_validate(whole).status is EscalationStatus.NO_ACTION
        with pytest.raises(ValidationError):
            Resolution.model_validate(whole | broken)

    def test_an_investigation_may_say_nothing(self) -> None:
        assert Investigation.model_validate({}).escalation_type is None

    @pytest.mark.parametrize("broken", [{"pole_threshold": 0}, {"window_days": 3651}, {"dr": 2}], ids=str)
    def test_thresholds_are_whole_and_within_reason(self, broken: dict[str, Any]) -> None:
        names = ("window_days", "pole_threshold", "pon_threshold", "zone_threshold", "dr_threshold")
        whole = dict.fromkeys(names, 5)
        assert ThresholdsChange.model_validate(whole).zone_threshold == 5
        with pytest.raises(ValidationError):
            ThresholdsChange.model_validate(whole | broken)


class TestWords:
    def test_words_come_with_commas(self) -> None:
        assert words_of(EscalationScope, " pole,dr,", "scope_type") == (EscalationScope.POLE, EscalationScope.DR)
        assert words_of(EscalationScope, "", "scope_type") == ()

    def test_an_unknown_word_is_answered_with_the_known_ones(self) -> None:
        with pytest.raises(InvalidInput) as caught:
            word_of(EscalationType, "repair", "escalation_type")
        details: Any = caught.value.details
        assert details["valid_values"] == ["investigation", "inspection", "replacement"]
        assert "escalation_type" in details
