"""What a change of a ticket comes to: differences, implied moves, versions."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ticketing.ticket_changes import (
    ASSIGNEE_FIELDS,
    CHECKED_FIELDS,
    after_version,
    consequences,
    difference,
    json_ready,
    next_version,
    target_status,
    version,
    withdraws_readiness,
)
from ticketing.vocabulary import Status

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
SOMEBODY = UUID(int=7)
TICKET: dict[str, Any] = {"status": "qa_in_progress", "rectification_count": 2, "created_at": NOON}

moments = st.datetimes(datetime(2020, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - bounds


def test_only_what_differs_is_a_difference() -> None:
    ticket = {"title": "No light", "ont_rx_level": Decimal("-18.20"), "zone_id": None}
    assert difference(ticket, {"title": "No light", "ont_rx_level": Decimal("-18.2"), "zone_id": "3"}) == {
        "zone_id": "3"
    }


def test_line_ends_alone_are_no_difference() -> None:
    ticket = {"description": "No light\r\nPole leans"}
    assert difference(ticket, {"description": "No light\nPole leans"}) == {}
    assert difference(ticket, {"description": "No light\n\nPole leans"}) == {"description": "No light\n\nPole leans"}


@pytest.mark.parametrize("field", ASSIGNEE_FIELDS)
def test_an_open_ticket_given_to_somebody_becomes_assigned(field: str) -> None:
    assert target_status("open", None, {field: SOMEBODY}) == "assigned"
    assert target_status("open", "open", {field: SOMEBODY}) == "assigned"
    assert target_status("open", "cancelled", {field: SOMEBODY}) == "cancelled"
    assert target_status("open", None, {field: None}) == "open"


@given(st.sampled_from([status.value for status in Status if status != Status.OPEN]))
def test_giving_any_other_ticket_to_somebody_moves_nothing(status: str) -> None:
    assert target_status(status, None, {"assigned_to": SOMEBODY}) == status


def test_a_free_text_team_is_nobody() -> None:
    assert target_status("open", None, {"assigned_team": "Team A"}) == "open"


def test_readiness_ends_with_a_change_of_what_was_checked() -> None:
    assert all(withdraws_readiness({field: None}) for field in CHECKED_FIELDS)
    assert not withdraws_readiness({"title": "x", "assigned_to": None})


def test_a_rejection_is_counted_and_a_closing_is_signed() -> None:
    assert consequences(TICKET, "qa_in_progress", now=NOON) == {}
    assert consequences(TICKET, "qa_rejected", now=NOON) == {"status": "qa_rejected", "rectification_count": 3}
    assert consequences(TICKET, "closed", now=NOON, closed_by=SOMEBODY) == {
        "status": "closed",
        "closed_at": NOON,
        "closed_by": SOMEBODY,
    }


def test_nothing_is_closed_before_it_was_made() -> None:
    closed = consequences(TICKET, "closed", now=NOON - timedelta(seconds=3))
    assert closed["closed_at"] == NOON


@given(moments, moments)
def test_every_write_has_a_later_version(before: datetime, now: datetime) -> None:
    after = next_version(before, now)
    assert after >= now
    assert version(after) > version(before)


@given(moments)
def test_a_version_names_its_millisecond(moment: datetime) -> None:
    named = datetime.fromisoformat(version(moment))
    assert timedelta(0) <= moment - named < timedelta(milliseconds=1)
    assert after_version(named) == after_version(moment) > moment


def test_events_keep_plain_json() -> None:
    assert json_ready({"at": NOON, "id": SOMEBODY, "rx": Decimal("-18.25"), "title": "x", "none": None}) == {
        "at": "2026-11-22T12:00:00.000Z",
        "id": str(SOMEBODY),
        "rx": -18.25,
        "title": "x",
        "none": None,
    }
