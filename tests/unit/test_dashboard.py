"""The dashboard's rules: what its filters mean, how totals become figures, how imports and syncs are judged."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.clock import BUSINESS_ZONE
from ticketing.dashboard.health import import_state, sync_state
from ticketing.dashboard.rules import IGNORED, Days, Sla, add_up, assignee_name, days_of
from ticketing.vocabulary import Status

NOW = datetime(2026, 11, 23, 10, tzinfo=UTC)
DAY = date(2026, 11, 22)


class TestDays:
    @pytest.mark.parametrize(
        ("text", "day"),
        [
            ("2026-11-22", DAY),
            (" 2026-11-22 ", DAY),
            ("2026-11-22T08:00:00Z", DAY),
            # An hour and a half before midnight in London it is tomorrow in Johannesburg.
            ("2026-11-21T22:30:00Z", DAY),
            ("2026-11-22T23:59:59", DAY),
            ("2026-11-22T23:59:59+02:00", DAY),
            ("2026-11-22T23:59:59 02:00", DAY),
            ("", None),
            ("  ", None),
        ],
    )
    def test_a_day_or_a_time_on_it(self, text: str, day: date | None) -> None:
        assert days_of(text, "") == Days(first=day)
        assert days_of("", text) == Days(last=day)

    @pytest.mark.parametrize("text", ["invalid-date", "2026-13-45", "22/11/2026", "tomorrow", "9999-12-31T23:00:00Z"])
    def test_what_is_no_date_filters_nothing_and_is_told(self, text: str) -> None:
        assert days_of(text, "2026-11-22") == Days(last=DAY, ignored={"start_date": IGNORED})

    @given(st.text(max_size=40), st.text(max_size=40))
    def test_no_text_at_all_is_too_much(self, start: str, end: str) -> None:
        days = days_of(start, end)
        assert ("start_date" in days.ignored) == (days.first is None and bool(start.strip()))
        assert ("end_date" in days.ignored) == (days.last is None and bool(end.strip()))

    @given(st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001 - given a zone
    def test_a_time_stands_for_its_local_day(self, moment: datetime) -> None:
        assert days_of(moment.isoformat(), "").first == moment.astimezone(BUSINESS_ZONE).date()


def row(status: str, tickets: int, **figures: int) -> dict[str, Any]:
    names = (
        "with_sla",
        "met",
        "breached",
        "overdue",
        "resolved",
        "resolution_seconds",
        "late_overdue",
        "late_breached",
    )
    return {"status": status, "tickets": tickets, **dict.fromkeys(names, 0), **figures}


class TestAddingUp:
    def test_nothing(self) -> None:
        found = add_up([])
        assert (found.total, dict(found.by_status), found.overdue, found.resolution_hours) == (0, {}, 0, None)
        assert (found.sla.total, found.sla.rate) == (0, 0.0)

    def test_what_became_late_since_counts_once(self) -> None:
        late = {"late_overdue": 3, "late_breached": 2}
        found = add_up(
            [
                row("closed", 2, with_sla=2, met=1, breached=1, resolved=2, resolution_seconds=5 * 3600, **late),
                row("open", 10, with_sla=9, breached=1, overdue=1, **late),
            ]
        )
        assert found.total == 12
        assert dict(found.by_status) == {"closed": 2, "open": 10}
        assert (found.sla.total, found.sla.met, found.sla.breached, found.sla.running) == (11, 1, 4, 6)
        assert (found.overdue, found.resolution_hours, found.sla.rate) == (4, 2.5, 20.0)

    @given(st.integers(0, 10**6), st.integers(0, 10**6), st.integers(0, 10**6))
    def test_a_rate_is_a_share_of_what_is_decided(self, met: int, breached: int, running: int) -> None:
        sla = Sla(total=met + breached + running, met=met, breached=breached)
        assert 0 <= sla.rate <= 100
        assert sla.running == running
        assert sla.rate == pytest.approx(100 * met / (met + breached) if met + breached else 0, abs=0.005)

    @given(st.lists(st.tuples(st.sampled_from(Status), st.integers(1, 9)), unique_by=lambda pair: pair[0]))
    def test_the_total_is_that_of_every_status(self, counts: list[tuple[Status, int]]) -> None:
        assert add_up([row(status, count) for status, count in counts]).total == sum(count for _, count in counts)


def test_whoever_has_a_ticket_has_a_name() -> None:
    assert assignee_name({"assigned_to": None, "name": None}) == "Unassigned"
    assert assignee_name({"assigned_to": "0198", "name": None}) == "Unknown"
    assert assignee_name({"assigned_to": "0198", "name": "Thandi"}) == "Thandi"


@pytest.mark.parametrize(
    ("report", "state"),
    [
        (None, "never"),
        ({"status": "pending"}, "running"),
        ({"status": "processing"}, "running"),
        ({"status": "failed"}, "failed"),
        ({"status": "completed", "rejected_count": 3, "imported_at": NOW}, "rejected_rows"),
        ({"status": "completed", "rejected_count": 0, "imported_at": NOW - timedelta(days=8)}, "stale"),
        ({"status": "completed", "rejected_count": 0, "imported_at": NOW - timedelta(days=6)}, "ok"),
    ],
)
def test_how_the_import_is_doing(report: dict[str, Any] | None, state: str) -> None:
    assert import_state(report, NOW) == state


@pytest.mark.parametrize(
    ("succeeded", "failed", "state"),
    [
        (None, None, "never"),
        (NOW, None, "ok"),
        (None, NOW, "failing"),
        (NOW, NOW - timedelta(hours=1), "ok"),
        (NOW - timedelta(hours=1), NOW, "failing"),
    ],
)
def test_how_a_sync_is_doing(succeeded: datetime | None, failed: datetime | None, state: str) -> None:
    assert sync_state(succeeded, failed) == state
