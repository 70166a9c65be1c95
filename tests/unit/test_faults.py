"""The rules of fault attribution: words, details, ranges and shares."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ticketing.errors import InvalidInput
from ticketing.faults import rules
from ticketing.faults.rules import Grouping, Period
from ticketing.vocabulary import FaultCause

DETAILS = st.none() | st.text(max_size=5)


class TestWords:
    @pytest.mark.parametrize("cause", FaultCause)
    def test_every_cause_is_read(self, cause: FaultCause) -> None:
        assert rules.parse_cause(cause.value) is cause

    @given(st.none() | st.integers() | st.text(max_size=20) | st.lists(st.sampled_from(sorted(FaultCause))))
    def test_anything_else_is_answered_with_the_words(self, wrong: object) -> None:
        if wrong in {cause.value for cause in FaultCause} if isinstance(wrong, str) else False:
            return
        with pytest.raises(InvalidInput, match="Invalid fault_cause") as caught:
            rules.parse_cause(wrong)
        assert isinstance(caught.value.details, dict)
        assert caught.value.details["valid_values"] == list(FaultCause)

    def test_groupings_and_periods_are_answered_with_theirs(self) -> None:
        assert (rules.parse_grouping("zone_id"), rules.parse_period("week")) == (Grouping.ZONE_ID, Period.WEEK)
        with pytest.raises(InvalidInput, match="Invalid group_by parameter") as caught:
            rules.parse_grouping("colour")
        assert isinstance(caught.value.details, dict)
        assert caught.value.details["valid_values"] == list(Grouping)
        with pytest.raises(InvalidInput, match="Invalid period parameter"):
            rules.parse_period("year")


class TestDetails:
    @pytest.mark.parametrize(
        ("cause_before", "given_details", "expected"),
        [
            ("vandalism", None, "Old"),  # the cause stays, nothing is said of its details
            ("workmanship", None, None),  # they explained another cause
            (None, None, None),
            ("vandalism", ("New",), "New"),
            ("workmanship", ("New",), "New"),
            ("vandalism", (None,), None),  # null clears
        ],
    )
    def test_details_go_with_their_cause(
        self, cause_before: str | None, given_details: tuple[str | None] | None, expected: str | None
    ) -> None:
        assert rules.details_after(cause_before, "Old", FaultCause.VANDALISM, given_details) == expected

    @given(st.none() | st.sampled_from(sorted(FaultCause)), DETAILS, st.sampled_from(FaultCause), DETAILS)
    def test_what_is_given_wins(
        self, cause_before: str | None, details: str | None, cause: FaultCause, given_details: str | None
    ) -> None:
        assert rules.details_after(cause_before, details, cause, (given_details,)) == given_details


class TestRanges:
    def test_a_day_is_a_local_day_with_both_ends(self) -> None:
        assert rules.first_moment("2026-11-22", "start_date") == datetime(2026, 11, 21, 22, tzinfo=UTC)
        assert rules.moment_after("2026-11-22", "end_date") == datetime(2026, 11, 22, 22, tzinfo=UTC)

    @given(st.datetimes(datetime(1950, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001
    def test_a_moment_is_within_the_range_that_ends_with_it(self, moment: datetime) -> None:
        text = moment.isoformat()
        assert rules.first_moment(text, "start_date") == moment
        assert rules.moment_after(text, "end_date") - moment == timedelta(microseconds=1)

    @pytest.mark.parametrize(
        "text",
        ["soon", "2026-13-01", "2026-02-30", "2026-11-22T08:00:00", "0001-01-01", "9999-12-31", "9999-12-31T23:59:59Z"],
    )
    def test_what_is_no_moment_is_refused_by_field(self, text: str) -> None:
        with pytest.raises(InvalidInput) as caught:
            rules.moment_after(text, "end_date")
        assert isinstance(caught.value.details, dict)
        assert set(caught.value.details) == {"end_date"}


class TestShares:
    @pytest.mark.parametrize(
        ("count", "total", "text"), [(15, 50, "30.00"), (1, 3, "33.33"), (2, 3, "66.67"), (1, 1, "100.00")]
    )
    def test_a_share_has_two_decimals(self, count: int, total: int, text: str) -> None:
        assert rules.percentage(count, total) == text

    @given(st.lists(st.integers(1, 10_000), min_size=1, max_size=50))
    def test_the_shares_of_all_groups_come_to_the_whole(self, counts: list[int]) -> None:
        shares = [Decimal(rules.percentage(count, sum(counts))) for count in counts]
        assert abs(sum(shares, Decimal()) - 100) <= Decimal("0.005") * len(counts)
