"""What the sandbox's tenant holds: cases with their fields and timelines, and the people and drops that they name."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

# Ids of the real service have eleven digits: more than 32 bits hold.
FIRST_CASE = 21_934_500_001
FIRST_USER = 21_900_000_100
FIRST_CONTACT = 21_934_400_001
FIRST_DROP = 21_933_300_001
FIRST_EVENT = 21_939_900_001

BOT = 21_900_000_001
SUPPORT = 21_900_000_011
QUEUE = 21_900_000_077
USERS = {BOT: "NOC Bot", SUPPORT: "Support Queue", QUEUE: "Maintenance - Example"}

# The value of the API and the label on the screen; they are the same where the API's has its spaces too.
STATUS_LABELS = {
    "New": "New",
    "Open": "Open",
    "Pending": "Pending",
    "Pending Customer": "Pending Customer",
    "Pending Customer Response": "Pending Customer Response",
    "Assigned": "Assigned",
    "InProgress": "In Progress",
    "Escalated": "Escalated",
    "Pending Company Response": "Pending Company Response",
    "InReview": "In Review",
    "Reviewed": "Reviewed",
    "Solved": "Solved",
    "Closed": "Closed",
    "Unsolved - No Response": "Unsolved - No Response",
}
CLOSED = "Closed"

EMPTY_FIELDS: Mapping[str, Any] = {
    "status": "New",
    "category": None,
    "reference": None,
    "description": None,
    "assigned_to": None,
    "contact": None,
    "telephone": None,
    "email": None,
    "address": None,
    "c__dr_number": None,
    "c__dr_location": None,
    "c__field_agent": None,
    "c__availability": None,
    "c__location_pin": None,
    "c__c_tv_connector": None,
    "c__serial_number": None,
    "c__update": None,
    "c__feedback": None,
}


@dataclass(frozen=True, slots=True)
class CaseEvent:
    """One thing on a case's timeline: `changes` maps fields to their raw old and new values."""

    id: int
    kind: str
    at: datetime
    author: str
    changes: Mapping[str, tuple[Any, Any]] = field(default_factory=dict)
    text: str | None = None
    public: bool = False


@dataclass(slots=True)
class Case:
    """A case. `fields` holds raw values; `touched` grows with each change anywhere and orders the list."""

    id: int
    label: str
    created_at: datetime
    updated_at: datetime
    fields: dict[str, Any]
    touched: int
    events: list[CaseEvent] = field(default_factory=list)

    @property
    def is_closed(self) -> bool:
        """Whether nothing about it may change any more."""
        return bool(self.fields["status"] == CLOSED)


class Labels:
    """Records of which nothing but id and name matters."""

    def __init__(self, first: int, known: Mapping[int, str] | None = None) -> None:
        self._names = dict(known or {})
        self._ids = {name: number for number, name in self._names.items()}
        self._next = itertools.count(first)

    def id_of(self, name: str | None) -> int | None:
        """Return the id of this name, which is added if need be; None for no name."""
        if name is not None and name not in self._ids:
            number = next(self._next)
            self._names[number], self._ids[name] = name, number
        return None if name is None else self._ids[name]

    def known(self, name: str) -> int | None:
        """Return the id of this name, None when there is none."""
        return self._ids.get(name)

    def name_of(self, number: int | None) -> str | None:
        """Return the name with this id."""
        return self._names.get(number) if number is not None else None


class Records:
    """Everything in memory. Not safe for threads by itself: the sandbox's lock is held around it."""

    def __init__(self) -> None:
        self.cases: dict[int, Case] = {}
        self.users = Labels(FIRST_USER, USERS)
        self.contacts = Labels(FIRST_CONTACT)
        self.drops = Labels(FIRST_DROP)
        self._case_ids = itertools.count(FIRST_CASE)
        self._event_ids = itertools.count(FIRST_EVENT)
        self._touches = itertools.count(1)

    def touch(self) -> int:
        """Return the next number of change."""
        return next(self._touches)

    def add(self, label: str, fields: Mapping[str, Any], now: datetime) -> Case:
        """Add a case with these raw fields, the rest empty; it was made at `now`."""
        case = Case(next(self._case_ids), label, now, now, {**EMPTY_FIELDS, **fields}, self.touch())
        self.cases[case.id] = case
        return case

    def change(self, case: Case, values: Mapping[str, Any], author: str, now: datetime) -> dict[str, tuple[Any, Any]]:
        """Set raw fields without asking whether that is allowed; return those that differ, old and new."""
        changes = {name: (case.fields[name], value) for name, value in values.items() if case.fields.get(name) != value}
        if changes:
            case.fields.update({name: new for name, (_old, new) in changes.items()})
            case.updated_at = now
            case.touched = self.touch()
            self._note(case, "update", now, author, changes=changes)
        return changes

    def add_note(self, case: Case, text: str, *, public: bool, author: str, now: datetime) -> CaseEvent:
        """Put a note on a case's timeline."""
        case.updated_at = now
        case.touched = self.touch()
        return self._note(case, "note", now, author, text=text, public=public)

    def _note(self, case: Case, kind: str, now: datetime, author: str, **more: Any) -> CaseEvent:
        event = CaseEvent(next(self._event_ids), kind, now, author, **more)
        case.events.append(event)
        return event
