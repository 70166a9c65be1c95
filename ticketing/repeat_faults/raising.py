"""Acting on what the scan finds: escalations are opened, each with its infrastructure ticket, and faults join them.

Any number of scans may run at once. The unique indexes let one of them open the escalation of a place; the others wait
for its commit and have their faults join it. Tickets are taken before escalations, in one order, as everybody does.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sql.database import queries
from ticketing import tickets
from ticketing.events import UnitOfWork
from ticketing.repeat_faults.events import EscalationCreated, FaultJoinedEscalation
from ticketing.repeat_faults.rules import FIELD_OF, WITHIN_PROJECT, description_of, kind_of, title_of
from ticketing.repeat_faults.scan import Finding, Place, Question, scan
from ticketing.ticket_input import NewTicket
from ticketing.vocabulary import EscalationScope, Priority, Source, TicketType

# So many faults an infrastructure ticket names; all of them are linked.
NAMED = 20


@dataclass(frozen=True, slots=True)
class Raised:
    """What acting came to: escalations opened, and faults that joined those which were there."""

    escalations: int = 0
    joined: int = 0

    def __add__(self, other: Raised) -> Raised:
        """Sum up."""
        return Raised(self.escalations + other.escalations, self.joined + other.joined)

    def as_json(self) -> dict[str, int]:
        """Return the counts as a job's result has them."""
        return {"escalations": self.escalations, "joined": self.joined}


def raise_due(work: UnitOfWork, question: Question) -> Raised:
    """Scan, open the escalations that are due and have faults join the unresolved ones, in one transaction.

    Looks again by itself, so what was found before may be old. Meant for a few places at a time.
    """
    findings = scan(work.connection, work.now, question, listed=True)
    if not findings:
        return Raised()
    made = _open(work, [one for one in findings if one.escalation_id is None])
    joined = _join(work, findings)
    for finding in findings:
        escalation = made.get(_key(finding.place))
        if escalation is not None:
            _make_ticket(work, escalation, finding)
    added = Counter(escalation_id for escalation_id, _ in joined)
    mine = {escalation["id"] for escalation in made.values()}
    later = {escalation_id: count for escalation_id, count in added.items() if escalation_id not in mine}
    if later:
        queries("repeat_faults").count_joined(
            work.connection, escalation_ids=list(later), added=list(later.values()), now=work.now
        )
    return Raised(len(made), sum(later.values()))


Key = tuple[str, str, UUID | None]


def _key(place: Place) -> Key:
    """Return what makes a place the same as another."""
    return place.scope, place.value, place.project_id if place.scope in WITHIN_PROJECT else None


def _key_of(row: Mapping[str, Any]) -> Key:
    return _key(Place(EscalationScope(row["scope_type"]), row["scope_value"], row["project_id"]))


def _open(work: UnitOfWork, due: Sequence[Finding]) -> dict[Key, dict[str, Any]]:
    """Open the escalations that nobody else opens; return their ids and projects by place."""
    if not due:
        return {}
    projects = _projects(work, due)
    rows = queries("repeat_faults").insert_escalations(
        work.connection,
        scope_types=[one.place.scope.value for one in due],
        scope_values=[one.place.value for one in due],
        project_ids=[projects[_key(one.place)] for one in due],
        fault_counts=[one.pattern.fault_count for one in due],
        fault_thresholds=[one.pattern.threshold for one in due],
        windows=[one.pattern.window_days for one in due],
        escalation_types=[kind_of(one.place.scope).value for one in due],
        now=work.now,
    )
    return {_key_of(row): row for row in rows}


def _projects(work: UnitOfWork, due: Sequence[Finding]) -> dict[Key, UUID | None]:
    """Return the project of each place; of a pole and a drop the one that its faults agree on, None if they do not."""
    shared = [one for one in due if one.place.scope not in WITHIN_PROJECT]
    rows = queries("repeat_faults").list_projects_of_tickets(
        work.connection, ticket_ids=[ticket_id for one in shared for ticket_id in one.ticket_ids]
    )
    project_of = {row["id"]: row["project_id"] for row in rows}
    found: dict[Key, UUID | None] = {_key(one.place): one.place.project_id for one in due}
    for one in shared:
        named = {project_of[ticket_id] for ticket_id in one.ticket_ids if ticket_id in project_of}
        found[_key(one.place)] = named.pop() if len(named) == 1 else None
    return found


def _join(work: UnitOfWork, findings: Sequence[Finding]) -> list[tuple[UUID, UUID]]:
    """Have the faults join the unresolved escalations of their places; return (escalation, ticket) of the new ones."""
    statements, connection = queries("repeat_faults"), work.connection
    unresolved = list(
        statements.list_unresolved(
            connection,
            scope_types=[one.place.scope.value for one in findings],
            scope_values=[one.place.value for one in findings],
            scope_projects=[one.place.project_id for one in findings],
            any_project=False,
        )
    )
    made_for = [row["escalation_ticket_id"] for row in unresolved if row["escalation_ticket_id"] is not None]
    faults = [ticket_id for one in findings for ticket_id in one.ticket_ids]
    statements.hold_tickets(connection, ticket_ids=[*made_for, *faults])
    locked = statements.lock_unresolved(connection, escalation_ids=[row["id"] for row in unresolved])
    escalation_of = {_key_of(row): row["id"] for row in locked}
    pairs = [
        (escalation_of[_key(one.place)], ticket_id)
        for one in findings
        if _key(one.place) in escalation_of
        for ticket_id in one.ticket_ids
    ]
    rows = statements.join_faults(
        connection,
        escalation_ids=[escalation_id for escalation_id, _ in pairs],
        ticket_ids=[ticket_id for _, ticket_id in pairs],
        now=work.now,
    )
    joined = [(row["escalation_id"], row["ticket_id"]) for row in rows]
    places = {escalation_of[_key(one.place)]: one.place for one in findings if _key(one.place) in escalation_of}
    for escalation_id, ticket_id in joined:
        work.record(
            FaultJoinedEscalation(
                ticket_id=ticket_id, escalation_id=escalation_id, details=_told(escalation_id, places[escalation_id])
            )
        )
    return joined


def _make_ticket(work: UnitOfWork, escalation: Mapping[str, Any], finding: Finding) -> None:
    """Make the infrastructure ticket of a new escalation, link the two, and tell."""
    place, pattern = finding.place, finding.pattern
    escalation_id, project_id = escalation["id"], escalation["project_id"]
    faults = queries("repeat_faults").list_contributing(
        work.connection, ticket_ids=list(finding.ticket_ids), most=NAMED
    )
    ticket = tickets.create(
        work,
        NewTicket.model_validate(
            {
                "source": Source.CONSTRUCTION,
                "ticket_type": TicketType.MAINTENANCE,
                "priority": Priority.HIGH,
                "title": title_of(pattern),
                "description": description_of(pattern, [row["ticket_uid"] for row in faults]),
                "project_id": str(project_id) if project_id else None,
                FIELD_OF[place.scope]: place.value,
            }
        ),
    )
    queries("repeat_faults").link_escalation_ticket(
        work.connection, escalation_id=escalation_id, ticket_id=ticket["id"]
    )
    counts = {
        "fault_count": pattern.fault_count,
        "fault_threshold": pattern.threshold,
        "window_days": pattern.window_days,
        "escalation_type": kind_of(place.scope).value,
    }
    work.record(
        EscalationCreated(
            ticket_id=ticket["id"],
            escalation_id=escalation_id,
            after={"escalation_status": "open"},
            details=_told(escalation_id, place) | counts,
        )
    )


def _told(escalation_id: UUID, place: Place) -> dict[str, Any]:
    return {"escalation_id": str(escalation_id), "scope_type": place.scope.value, "scope_value": place.value}
