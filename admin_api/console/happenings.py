"""What happened to a ticket, in the words of those who work on it: what it was, who did it, what is worth saying.

The API names events, jobs and fields as programs know them; the page says the same as people do.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final

from admin_api.console.wording import words
from runtime.clock import local_time
from ticketing.timeline.views import Timeline

HOUSE = "FibreFlow"
"""Who did what nobody in particular did."""

_WHO: Final[Mapping[str, str]] = MappingProxyType(
    {
        **dict.fromkeys(("sweep_sla", "note_overdue_import"), "the SLA clock"),
        **dict.fromkeys(("import_weekly_report", "classify_imported"), "the weekly report"),
        **dict.fromkeys(
            ("scan_repeat_faults", "scan_ticket_faults", "scan_imported_faults", "forgive_repeats"),
            "the look for repeat faults",
        ),
        **dict.fromkeys(("inspect_photo", "reinspect_photos", "make_pictures"), "the photo inspection"),
        **dict.fromkeys(("check_readiness", "recheck_readiness"), "the readiness check"),
        **dict.fromkeys(("write_notice", "write_imported_notices", "send_notice", "reconcile_notices"), "the notices"),
        **dict.fromkeys(("sweep_guarantees", "apply_guarantee_periods"), "the guarantee rules"),
        **dict.fromkeys(
            ("sync_qcontact", "sync_qcontact_recent", "reread_qcontact_case", "push_to_qcontact", "process_webhook"),
            "the sync with QContact",
        ),
        "sweep_risks": "the watch over risks",
        "act_on_tickets": "an action over several tickets",
        "system": HOUSE,
    }
)
_WORK: Final[Mapping[str, str]] = MappingProxyType(
    {
        "inspect_photo": "Photo inspection",
        "make_pictures": "Smaller pictures of a photo",
        "write_notice": "Notices about a change",
        "scan_ticket_faults": "Look for repeat faults",
        "push_to_qcontact": "Telling QContact",
        "reread_qcontact_case": "Reading the case again",
        "act_on_tickets": "Action over several tickets",
        "check_readiness": "Readiness check",
    }
)
_STANDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "scheduled": "waits for its time",
        "available": "begins in a moment",
        "running": "under way",
        "retryable": "did not work, will be tried again",
        "completed": "done",
        "discarded": "did not work, was given up",
        "cancelled": "called off",
    }
)
_ARROW = " \N{RIGHTWARDS ARROW} "
# Said by the label already, or of use to programs alone.
_UNSAID = frozenset(
    {"status", "closed_at", "closed_by", "completed_at", "completed_by", "is_complete", "ticket_uid", "sla_breached"}
    | {"qa_ready", "risk_status", "escalation_status", "file_size", "file_sha256", "mime_type", "file_type"}
    | {"is_evidence", "inspection_status", "step_number", "filename"}
)


def told(timeline: Timeline) -> list[dict[str, Any]]:
    """Return the activities as the page tells them: `label`, `description` and `who` in the words of the domain."""
    return [
        {**one, **dict(zip(("label", "description"), _said(row, one), strict=True)), "who": who(row["actor_name"])}
        for row, one in zip(timeline.rows, timeline.activities, strict=True)
    ]


def who(name: str | None) -> str | None:
    """Return who did something: people by their names, what runs by itself by what it does; nobody is None."""
    if not name:
        return None
    kind = name.removeprefix("job:")
    return _WHO.get(kind, name if kind == name else HOUSE)


def _said(row: Mapping[str, Any], one: Mapping[str, Any]) -> tuple[str, str | None]:
    if row["kind"] == "job":
        stands = _STANDS.get(row["state"], _amid(row["state"]))
        return _WORK.get(row["name"], words(row["name"])), _sentence(": ".join(filter(None, (stands, row["text"]))))
    if row["kind"] != "event":
        return one["label"], one["description"]
    teller = _TELLERS.get(row["name"])
    if teller is None:
        return one["label"], _with_reason(row, _sentence(changes(one)))
    label, said = teller(row["details"] or {}, row["before"] or {}, row["after"] or {})
    return label, _with_reason(row, ", ".join(filter(None, (said, changes(one)))))


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def _with_reason(row: Mapping[str, Any], said: str) -> str | None:
    return ": ".join(filter(None, (said, row["text"]))) or None


def changes(one: Mapping[str, Any]) -> str:
    """Return which fields changed from what to what, those that people ask for."""
    return ", ".join(_change(change) for change in one["field_changes"] or () if change["field"] not in _UNSAID)


def _change(change: Mapping[str, Any]) -> str:
    name = change["field"]
    new = _value(name, change["new_value"])
    old = change.get("old_value")
    said = new if old is None else f"{_value(name, old)}{_ARROW}{new}"
    return f"{_amid(name.removesuffix('_id').removesuffix('_at'))} {said}"


def _amid(name: str) -> str:
    """Return a name as words amid a sentence: `fault_cause` is `fault cause`, `ont_serial` is `ONT serial`."""
    said = words(name)
    return said if said[1:2].isupper() else said[:1].lower() + said[1:]


def _value(name: str, value: Any) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str) and name.endswith("_at"):
        return moment_said(value)
    return _amid(str(value)) if name in _WORDED else str(value)


_WORDED = frozenset(
    {"priority", "source", "ticket_type", "fault_cause", "guarantee_status", "billing_classification", "owner"}
)


def moment_said(text: str | None) -> str:
    """Return a moment of the wire in local time, as text among other text."""
    if not text:
        return "some time"
    local = local_time(datetime.fromisoformat(text))
    return f"{local.day} {local:%b %Y %H:%M}"


_Values = Mapping[str, Any]


def _moved(_: _Values, before: _Values, after: _Values) -> tuple[str, str]:
    return "Status changed", f"{words(before.get('status'))}{_ARROW}{words(after.get('status'))}"


def _completed(details: _Values, *_: _Values) -> tuple[str, str]:
    return f"Step {details.get('step_number')} completed", str(details.get("step_name") or "")


def _uploaded(_: _Values, __: _Values, after: _Values) -> tuple[str, str]:
    step = after.get("step_number")
    photo = "Photo" if after.get("file_type") == "photo" else "File"
    return f"{photo} of step {step} added" if step else f"{photo} added", str(after.get("filename") or "")


def _inspected(details: _Values, _: _Values, after: _Values) -> tuple[str, str]:
    step = details.get("step_number")
    outcome = words(after.get("inspection_status"))
    why = " ".join(details.get("messages") or ())
    return (f"Photo of step {step} inspected" if step else "Photo inspected"), f"{outcome}: {why}" if why else outcome


def _breached(details: _Values, *_: _Values) -> tuple[str, str]:
    late = ", already late when it came in" if details.get("overdue_on_arrival") else ""
    return "SLA breached", f"It was due {moment_said(details.get('sla_due_time'))}{late}"


def _warned(details: _Values, *_: _Values) -> tuple[str, str]:
    gone = f"{details.get('percent')} % of the time is gone"
    return "SLA warning", f"{gone}, it is due {moment_said(details.get('sla_due_time'))}"


def _checked(details: _Values, *_: _Values) -> tuple[str, str]:
    failed = details.get("failed") or []
    said = f"{len(failed)} {'check' if len(failed) == 1 else 'checks'} failed" if failed else ""
    return "Ready for QA" if details.get("passed") else "Not ready for QA yet", said


def _joined(details: _Values, *_: _Values) -> tuple[str, str]:
    return "Counted among repeat faults", _place(details)


def _raised(details: _Values, *_: _Values) -> tuple[str, str]:
    return "Repeat faults raised", f"{details.get('fault_count')} faults on {_place(details)}"


def _place(details: _Values) -> str:
    kinds = {"pole": "pole", "pon": "PON", "zone": "zone", "dr": "drop"}
    return f"{kinds.get(str(details.get('scope_type')), 'place')} {details.get('scope_value')}"


_TELLERS: Final[Mapping[str, Callable[[_Values, _Values, _Values], tuple[str, str]]]] = MappingProxyType(
    {
        "ticket_status_changed": _moved,
        "verification_step_completed": _completed,
        "attachment_uploaded": _uploaded,
        "photo_inspected": _inspected,
        "sla_breached": _breached,
        "sla_warning": _warned,
        "qa_readiness_checked": _checked,
        "fault_joined_escalation": _joined,
        "escalation_created": _raised,
    }
)
