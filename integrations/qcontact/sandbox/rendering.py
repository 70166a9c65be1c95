"""Records as the service words them: rows of the list, the detail of a case, its timeline."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from integrations.qcontact.sandbox.listing import Page
from integrations.qcontact.sandbox.records import STATUS_LABELS, Case, CaseEvent, Records
from integrations.qcontact.sandbox.switches import QContactSwitches

Json = dict[str, Any]

COLUMNS = [
    {"name": "label", "label": "Label", "type": "string"},
    {"name": "status", "label": "Status", "type": "dropdown"},
    {"name": "c__dr_location", "label": "DR Location", "type": "string"},
]
FIELD_LABELS = {
    "assigned_to": "Assigned to",
    "status": "Status",
    "description": "Description",
    "category": "Category",
    "c__update": "Update",
    "c__feedback": "Feedback",
}


def timestamp(moment: datetime) -> str:
    """Return a moment as the service writes it: UTC with milliseconds and Z."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


class Rendering:
    """Words records under the present switches."""

    def __init__(self, records: Records, switches: QContactSwitches) -> None:
        self.records = records
        self.switches = switches

    def listed(self, page: Page) -> Json:
        """Return a page of the list."""
        figures = {"count": page.total, "page": page.number, "items": page.items, "pages": page.pages}
        results = [self.row(case) for case in page.cases]
        if self.switches.pagination_shape == "top_level":
            return {"columns": COLUMNS, "results": results, "total": page.total, "page": page.number}
        return {"columns": COLUMNS, "results": results, "pagination": figures}

    def row(self, case: Case) -> Json:
        """Return a case as a row: labels under the plain names, raw values under the others."""
        fields = case.fields
        row = {
            "id": case.id,
            "entity_type": "Case",
            "label": case.label,
            "icon": "case",
            "assigned_to": self.records.users.name_of(fields["assigned_to"]),
            "__assigned_to": fields["assigned_to"],
            "contact": self.records.contacts.name_of(fields["contact"]),
            "__contact": fields["contact"],
            "category": fields["category"],
            "__category": fields["category"],
        }
        if fields["category"] is not None:
            row["__category__color"] = None
        return {
            **row,
            **self._row_status(case),
            "c__dr_location": fields["c__dr_location"],
            "__c__dr_location": fields["c__dr_location"],
            "created_at": timestamp(case.created_at),
        }

    def _row_status(self, case: Case) -> Json:
        shown = {"always": True, "never": False, "some": case.id % 2 == 1}[self.switches.row_status]
        if not shown:
            return {}
        raw = case.fields["status"]
        label = raw if self.switches.status_form == "api" else STATUS_LABELS.get(raw, raw)
        return {"status": label, "__status": self._status(raw), "__status__color": "#f0a000"}

    def _status(self, raw: str) -> str:
        return STATUS_LABELS.get(raw, raw) if self.switches.status_form == "label" else raw

    def detail(self, case: Case) -> Json:
        """Return a case whole, its fields nested or, in the older shape, at the top."""
        fields = {**case.fields, "status": self._status(case.fields["status"])}
        frame = {
            "id": case.id,
            "entity_type": "Case",
            "label": case.label,
            "icon": "case",
            "created_at": timestamp(case.created_at),
            "updated_at": timestamp(case.updated_at),
        }
        if self.switches.detail_shape == "flat":
            return {**frame, **fields, "relationships": self._relationships(case)}
        return {**frame, "fields": fields, "relationships": self._relationships(case)}

    def _relationships(self, case: Case) -> Json:
        fields, records = case.fields, self.records
        drop = _related(fields["c__dr_number"], "c__DR", "home", records.drops.name_of(fields["c__dr_number"]))
        return {
            "contact": _related(fields["contact"], "Contact", "person", records.contacts.name_of(fields["contact"])),
            "assigned_to": _related(
                fields["assigned_to"], "User", "user", records.users.name_of(fields["assigned_to"])
            ),
            "c__dr_number": {**drop, "source": None, "status": None} if drop else None,
            "c__location_pin": None,
        }

    def timeline(self, case: Case, page: int, items: int) -> Any:
        """Return a page of a case's events, the newest first."""
        newest = list(reversed(case.events))[(page - 1) * items : page * items]
        results = [self._event(event) for event in newest]
        return results if self.switches.events_shape == "list" else {"results": results}

    def _event(self, event: CaseEvent) -> Json:
        old = self.switches.event_names == "old"
        named = {
            "type" if old else "event_type": event.kind,
            "created_at" if old else "raised_at": timestamp(event.at),
            "user": {"name" if old else "label": event.author, "email": None},
            "public" if old else "public_note": event.public,
            "is_pinned" if old else "pinned": False,
        }
        if event.text is not None:
            return {"id": event.id, **named, "subtitle": event.text, "html": f"<p>{event.text}</p>"}
        changes = {name: [old_value, new] for name, (old_value, new) in event.changes.items()}
        readable = {f"$t.fields.{name}": self._readable(name, *pair) for name, pair in event.changes.items()}
        return {"id": event.id, **named, "formatted_changes": readable, "changes": changes}

    def _readable(self, name: str, old: Any, new: Any) -> Json:
        return {
            "field": FIELD_LABELS.get(name, name),
            "old_value": self._label(name, old),
            "new_value": self._label(name, new),
        }

    def _label(self, name: str, value: Any) -> Any:
        if name == "assigned_to":
            return self.records.users.name_of(value)
        return STATUS_LABELS.get(value, value) if name == "status" else value


def _related(number: int | None, kind: str, icon: str, label: str | None) -> Json | None:
    if number is None:
        return None
    return {"id": number, "type": kind, "entity_type": kind, "label": label, "icon": icon, "deleted": False}
