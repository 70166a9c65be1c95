"""What comes from QContact is read tolerantly: both shapes of a case, timelines, pages, and whatever else is sent."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.qcontact.wire import CasePage, read_case, read_events, read_page

ROW = {
    "id": 31934500001,
    "entity_type": "Case",
    "label": "No light FT700123",
    "assigned_to": "Maintenance - Sample",
    "__assigned_to": 31900000077,
    "status": "In Progress",
    "__status": "InProgress",
    "__status__color": "#f0a000",
    "c__dr_location": None,
    "__c__dr_location": None,
    "created_at": "2026-05-02T06:00:00.000Z",
}
WHOLE = {
    "id": 31934500001,
    "label": "No light FT700123",
    "created_at": "2026-05-02T06:00:00.000Z",
    "updated_at": "2026-05-03T08:15:29.000Z",
    "fields": {"status": "Assigned", "assigned_to": 31900000077, "c__dr_number": 5, "telephone": None, "secret": "x"},
    "relationships": {"c__dr_number": {"id": 5, "label": "DR9900123"}, "c__location_pin": None, "contact": "odd"},
    "priority": "high",
}


def test_a_row_of_a_list() -> None:
    case = read_case(ROW)
    assert case is not None
    assert (case.id, case.status, case.assigned_to) == ("31934500001", "InProgress", "31900000077")
    assert case.label_of("assigned_to") == "Maintenance - Sample"
    assert case.label_of("status") == "In Progress"
    assert case.created_at == datetime(2026, 5, 2, 6, tzinfo=UTC)
    assert not case.is_whole
    assert "status__color" not in case.fields


def test_a_case_as_a_whole() -> None:
    case = read_case(WHOLE)
    assert case is not None
    assert case.is_whole
    assert case.label_of("c__dr_number") == "DR9900123"
    assert case.labels["c__location_pin"] is None
    assert case.labels["contact"] is None
    assert case.text("c__dr_number") == "5"
    assert case.text("telephone") is None
    assert "secret" not in case.fields
    assert case.updated_at == datetime(2026, 5, 3, 8, 15, 29, tzinfo=UTC)


def test_a_flat_case_of_old() -> None:
    case = read_case({"id": "7", "status": "Open", "c__dr_number": "DR9900123", "updated_at": "2026-05-03T08:15:29"})
    assert case is not None
    assert (case.status, case.text("c__dr_number")) == ("Open", "DR9900123")
    assert case.updated_at == datetime(2026, 5, 3, 8, 15, 29, tzinfo=UTC)


def test_a_status_that_is_not_there_is_unknown() -> None:
    case = read_case({"id": 7, "label": "FT1"})
    assert case is not None
    assert case.status is None


@pytest.mark.parametrize("body", [None, [], "x", {}, {"id": None}, {"id": True}, {"id": [1]}, {"id": " "}])
def test_what_is_no_case(body: Any) -> None:
    assert read_case(body) is None


@pytest.mark.parametrize(
    ("rows", "page", "count", "is_last", "pages"),
    [(2, 1, 5, False, 3), (2, 2, 4, True, 2), (1, 1, None, True, None), (2, 1, None, False, None), (0, 1, 0, True, 1)],
)
def test_pages(rows: int, page: int, count: int | None, is_last: bool, pages: int | None) -> None:
    body = {"results": [{**ROW, "id": number} for number in range(1, rows + 1)]}
    if count is not None:
        body["pagination"] = {"count": count}  # type: ignore[assignment]
    found = read_page(body, page, 2)
    assert found is not None
    assert (len(found.cases), found.is_last, found.pages) == (rows, is_last, pages)


def test_one_unreadable_row_stops_no_page() -> None:
    found = read_page({"results": [ROW, {"label": "no id"}, 7], "total": 3}, 1, 3)
    assert found is not None
    assert found == CasePage(cases=found.cases[:1], page=1, items=3, total=3, unreadable=2)
    assert found.is_last


def test_timelines_in_both_spellings() -> None:
    changes = {"$t.fields.assigned_to": {"field": "Assigned to", "old_value": "Desk", "new_value": 5}, "odd": 1}
    new = {"id": 2, "event_type": "update", "raised_at": "2026-05-03T08:15:29Z", "formatted_changes": changes}
    old = {"id": 1, "type": "note", "html": "<b>x</b>", "user": {"name": "Lerato"}, "public": True, "is_pinned": False}
    events = read_events({"results": [new, old, {"no": "id"}]})
    assert events is not None
    assert [event.kind for event in events] == ["update", "note"]
    assert events[0].changes == (("Assigned to", "Desk", "5"),)
    assert (events[1].text, events[1].author, events[1].is_public, events[1].is_pinned) == (
        "<b>x</b>",
        "Lerato",
        True,
        False,
    )
    assert read_events([old]) == [events[1]]
    assert read_events({"error": "x"}) is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["id", "label", "fields", "relationships", "status", "__status", "c__x", "results", "user"])
            | st.text(max_size=8),
            inner,
            max_size=5,
        )
    ),
    max_leaves=20,
)


@given(JSON)
def test_whatever_is_sent_is_read_or_refused(body: Any) -> None:
    case = read_case(body)
    assert case is None or (case.id and "\x00" not in str(case.fields.values()))
    read_page(body, 1, 50)
    read_events(body)
