"""Counting faults by place: one set-based query for the nightly scan, an import, a ticket, and a mere look."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sql.database import Connection, queries
from ticketing.paging import fetch_planned
from ticketing.repeat_faults.rules import WITHIN_PROJECT, Pattern
from ticketing.vocabulary import EscalationScope

# A sheet's day and another machine's clock may run ahead of ours; what lies further ahead waits until it comes.
AHEAD = timedelta(days=1)

_NO_PROJECT = UUID(int=0)


@dataclass(frozen=True, slots=True)
class Place:
    """Where faults are counted. For a PON and a zone the project is part of the name: None is that of no project."""

    scope: EscalationScope
    value: str
    project_id: UUID | None = None

    @property
    def within(self) -> UUID:
        """The project as the scan's query names it."""
        inside = self.scope in WITHIN_PROJECT and self.project_id is not None
        return self.project_id or _NO_PROJECT if inside else _NO_PROJECT


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """Where to look: everywhere, or at the places of tickets, of a report's tickets, or at those named.

    `any_project` looks at PONs and zones of that number in every project; `project_id` counts only its faults;
    `threshold` and `window_days` take the place of what is set; `quiet_too` tells also of places that need nothing.
    """

    everywhere: bool = False
    tickets: Sequence[UUID] | None = None
    report_id: UUID | None = None
    places: Sequence[Place] | None = None
    any_project: bool = False
    project_id: UUID | None = None
    threshold: int | None = None
    window_days: int | None = None
    quiet_too: bool = False


@dataclass(frozen=True, slots=True)
class Finding:
    """A place with its faults. `escalation_id` is of the one that is not resolved; `ticket_ids` only where listed."""

    place: Place
    pattern: Pattern
    escalation_id: UUID | None
    ticket_ids: tuple[UUID, ...]


def scan(connection: Connection, now: datetime, question: Question, *, listed: bool = False) -> list[Finding]:
    """Return the places that need an escalation, or whose unresolved one has faults to join it. Writes nothing.

    With `listed` each has its faults; with `question.quiet_too` every place that has any fault in its window is told.
    """
    rows = fetch_planned(
        connection, queries("repeat_faults").scan_repeat_faults, **_parameters(connection, now, question, listed)
    )
    return [_finding(row) for row in rows]


def _parameters(connection: Connection, now: datetime, question: Question, listed: bool) -> dict[str, Any]:
    days = question.window_days or queries("repeat_faults").get_widest_window(connection)
    places = question.places
    return {
        "now": now,
        "since": now - timedelta(days=days),
        "until": now + AHEAD,
        "everywhere": question.everywhere,
        "ticket_ids": None if question.tickets is None else list(question.tickets),
        "report_id": question.report_id,
        "scope_types": None if places is None else [place.scope.value for place in places],
        "scope_values": None if places is None else [place.value for place in places],
        "scope_projects": None if places is None else [_named(place, question.any_project) for place in places],
        "project": question.project_id,
        "threshold": question.threshold,
        "window_days": question.window_days,
        "quiet_too": question.quiet_too,
        "listed": listed,
    }


def _named(place: Place, any_project: bool) -> UUID | None:
    return None if any_project and place.scope in WITHIN_PROJECT else place.within


def _finding(row: dict[str, Any]) -> Finding:
    scope = EscalationScope(row["scope_type"])
    return Finding(
        Place(scope, row["scope_value"], row["project_id"]),
        Pattern(scope, row["scope_value"], row["fault_count"], row["threshold"], row["window_days"]),
        row["escalation_id"],
        tuple(row["ticket_ids"] or ()),
    )
