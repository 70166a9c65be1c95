"""What happened to a ticket in the words of those who work on it: no names of jobs, fields or events."""

from __future__ import annotations

from typing import Any

import pytest

from admin_api.console.happenings import told, who
from jobs.registry import REGISTRY
from runtime.settings import load_settings
from ticketing.timeline.views import Timeline
from ticketing.timeline.wording import description_of, field_changes_of, label_of

DUE = "2026-10-15T08:20:00.000Z"


def said(kind: str = "event", **columns: Any) -> tuple[str, str | None]:
    row: dict[str, Any] = dict.fromkeys(("name", "text", "state", "before", "after", "details", "actor_name"))
    row |= {"kind": kind, **columns}
    one = {
        "label": label_of(row),
        "description": description_of(row, {}),
        "field_changes": field_changes_of(row, {}),
    }
    [found] = told(Timeline(activities=[one], rows=[row], summary={}, has_qcontact=False, next_cursor=None))
    return found["label"], found["description"]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Naledi Khumalo", "Naledi Khumalo"),
        ("job:note_overdue_import", "the SLA clock"),
        ("sweep_sla", "the SLA clock"),
        ("job:sync_qcontact", "the sync with QContact"),
        ("job:something_new", "FibreFlow"),
        ("system", "FibreFlow"),
        ("", None),
        (None, None),
    ],
)
def test_who_did_it(name: str | None, expected: str | None) -> None:
    assert who(name) == expected


def test_whatever_runs_by_itself_is_not_called_by_the_name_of_a_job() -> None:
    for kind in REGISTRY.load(load_settings({}).job_modules):
        assert "_" not in str(who(f"job:{kind.name}"))
        assert "_" not in said("job", name=kind.name, state="completed")[0]


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        (
            {"name": "ticket_status_changed", "before": {"status": "pending_qa"}, "after": {"status": "qa_rejected"}},
            ("Status changed", "Pending QA → QA rejected"),
        ),
        (
            {
                "name": "ticket_status_changed",
                "before": {"status": "open", "closed_at": None},
                "after": {"status": "cancelled", "closed_at": DUE},
                "text": "Reported twice",
            },
            ("Status changed", "Open → Cancelled: Reported twice"),
        ),
        (
            {
                "name": "verification_step_completed",
                "before": {"is_complete": False, "completed_at": None},
                "after": {"is_complete": True, "completed_at": DUE, "notes": "-18.5 dBm"},
                "details": {"step_number": 8, "step_name": "Power meter", "progress": "8/12"},
            },
            ("Step 8 completed", "Power meter, notes -18.5 dBm"),
        ),
        (
            {
                "name": "attachment_uploaded",
                "after": {"filename": "step-2.jpg", "file_type": "photo", "file_size": 9, "step_number": 2},
            },
            ("Photo of step 2 added", "step-2.jpg"),
        ),
        ({"name": "attachment_uploaded", "after": {"filename": "a.pdf"}}, ("File added", "a.pdf")),
        (
            {
                "name": "photo_inspected",
                "before": {"inspection_status": "pending"},
                "after": {"inspection_status": "rejected"},
                "details": {"step_number": 6, "messages": ["Too dark."]},
            },
            ("Photo of step 6 inspected", "Rejected: Too dark."),
        ),
        (
            {"name": "sla_breached", "details": {"sla_due_time": DUE, "overdue_on_arrival": True}},
            ("SLA breached", "It was due 15 Oct 2026 10:20, already late when it came in"),
        ),
        (
            {"name": "sla_warning", "details": {"percent": 75, "sla_due_time": DUE}},
            ("SLA warning", "75 % of the time is gone, it is due 15 Oct 2026 10:20"),
        ),
        ({"name": "qa_readiness_checked", "details": {"passed": True}}, ("Ready for QA", None)),
        (
            {"name": "qa_readiness_checked", "details": {"passed": False, "failed": ["dr_populated"]}},
            ("Not ready for QA yet", "1 check failed"),
        ),
        (
            {"name": "fault_joined_escalation", "details": {"scope_type": "dr", "scope_value": "DR1737348"}},
            ("Counted among repeat faults", "drop DR1737348"),
        ),
        (
            {
                "name": "escalation_created",
                "details": {"scope_type": "pole", "scope_value": "LAW.P.A2", "fault_count": 3},
                "after": {"escalation_status": "open"},
            },
            ("Repeat faults raised", "3 faults on pole LAW.P.A2"),
        ),
        (
            {"name": "sla_due_changed", "before": {"sla_due_at": None}, "after": {"sla_due_at": DUE}},
            ("SLA due changed", "SLA due 15 Oct 2026 10:20"),
        ),
        (
            {"name": "sla_due_changed", "after": {"sla_due_at": "9999-12-31T23:59:59.000Z"}},
            ("SLA due changed", "SLA due 31 Dec 9999 23:59"),
        ),
        (
            {
                "name": "ticket_updated",
                "before": {"fault_cause": "unknown", "ont_serial": "A"},
                "after": {"fault_cause": "third_party", "ont_serial": None},
            },
            ("Ticket changed", "Fault cause unknown → third party, ONT serial A → nothing"),
        ),
    ],
)
def test_what_happened(columns: dict[str, Any], expected: tuple[str, str | None]) -> None:
    assert said(**columns) == expected


def test_background_work_stands_somewhere_and_says_what_went_wrong() -> None:
    assert said("job", name="inspect_photo", state="completed") == ("Photo inspection", "Done")
    failed = said("job", name="push_to_qcontact", state="retryable", text="no answer")
    assert failed == ("Telling QContact", "Did not work, will be tried again: no answer")


def test_what_people_wrote_is_left_as_it_is() -> None:
    assert said("note", name="internal", text="The dog is friendly") == ("Note", "The dog is friendly")
