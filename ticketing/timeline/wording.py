"""What the timeline says of each thing that happened, for people: pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any
from uuid import UUID

NAMED_FIELDS = frozenset({"assigned_to", "assigned_contractor_id", "assigned_team_id", "project_id", "closed_by"})
"""Fields whose values are ids of people, companies, teams and projects: people read the names."""

ICONS: Mapping[str, str] = MappingProxyType(
    {
        "note": "sticky-note",
        "update": "pencil",
        "status_change": "arrow-right",
        "assignment": "user-check",
        "message": "message-circle",
        "system": "settings",
    }
)

_LABELS: Mapping[str, str] = MappingProxyType(
    {
        "ticket_created": "Ticket created",
        "ticket_updated": "Ticket changed",
        "ticket_assigned": "Assignment changed",
        "ticket_status_changed": "Status changed",
        "qa_readiness_withdrawn": "Not ready for QA any more",
        "qa_readiness_checked": "Readiness for QA checked",
        "sla_breached": "SLA breached",
        "sla_warning": "SLA warning",
        "notice_not_possible": "Nobody to tell by WhatsApp",
        "qa_approved": "Approved by QA",
        "qa_rejected": "Rejected by QA",
        "internal": "Note",
        "client": "Note for the client",
        "system": "Note of the system",
    }
)
_DIRECTIONS = {"inbound": "from QContact", "outbound": "to QContact"}


def label_of(row: Mapping[str, Any]) -> str:
    """Return what happened in a few words."""
    name = row["name"]
    if row["kind"] == "message":
        return f"WhatsApp: {spoken(name)}" if name else "WhatsApp message"
    if row["kind"] == "job":
        return f"Job: {spoken(name)}"
    if row["kind"] == "sync":
        return f"{spoken(name)} {_DIRECTIONS[row['details']['direction']]}"
    return _LABELS.get(name) or spoken(name)


def spoken(name: str) -> str:
    """Return a name of the code as people write it: `ticket_assigned` is "Ticket assigned"."""
    words = name.replace("_", " ").replace("qa ", "QA ").replace("sla ", "SLA ")
    return words[:1].upper() + words[1:]


def description_of(row: Mapping[str, Any], names: Mapping[str, str]) -> str | None:
    """Return what is to be said besides the label; None where that says it all. `names` are those of ids as text."""
    if row["kind"] == "note":
        text: str | None = row["text"]
        return text
    if row["kind"] == "message":
        recipient = row["details"]["recipient_name"] or row["details"]["recipient_type"]
        return f"To {recipient}, {row['state']}: {row['text']}"
    if row["kind"] in {"job", "sync"}:
        return ": ".join(part for part in (row["state"], row["text"]) if part)
    changes = field_changes_of(row, names) or []
    said = ", ".join(_said(change) for change in changes[:_MOST_SAID])
    more = f" and {len(changes) - _MOST_SAID} more" if len(changes) > _MOST_SAID else ""
    return ": ".join(part for part in (said + more, row["text"]) if part) or None


def field_changes_of(row: Mapping[str, Any], names: Mapping[str, str]) -> list[dict[str, Any]] | None:
    """Return which fields changed, from what to what; None where none did. A field that had no value has no old one."""
    before, after = row["before"] or {}, row["after"] or {}
    fields = [*after, *(field for field in before if field not in after)]
    changes = [_change(field, before, after, names) for field in fields if not _stayed(field, before, after)]
    return changes or None


def _stayed(field: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    return field in before and field in after and before[field] == after[field]


def ids_in(row: Mapping[str, Any]) -> Iterator[UUID]:
    """Yield the ids of people, companies, teams and projects that a row's changes mention."""
    for values in (row["before"] or {}, row["after"] or {}):
        for field in NAMED_FIELDS & values.keys():
            if values[field]:
                yield UUID(values[field])


def _change(
    field: str, before: Mapping[str, Any], after: Mapping[str, Any], names: Mapping[str, str]
) -> dict[str, Any]:
    old, new = (_shown(field, values.get(field), names) for values in (before, after))
    return {"field": field, **({"old_value": old} if field in before else {}), "new_value": new}


def _shown(field: str, value: Any, names: Mapping[str, str]) -> Any:
    return names.get(value, value) if field in NAMED_FIELDS and isinstance(value, str) else value


def _said(change: Mapping[str, Any]) -> str:
    name = change["field"]
    field, new = spoken(name.removesuffix("_id")), _text(name, change["new_value"])
    return f"{field}: {_text(name, change['old_value'])} → {new}" if "old_value" in change else f"{field}: {new}"


def _text(field: str, value: Any) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = str(value).replace("_", " ").replace("qa", "QA") if field in _WORD_FIELDS else str(value)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


_WORD_FIELDS = frozenset(
    {"status", "priority", "source", "ticket_type", "fault_cause", "guarantee_status", "billing_classification"}
)
"""Fields whose values are words of the wire: people read them without the underscores."""
_LONGEST = 80
_MOST_SAID = 5
