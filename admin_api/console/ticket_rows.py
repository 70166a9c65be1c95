"""What lists, the board and the page tell of a ticket besides its fields: how its clock stands, and who has it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from admin_api.console.wording import span
from admin_api.context import actor, now
from sql.database import Connection
from ticketing import directory
from ticketing.sla import service as sla
from ticketing.ticket_changes import ASSIGNEE_FIELDS

WARNED_AT = 75.0
_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Standing:
    """How a clock stands: the name of a state, and what to say of it in place of that name."""

    state: str
    said: str


def rows_of(connection: Connection, tickets: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return tickets with `sla` (a Standing, or None where no clock runs) and `assignee` (a name, or None)."""
    ids = [ticket["id"] for ticket in tickets]
    clocks = {clock["ticket_id"]: clock for clock in sla.list_clocks(connection, actor(), ids, now())} if ids else {}
    names = directory.names_of(connection, (found for ticket in tickets for found in _companies_and_teams(ticket)))
    return [row_of(ticket, clocks.get(ticket["id"]), names) for ticket in tickets]


def row_of(ticket: Mapping[str, Any], clock: Mapping[str, Any] | None, names: Mapping[UUID, str]) -> dict[str, Any]:
    """Return a ticket as `rows_of` does, from its clock and the names of those who may have it."""
    how = standing(clock, now(), closed=bool(ticket["closed_at"])) if clock else None
    return {**ticket, "sla": how, "assignee": assignee(ticket, names)}


def standing(clock: Mapping[str, Any], at: datetime, *, closed: bool) -> Standing | None:
    """Return how a clock stands; None for one that does not count. Coarse: a page is not another every second."""
    state, due = clock["state"], clock["sla_due_at"]
    if state in ("none", "cancelled") or due is None:
        return None
    if state == "met":
        return Standing("sla_met", "Kept")
    if state == "breached":
        return Standing("sla_breached", f"Late by {_coarse(at - due)}" if due < at and not closed else "Missed")
    left = _coarse(clock["remaining_minutes"] * _MINUTE)
    if state == "paused":
        return Standing("sla_paused", f"Paused, {left} left")
    warned = (clock["elapsed_percent"] or 0) >= WARNED_AT
    return Standing("sla_warning" if warned else "sla_running", f"{left} left")


def assignee(ticket: Mapping[str, Any], names: Mapping[UUID, str]) -> str | None:
    """Return who has a ticket: the person, and the company or team, by name; None where nobody has it."""
    person = [ticket["assigned_user"]["name"]] if ticket["assigned_user"] else []
    others = [names[found] for found in _companies_and_teams(ticket) if found in names]
    told = person + others or ([ticket["assigned_team"]] if ticket["assigned_team"] else [])
    return ", ".join(told) or None


def _companies_and_teams(ticket: Mapping[str, Any]) -> list[UUID]:
    return [ticket[field] for field in ASSIGNEE_FIELDS if field != "assigned_to" and ticket[field]]


def _coarse(length: timedelta) -> str:
    """Return a length of time without its seconds."""
    return span(length // _MINUTE * _MINUTE) if length >= _MINUTE else "less than a minute"
