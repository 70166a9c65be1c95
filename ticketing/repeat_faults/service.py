"""What people do with an escalation: look into it, and resolve it. Both take its infrastructure ticket first."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sql.database import queries
from ticketing.errors import Forbidden, NotFound
from ticketing.events import UnitOfWork
from ticketing.people import Role, acting_user
from ticketing.repeat_faults.events import EscalationInvestigated, EscalationResolved
from ticketing.repeat_faults.requests import Investigation, Resolution
from ticketing.repeat_faults.rules import require_open, require_unresolved
from ticketing.repeat_faults.views import read_escalation
from ticketing.ticket_views import EVERYTHING
from ticketing.vocabulary import EscalationStatus

MAY_DECIDE: tuple[Role, ...] = ("admin", "manager")


def investigate(work: UnitOfWork, escalation_id: UUID, investigation: Investigation) -> dict[str, Any]:
    """Note that an open escalation is being looked into; return it in the shape of EscalationView.

    Raises Forbidden, NotFound, and AlreadyInvestigated or AlreadyResolved for the second of two who ask.
    """
    ticket_id, escalation = _lock(work, escalation_id)
    require_open(escalation["status"])
    kind = investigation.escalation_type
    queries("repeat_faults").investigate_escalation(
        work.connection, escalation_id=escalation_id, escalation_type=kind, now=work.now
    )
    if ticket_id is not None:
        work.record(
            EscalationInvestigated(
                ticket_id=ticket_id,
                escalation_id=escalation_id,
                before={"escalation_status": escalation["status"]},
                after={"escalation_status": EscalationStatus.INVESTIGATING.value},
                details={
                    "escalation_id": str(escalation_id),
                    "escalation_type": kind.value if kind else escalation["escalation_type"],
                },
            )
        )
    return read_escalation(work.connection, escalation_id)


def resolve(work: UnitOfWork, escalation_id: UUID, resolution: Resolution) -> dict[str, Any]:
    """Resolve an escalation that is open or investigated; return it in the shape of EscalationView.

    From now on only faults that are reported later count on its place. Raises Forbidden, NotFound, InvalidInput, and
    AlreadyResolved for the second of two who resolve it.
    """
    ticket_id, escalation = _lock(work, escalation_id)
    require_unresolved(escalation["status"])
    acting = acting_user(work.connection, work.actor, resolution.resolved_by, "resolved_by")
    queries("repeat_faults").resolve_escalation(
        work.connection,
        escalation_id=escalation_id,
        status=resolution.status,
        resolution_notes=resolution.resolution_notes,
        resolved_by=acting.user_id,
        now=work.now,
    )
    if ticket_id is not None:
        told = {"escalation_id": str(escalation_id), "resolution_notes": resolution.resolution_notes}
        work.record(
            EscalationResolved(
                ticket_id=ticket_id,
                escalation_id=escalation_id,
                before={"escalation_status": escalation["status"]},
                after={"escalation_status": resolution.status.value},
                details=told | ({"on_behalf_of": str(acting.user_id)} if acting.on_behalf else {}),
            )
        )
    return read_escalation(work.connection, escalation_id)


def _lock(work: UnitOfWork, escalation_id: UUID) -> tuple[UUID | None, dict[str, Any]]:
    """Take an escalation's ticket, then the escalation; return the ticket's id and the escalation."""
    if not work.actor.has_role(*MAY_DECIDE):
        raise Forbidden("Your role may not decide on escalations")
    found = queries("repeat_faults").find_ticket_of_escalation(work.connection, escalation_id=escalation_id)
    if found is None:
        raise NotFound(f"Escalation {escalation_id} not found", details={"escalation_id": str(escalation_id)})
    ticket_id: UUID | None = found["escalation_ticket_id"]
    if ticket_id is not None:
        queries("tickets").lock_ticket(work.connection, ticket_id=ticket_id, **EVERYTHING.parameters())
    return ticket_id, queries("repeat_faults").lock_escalation(work.connection, escalation_id=escalation_id)
