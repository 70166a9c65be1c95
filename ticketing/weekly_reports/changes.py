"""What a row of the sheet may do to a ticket: begin one, or change one without undoing the work done here.

The rule is a three-way comparison. `tickets.sheet_fields` holds what the sheet offered last; a field whose ticket still
has that value is the sheet's to change, one that was changed here is not, and where both changed there is a conflict to
be listed with both values (domain page, "Weekly import"). An empty cell says nothing and clears nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from ticketing.input_text import plain_lines
from ticketing.status import Facts, refusal
from ticketing.vocabulary import Status, TicketType

# The ticket's columns that a sheet can change, besides the status, which follows the machine.
OWNED = (
    *("title", "description", "ticket_type", "priority", "dr_number", "pole_number", "pon_number", "zone"),
    *("project_id", "address", "ont_serial", "ont_rx_level", "assigned_to", "assigned_contractor_id"),
    *("fault_cause", "fault_cause_details", "reported_at"),
)
ASSIGNEES = ("assigned_to", "assigned_contractor_id")
# What is kept in `sheet_fields`; `applied_status` besides: the status in which the sheet left the ticket.
REMEMBERED = (*OWNED, "status", "project", "assigned_text", "contractor_text")
DEFAULT_TYPE = TicketType.MAINTENANCE.value
FIRST_STATUS = Status.OPEN.value
ASSIGNED = Status.ASSIGNED.value


@dataclass(frozen=True, slots=True)
class Conflict:
    """A difference that was not applied: the ticket's value, the sheet's, and why the ticket's stays."""

    field: str
    ticket_value: Any
    sheet_value: Any
    reason: str

    def as_json(self) -> dict[str, Any]:
        """Return the conflict as it is stored with the row."""
        return {
            "field": self.field,
            "ticket_value": self.ticket_value,
            "sheet_value": self.sheet_value,
            "reason": self.reason,
        }


@dataclass(frozen=True, slots=True)
class Begin:
    """How a new ticket begins: its status, and the conflict if the sheet's status could not be reached."""

    status: str
    conflict: Conflict | None = None


@dataclass(slots=True)
class Change:
    """What a changed row does: columns to write, differences not applied, and what the sheet has now said."""

    updates: dict[str, Any] = field(default_factory=dict)
    conflicts: list[Conflict] = field(default_factory=list)
    sheet_fields: dict[str, Any] = field(default_factory=dict)


def begin(offer: Mapping[str, Any]) -> Begin:
    """Decide the status with which a new ticket begins.

    It starts `open`, or `assigned` when the row names somebody, and goes one move further where the machine allows that
    without anything else being done here. Any other status in the sheet is a conflict.
    """
    start = ASSIGNED if any(offer.get(name) for name in ASSIGNEES) else FIRST_STATUS
    wanted = offer.get("status")
    if wanted is None or wanted in (start, FIRST_STATUS):
        return Begin(start)
    if wanted == ASSIGNED:
        return Begin(start, Conflict("status", start, wanted, "nobody is named whom this system knows"))
    facts = Facts(ticket_type=offer.get("ticket_type", DEFAULT_TYPE), fault_cause=offer.get("fault_cause"))
    refused = refusal(start, wanted, facts)
    return Begin(wanted) if refused is None else Begin(start, Conflict("status", start, wanted, refused.message))


def merge(ticket: Mapping[str, Any], before: Mapping[str, Any], offer: Mapping[str, Any], facts: Facts) -> Change:
    """Decide what a changed row does to its ticket.

    All three are JSON values by ticket column: `ticket` has the OWNED columns and `status`, `before` what the sheet
    offered last (`tickets.sheet_fields`), `offer` what the row offers now.
    """
    told = {name: offer[name] for name in REMEMBERED if offer.get(name) is not None}
    change = Change(sheet_fields={**before, **told})
    for name in OWNED:
        here, last, now = (_comparable(name, values.get(name)) for values in (ticket, before, offer))
        if now is None or now in (last, here):
            continue
        if here == last:
            change.updates[name] = now
        else:
            change.conflicts.append(Conflict(name, here, now, "changed here since the last report"))
    _merge_status(change, ticket, before, offer, facts)
    return change


def _comparable(name: str, value: Any) -> Any:
    """Return a value as it can be compared: one moment has many spellings in JSON, and lines end in several ways."""
    if name == "reported_at" and value is not None:
        return datetime.fromisoformat(value).astimezone(UTC).isoformat()
    return plain_lines(value)


def _merge_status(
    change: Change, ticket: Mapping[str, Any], before: Mapping[str, Any], offer: Mapping[str, Any], facts: Facts
) -> None:
    here, wanted = ticket["status"], offer.get("status")
    named = any(change.updates.get(name) for name in ASSIGNEES)
    if wanted is not None and wanted not in (before.get("status"), here):
        untouched = here == before.get("applied_status")
        refused = refusal(here, wanted, facts) if untouched else None
        if not untouched:
            change.conflicts.append(Conflict("status", here, wanted, "moved here since the last report"))
        elif refused is not None:
            change.conflicts.append(Conflict("status", here, wanted, refused.message))
        else:
            change.updates["status"] = wanted
    if named and here == FIRST_STATUS and change.updates.get("status", here) == FIRST_STATUS:
        change.updates["status"] = ASSIGNED
    change.sheet_fields["applied_status"] = change.updates.get("status", before.get("applied_status", here))
