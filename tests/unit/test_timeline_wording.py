"""What the timeline says of each thing that happened: pure."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ticketing.timeline.wording import ICONS, description_of, field_changes_of, ids_in, label_of, spoken
from ticketing.vocabulary import ActivityType

THANDI = str(uuid4())
NAMES = {THANDI: "Thandi Example"}


def row(kind: str = "event", **fields: Any) -> dict[str, Any]:
    empty = dict.fromkeys(("text", "state", "before", "after", "details"))
    return {"kind": kind, "name": "ticket_updated", **empty} | fields


@pytest.mark.parametrize(
    ("happened", "label", "description"),
    [
        (
            row(
                name="ticket_status_changed", before={"status": "open"}, after={"status": "assigned"}, text="rain over"
            ),
            "Status changed",
            "Status: open → assigned: rain over",
        ),
        (
            row(name="ticket_assigned", before={"assigned_to": None}, after={"assigned_to": THANDI}),
            "Assignment changed",
            "Assigned to: nothing → Thandi Example",
        ),
        (row(name="ticket_created", before={}, after={"priority": "high"}), "Ticket created", "Priority: high"),
        (
            row(
                before={"status": "in_progress", "is_billable": None},
                after={"status": "pending_qa", "is_billable": True},
            ),
            "Ticket changed",
            "Status: in progress → pending QA, Is billable: nothing → yes",
        ),
        (row(name="photo_inspected", before={}, after={}), "Photo inspected", None),
        (row("note", name="internal", text="Gate is locked"), "Note", "Gate is locked"),
        (row("note", name="system", text="Escalated"), "Note of the system", "Escalated"),
        (
            row(
                "message",
                name="ticket_assigned",
                text="FF100001 is yours",
                state="sent",
                details={"recipient_name": "Sipho", "recipient_type": "technician"},
            ),
            "WhatsApp: Ticket assigned",
            "To Sipho, sent: FF100001 is yours",
        ),
        (
            row(
                "message",
                name=None,
                text="Hi",
                state="failed",
                details={"recipient_name": None, "recipient_type": "team"},
            ),
            "WhatsApp message",
            "To team, failed: Hi",
        ),
        (row("job", name="check_readiness", state="completed"), "Job: Check readiness", "completed"),
        (row("job", name="check_readiness", state="discarded", text="boom"), "Job: Check readiness", "discarded: boom"),
        (
            row("sync", name="status_update", state="failed", text="no answer", details={"direction": "outbound"}),
            "Status update to QContact",
            "failed: no answer",
        ),
    ],
)
def test_what_is_said(happened: dict[str, Any], label: str, description: str | None) -> None:
    assert (label_of(happened), description_of(happened, NAMES)) == (label, description)


def test_changes_name_what_was_and_what_is() -> None:
    changed = row(before={"assigned_to": THANDI, "gone": 1}, after={"assigned_to": None, "title": "Dark"})
    assert field_changes_of(changed, NAMES) == [
        {"field": "assigned_to", "old_value": "Thandi Example", "new_value": None},
        {"field": "title", "new_value": "Dark"},
        {"field": "gone", "old_value": 1, "new_value": None},
    ]
    assert field_changes_of(row(before={}, after={}), NAMES) is None
    assert [str(found) for found in ids_in(changed)] == [THANDI]


def test_what_stayed_as_it_was_is_no_change() -> None:
    stayed = row(before={"completed_by": None, "is_complete": False}, after={"completed_by": None, "is_complete": True})
    assert [change["field"] for change in field_changes_of(stayed, {}) or []] == ["is_complete"]


def test_a_long_value_is_cut_in_the_sentence_and_whole_in_the_change() -> None:
    long = row(before={"description": "x" * 500}, after={"description": "y" * 500})
    assert len(description_of(long, {}) or "") < 200
    (change,) = field_changes_of(long, {}) or []
    assert (len(change["old_value"]), len(change["new_value"])) == (500, 500)


def test_of_many_changes_the_sentence_tells_some_and_how_many_more() -> None:
    many = row(before={}, after={f"field_{number}": number for number in range(7)})
    assert (description_of(many, {}) or "").endswith("Field 4: 4 and 2 more")
    assert len(field_changes_of(many, {}) or []) == 7


def test_every_type_has_an_icon() -> None:
    assert set(ICONS) == set(ActivityType)


@pytest.mark.parametrize(
    ("name", "words"), [("qa_ready", "QA ready"), ("sla_due_at", "SLA due at"), ("x", "X"), ("", "")]
)
def test_names_as_people_write_them(name: str, words: str) -> None:
    assert spoken(name) == words


_values = st.dictionaries(st.text(max_size=8), st.none() | st.integers() | st.text(max_size=200) | st.booleans())


@given(_values, _values, st.none() | st.text(max_size=30))
def test_every_change_is_told_once_whatever_it_is(
    before: dict[str, Any], after: dict[str, Any], text: str | None
) -> None:
    happened = row(before=before, after=after, text=text)
    changes = field_changes_of(happened, {}) or []
    stayed = {field for field in before.keys() & after.keys() if before[field] == after[field]}
    assert sorted(change["field"] for change in changes) == sorted({*before, *after} - stayed)
    assert [change["new_value"] for change in changes] == [after.get(change["field"]) for change in changes]
    said = description_of(happened, {})
    assert said is None or said
