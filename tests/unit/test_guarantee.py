"""The rules of guarantee and billing: the domain page's table, its borders, and what holds for every ticket."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from runtime.clock import BUSINESS_ZONE
from ticketing.guarantee.requests import GuaranteeChanges, Installations
from ticketing.guarantee.rules import BILLABLE, PENDING, Periods, classify, difference, guarantee_end
from ticketing.vocabulary import BillingClassification, FaultCause, GuaranteeStatus

INSTALLED = date(2026, 3, 1)
UNDER = datetime(2026, 3, 2, tzinfo=UTC)
OUT = datetime(2028, 1, 1, tzinfo=UTC)
USUAL = Periods()
NOT_LIABLE = Periods(contractor_liable_during_guarantee=False)
BY_HAND = Periods(auto_classify_out_of_guarantee=False)

causes = st.sampled_from(FaultCause)
days = st.dates(date(1990, 1, 1), date(2100, 12, 31))
moments = st.datetimes(datetime(1995, 1, 1), datetime(2090, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
periods = st.builds(
    Periods,
    installation_days=st.integers(0, 36_500),
    material_days=st.integers(0, 36_500),
    contractor_liable_during_guarantee=st.booleans(),
    auto_classify_out_of_guarantee=st.booleans(),
)


class TestTheTable:
    @pytest.mark.parametrize("cause", list(FaultCause))
    def test_without_an_installation_date_everything_is_pending(self, cause: FaultCause) -> None:
        assert classify(None, cause, USUAL, UNDER) == PENDING

    @pytest.mark.parametrize("now", [UNDER, OUT])
    def test_without_a_cause_everything_is_pending(self, now: datetime) -> None:
        assert classify(INSTALLED, None, USUAL, now) == PENDING

    @pytest.mark.parametrize("now", [UNDER, OUT])
    def test_an_unknown_cause_has_a_guarantee_and_no_bill(self, now: datetime) -> None:
        found = classify(INSTALLED, FaultCause.UNKNOWN, USUAL, now)
        assert found.guarantee_status == ("under_guarantee" if now == UNDER else "out_of_guarantee")
        assert (found.billing_classification, found.is_billable) == ("pending_classification", False)

    @pytest.mark.parametrize("cause", sorted(set(FaultCause) - {FaultCause.UNKNOWN}))
    def test_out_of_guarantee_the_client_pays(self, cause: FaultCause) -> None:
        found = classify(INSTALLED, cause, USUAL, OUT)
        assert (found.guarantee_status, found.billing_classification, found.is_billable) == (
            "out_of_guarantee",
            "client_out_of_guarantee",
            True,
        )

    @pytest.mark.parametrize(
        ("cause", "rules", "billing", "billable"),
        [
            ("workmanship", USUAL, "contractor_under_guarantee", False),
            ("workmanship", NOT_LIABLE, "free_of_charge", False),
            ("material_failure", USUAL, "warranty_claim", False),
            ("client_damage", USUAL, "client_damage", True),
            ("third_party", USUAL, "third_party_damage", True),
            ("environmental", USUAL, "free_of_charge", False),
            ("vandalism", USUAL, "free_of_charge", False),
        ],
    )
    def test_under_guarantee(self, cause: str, rules: Periods, billing: str, billable: bool) -> None:
        found = classify(INSTALLED, FaultCause(cause), rules, UNDER)
        assert (found.guarantee_status, found.billing_classification, found.is_billable) == (
            "under_guarantee",
            billing,
            billable,
        )

    def test_a_project_may_want_a_person_to_decide_what_ran_out(self) -> None:
        found = classify(INSTALLED, FaultCause.WORKMANSHIP, BY_HAND, OUT)
        assert (found.guarantee_status, found.billing_classification, found.is_billable) == (
            "out_of_guarantee",
            "pending_classification",
            False,
        )


class TestBorders:
    def test_a_guarantee_of_90_days_covers_the_day_and_the_90_after_it(self) -> None:
        # 1 March and 90 days: 30 May is the last day, and it ends at midnight in Johannesburg, 22:00 in UTC.
        end = guarantee_end(INSTALLED, FaultCause.WORKMANSHIP, USUAL)
        assert end == datetime(2026, 5, 30, 22, tzinfo=UTC)
        just_before = classify(INSTALLED, FaultCause.WORKMANSHIP, USUAL, end - timedelta(microseconds=1))
        assert just_before.guarantee_status == GuaranteeStatus.UNDER_GUARANTEE
        assert classify(INSTALLED, FaultCause.WORKMANSHIP, USUAL, end).guarantee_status == "out_of_guarantee"

    def test_material_lasts_longer(self) -> None:
        assert guarantee_end(INSTALLED, FaultCause.MATERIAL_FAILURE, USUAL) == datetime(2027, 3, 1, 22, tzinfo=UTC)

    def test_a_guarantee_of_no_days_covers_the_day_itself(self) -> None:
        none = Periods(installation_days=0, material_days=0)
        assert guarantee_end(INSTALLED, FaultCause.VANDALISM, none) == datetime(2026, 3, 1, 22, tzinfo=UTC)


class TestAlways:
    @given(days, causes, periods, moments)
    def test_under_is_exactly_before_the_end_and_the_end_is_a_local_midnight(
        self, day: date, cause: FaultCause, rules: Periods, now: datetime
    ) -> None:
        found = classify(day, cause, rules, now)
        assert found.guarantee_expires_at is not None
        assert (found.guarantee_status == "under_guarantee") == (now < found.guarantee_expires_at)
        local = found.guarantee_expires_at.astimezone(BUSINESS_ZONE)
        assert (local.hour, local.minute, local.second, local.microsecond) == (0, 0, 0, 0)
        length = rules.material_days if cause == "material_failure" else rules.installation_days
        assert (local.date() - day).days == length + 1

    @given(st.none() | days, st.none() | causes, periods, moments)
    def test_a_bill_follows_from_its_class_alone(
        self, day: date | None, cause: FaultCause | None, rules: Periods, now: datetime
    ) -> None:
        found = classify(day, cause, rules, now)
        assert found.is_billable == (found.billing_classification in BILLABLE)
        if found.guarantee_status == "pending_classification":
            assert found == PENDING

    @given(days, causes, periods, moments, st.timedeltas(timedelta(0), timedelta(days=4000)))
    def test_a_guarantee_never_comes_back_with_time(
        self, day: date, cause: FaultCause, rules: Periods, now: datetime, later: timedelta
    ) -> None:
        if classify(day, cause, rules, now).guarantee_status == "out_of_guarantee":
            assert classify(day, cause, rules, now + later).guarantee_status == "out_of_guarantee"

    @given(st.none() | days, st.none() | causes, periods, moments)
    def test_classifying_twice_changes_nothing(
        self, day: date | None, cause: FaultCause | None, rules: Periods, now: datetime
    ) -> None:
        found = classify(day, cause, rules, now)
        assert difference(found.values(), found) == {}


class TestRequests:
    def test_a_class_brings_its_own_answer_to_who_pays(self) -> None:
        said = GuaranteeChanges(billing_classification=BillingClassification.CLIENT_DAMAGE, reason="seen on site")
        assert said.decided() == {"billing_classification": "client_damage", "is_billable": True}

    @pytest.mark.parametrize(
        "body",
        [
            {},
            {"reason": "nothing to change"},
            {"is_billable": True},
            {"is_billable": True, "reason": " "},
            {"is_billable": True, "reason": "a\0b"},
            {"is_billable": None, "reason": "why not"},
            {"guarantee_status": None, "reason": "why not"},
            {"billing_classification": "gratis", "reason": "why not"},
            {"is_billable": True, "automatic": True, "reason": "both"},
            {"installation_date": "1066-10-14"},
            {"guarantee": "for ever"},
        ],
    )
    def test_what_makes_no_sense_is_refused(self, body: dict[str, object]) -> None:
        with pytest.raises(ValidationError):
            GuaranteeChanges.model_validate(body)

    def test_an_expiry_may_be_taken_away(self) -> None:
        said = GuaranteeChanges.model_validate({"guarantee_expires_at": None, "reason": "no end"})
        assert said.decided() == {"guarantee_expires_at": None}

    def test_a_drop_is_installed_once(self) -> None:
        drop = {"dr_number": "DR1900001", "installed_on": "2026-03-01"}
        with pytest.raises(ValidationError, match="named twice: DR1900001"):
            Installations.model_validate({"installations": [drop, drop]})
