"""The rules of risk acceptances: steps, times, days, and what a request may say."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from runtime.clock import BUSINESS_ZONE
from ticketing.errors import ConditionNotMet, InvalidInput
from ticketing.risks import rules
from ticketing.risks.requests import NewRisk, RiskResolution
from ticketing.risks.views import LIST_ORDER, RiskPosition
from ticketing.vocabulary import RiskStatus, Status

NOON = datetime(2026, 11, 20, 10, tzinfo=UTC)
MOMENTS = st.datetimes(datetime(2020, 1, 1), datetime(2040, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
STEPS = st.sets(st.integers(1, 12))


def new_risk(**fields: Any) -> NewRisk:
    given = {"risk_type": "minor_defect", "risk_description": "Label missing", "accepted_by": str(uuid4())}
    return NewRisk.model_validate(given | fields)


class TestDays:
    @pytest.mark.parametrize(
        ("now", "days", "expected"),
        [
            # 02:10 at Johannesburg is 00:10 UTC.
            ("2026-11-20T00:10Z", 0, "2026-11-20T22:00Z"),
            ("2026-11-20T00:10Z", 1, "2026-11-21T22:00Z"),
            ("2026-11-20T21:59Z", 7, "2026-11-27T22:00Z"),
            ("2026-11-20T22:00Z", 7, "2026-11-28T22:00Z"),
        ],
    )
    def test_days_end_at_midnight_where_the_work_is_done(self, now: str, days: int, expected: str) -> None:
        assert rules.days_ahead(datetime.fromisoformat(now), days) == datetime.fromisoformat(expected)

    @given(MOMENTS, MOMENTS, st.integers(0, 30))
    def test_the_horizon_holds_exactly_what_has_that_many_days_left(
        self, now: datetime, expiry: datetime, days: int
    ) -> None:
        assert (expiry < rules.days_ahead(now, days)) == (rules.days_left(expiry, now) <= days)

    @given(MOMENTS, st.integers(1, 14 * 24 * 60))
    def test_a_nightly_sweep_warns_at_least_20_hours_and_at_most_2_days_ahead(
        self, expiry: datetime, lead: int
    ) -> None:
        """Whenever a risk expires, the first sweep at 02:10 that has it within a day comes in good time."""
        first = datetime.combine((expiry - timedelta(minutes=lead)).date(), datetime.min.time(), BUSINESS_ZONE)
        nights = [first + timedelta(days=n, hours=2, minutes=10) for n in range(-3, 17)]
        warned = next(night for night in nights if expiry < rules.days_ahead(night, rules.LAST_WARNING_DAYS))
        if warned != nights[0]:
            assert timedelta(hours=20) < expiry - warned < timedelta(days=2)


class TestOutstanding:
    @pytest.mark.parametrize(
        ("open_steps", "named", "expected"),
        [
            ({3, 1}, None, [1, 3]),
            (set(), None, []),
            ({1, 2, 3}, [3, 2, 3], [2, 3]),
            ({1, 2, 3}, [], []),
        ],
    )
    def test_named_steps_stand_else_all_that_are_open(
        self, open_steps: set[int], named: list[int] | None, expected: list[int]
    ) -> None:
        assert rules.outstanding(open_steps, named) == expected

    @given(STEPS, st.none() | STEPS)
    def test_only_open_steps_are_ever_named(self, open_steps: set[int], named: set[int] | None) -> None:
        if named is not None and named - open_steps:
            with pytest.raises(InvalidInput) as caught:
                rules.outstanding(open_steps, named)
            assert isinstance(caught.value.details, dict)
            assert set(caught.value.details) == {"outstanding_steps"}
        else:
            steps = rules.outstanding(open_steps, named)
            assert set(steps) == (open_steps if named is None else named)
            assert steps == sorted(steps)


class TestWhatMayBe:
    @pytest.mark.parametrize("status", Status)
    def test_a_ticket_takes_risks_until_its_end(self, status: Status) -> None:
        if status in {Status.CLOSED, Status.CANCELLED}:
            with pytest.raises(ConditionNotMet):
                rules.require_acceptable(status)
        else:
            rules.require_acceptable(status)

    @pytest.mark.parametrize("status", RiskStatus)
    def test_all_but_the_resolved_may_be_resolved(self, status: RiskStatus) -> None:
        if status == RiskStatus.RESOLVED:
            with pytest.raises(rules.AlreadyResolved):
                rules.require_resolvable(status)
        else:
            rules.require_resolvable(status)

    @given(st.timedeltas(timedelta(days=-4000), timedelta(days=4000)))
    def test_a_deadline_lies_ahead_but_not_out_of_sight(self, ahead: timedelta) -> None:
        moments = {"risk_expiry_date": NOON + ahead, "followup_date": None}
        if timedelta(0) < ahead <= timedelta(days=rules.LONGEST_DAYS):
            rules.require_ahead(NOON, **moments)
        else:
            with pytest.raises(InvalidInput) as caught:
                rules.require_ahead(NOON, **moments)
            assert isinstance(caught.value.details, dict)
            assert set(caught.value.details) == {"risk_expiry_date"}

    def test_every_wrong_deadline_is_named(self) -> None:
        with pytest.raises(InvalidInput) as caught:
            rules.require_ahead(NOON, risk_expiry_date=NOON, followup_date=NOON - timedelta(days=1))
        assert isinstance(caught.value.details, dict)
        assert set(caught.value.details) == {"risk_expiry_date", "followup_date"}


class TestRequests:
    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("2026-12-31", datetime(2026, 12, 31, 22, tzinfo=UTC)),
            ("2026-12-31T10:00:00+02:00", datetime(2026, 12, 31, 8, tzinfo=UTC)),
            ("2026-12-31T08:00:00Z", datetime(2026, 12, 31, 8, tzinfo=UTC)),
            ("", None),
            (None, None),
        ],
    )
    def test_a_deadline_is_a_moment_or_a_whole_day(self, text: str | None, expected: datetime | None) -> None:
        assert new_risk(risk_expiry_date=text).risk_expiry_date == expected

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("risk_type", "bad_luck"),
            ("risk_description", "  "),
            ("risk_description", "zero\0character"),
            ("accepted_by", "user123"),
            ("risk_expiry_date", "2026-13-01"),
            ("risk_expiry_date", "9999-12-31"),
            ("risk_expiry_date", "2026-12-31T08:00:00"),
            ("risk_expiry_date", "soon"),
            ("outstanding_steps", [0]),
            ("outstanding_steps", [13]),
            ("outstanding_steps", "all"),
            ("requires_followup", "perhaps"),
        ],
    )
    def test_what_makes_no_sense_is_refused_by_field(self, field: str, value: Any) -> None:
        with pytest.raises(ValidationError) as caught:
            new_risk(**{field: value})
        assert {problem["loc"][0] for problem in caught.value.errors()} == {field}

    def test_what_is_left_out_has_the_contracts_meaning(self) -> None:
        risk = new_risk(conditions="", colour="blue")
        assert (risk.requires_followup, risk.conditions, risk.outstanding_steps) == (True, None, None)

    def test_a_resolution_says_who_and_how(self) -> None:
        with pytest.raises(ValidationError) as caught:
            RiskResolution.model_validate({"resolution_notes": " "})
        assert {problem["loc"][0] for problem in caught.value.errors()} == {"resolved_by", "resolution_notes"}


class TestPositions:
    @given(st.integers(1, len(LIST_ORDER)), st.none() | MOMENTS, MOMENTS, st.uuids())
    def test_a_cursor_is_read_back(self, rank: int, expiry: datetime | None, at: datetime, row_id: Any) -> None:
        position = RiskPosition(rank, expiry, at, row_id)
        assert RiskPosition.from_cursor(position.cursor()) == position

    @given(st.text(max_size=60))
    def test_anything_else_is_refused(self, text: str) -> None:
        with pytest.raises(InvalidInput, match="cursor"):
            RiskPosition.from_cursor(text)

    @pytest.mark.parametrize(
        "position",
        [
            RiskPosition(9, None, NOON, uuid4()),
            RiskPosition(1, None, NOON.replace(tzinfo=None), uuid4()),
            RiskPosition(1, NOON.replace(tzinfo=None), NOON, uuid4()),
        ],
        ids=["rank", "time", "expiry"],
    )
    def test_a_cursor_that_was_tampered_with_is_refused(self, position: RiskPosition) -> None:
        with pytest.raises(InvalidInput, match="cursor"):
            RiskPosition.from_cursor(position.cursor())


def test_an_escalation_note_tells_what_ran_out_and_when() -> None:
    note = rules.escalation_note("Label missing", NOON, "Relabel by Friday")
    assert "2026-11-20 12:00" in note
    assert "Label missing" in note
    assert note.endswith("Conditions: Relabel by Friday")
    assert "Conditions" not in rules.escalation_note("Label missing", NOON, None)
