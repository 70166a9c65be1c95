"""The dashboard's figures, right at any moment: running totals, and what became late since it was last noted.

Reads a few thousand rows of totals instead of a million tickets. Reads only.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from runtime.clock import BUSINESS_ZONE
from sql.database import Connection, queries
from ticketing.dashboard.rules import Days, Figures, add_up, assignee_name
from ticketing.paging import fetch_planned
from ticketing.people import find_project

MOST_PEOPLE = 1_000

# A project that no row has: what is asked for does not exist, so nothing is found.
_NOTHING = UUID(int=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """Who has how many tickets, busiest first; `is_cut` if there are more people than MOST_PEOPLE."""

    rows: list[dict[str, Any]]
    is_cut: bool


def project_of(connection: Connection, text: str | None) -> UUID | None:
    """Return the project with this id or code, one that no ticket has if there is none, and None for no text."""
    return (find_project(connection, text) or _NOTHING) if text else None


def summarise(connection: Connection, now: datetime, days: Days, project_id: str | None = None) -> Figures:
    """Add up the tickets that were reported on these days, of one project (id or code) or of all."""
    rows = fetch_planned(
        connection,
        queries("dashboard").summarise,
        project=project_of(connection, project_id),
        from_day=days.first,
        to_day=days.last,
        now=now,
        zone=BUSINESS_ZONE.key,
    )
    return add_up(rows)


def list_workload(connection: Connection, now: datetime, *, active_only: bool = False) -> Workload:
    """Return who has how many tickets; with `active_only` those that are neither closed nor cancelled."""
    rows = fetch_planned(
        connection, queries("dashboard").list_workload, active_only=active_only, now=now, most=MOST_PEOPLE + 1
    )
    shown = [
        {
            "assigned_to": row["assigned_to"],
            "assignee_name": assignee_name(row),
            "ticket_count": row["ticket_count"],
            "overdue_count": row["overdue_count"],
        }
        for row in rows[:MOST_PEOPLE]
    ]
    return Workload(rows=shown, is_cut=len(rows) > MOST_PEOPLE)
