"""Accepting and resolving risks. Both take the ticket first, so that no approval or closing decides on what changes."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sql.database import queries
from ticketing.errors import Forbidden, NotFound
from ticketing.events import UnitOfWork
from ticketing.people import Role, acting_user
from ticketing.risks import events
from ticketing.risks.requests import NewRisk, RiskResolution
from ticketing.risks.rules import outstanding, require_acceptable, require_ahead, require_resolvable
from ticketing.risks.views import read_risk
from ticketing.ticket_changes import json_ready
from ticketing.ticket_locks import lock_ticket
from ticketing.vocabulary import RiskStatus

MAY_ACCEPT: tuple[Role, ...] = ("admin", "manager", "qa")


def accept(work: UnitOfWork, ticket_id: UUID, new: NewRisk) -> dict[str, Any]:
    """Accept a risk on a ticket and return it in the shape of RiskView. It is active from now on.

    Where the request names no outstanding steps, those that are open now are named. Raises Forbidden; NotFound for a
    ticket that the actor may not see; InvalidInput; ConditionNotMet where the ticket is closed or cancelled.
    """
    _require_role(work)
    ticket = lock_ticket(work, ticket_id)
    require_acceptable(ticket["status"])
    require_ahead(work.now, risk_expiry_date=new.risk_expiry_date, followup_date=new.followup_date)
    acting = acting_user(work.connection, work.actor, str(new.accepted_by), "accepted_by")
    facts = queries("risks").get_open_steps(work.connection, ticket_id=ticket_id)
    values = new.model_dump(exclude={"accepted_by"}) | {
        "risk_type": new.risk_type.value,
        "outstanding_steps": outstanding(facts, new.outstanding_steps),
    }
    risk_id: UUID = queries("risks").insert_risk(
        work.connection, ticket_id=ticket_id, accepted_by=acting.user_id, now=work.now, **values
    )
    work.record(
        events.RiskAccepted(
            ticket_id=ticket_id,
            risk_id=risk_id,
            after={"risk_status": RiskStatus.ACTIVE.value},
            details=json_ready({"risk_id": risk_id, **values}) | acting.details(),
        )
    )
    return read_risk(work.connection, risk_id)


def resolve(work: UnitOfWork, risk_id: UUID, resolution: RiskResolution) -> dict[str, Any]:
    """Resolve a risk acceptance and return it in the shape of RiskView; an expired or escalated one too.

    Raises Forbidden, NotFound, InvalidInput, and AlreadyResolved for the second of two who resolve it.
    """
    _require_role(work)
    ticket_id = queries("risks").find_ticket_of_risk(work.connection, risk_id=risk_id)
    if ticket_id is None:
        raise NotFound(f"Risk acceptance {risk_id} not found", details={"risk_id": str(risk_id)})
    lock_ticket(work, ticket_id)
    status = queries("risks").lock_risk(work.connection, risk_id=risk_id)
    require_resolvable(status)
    acting = acting_user(work.connection, work.actor, str(resolution.resolved_by), "resolved_by")
    queries("risks").resolve_risk(
        work.connection,
        risk_id=risk_id,
        resolved_by=acting.user_id,
        resolution_notes=resolution.resolution_notes,
        now=work.now,
    )
    work.record(
        events.RiskResolved(
            ticket_id=ticket_id,
            risk_id=risk_id,
            before={"risk_status": status},
            after={"risk_status": RiskStatus.RESOLVED.value},
            details={"risk_id": str(risk_id), "resolution_notes": resolution.resolution_notes} | acting.details(),
        )
    )
    return read_risk(work.connection, risk_id)


def _require_role(work: UnitOfWork) -> None:
    if not work.actor.has_role(*MAY_ACCEPT):
        raise Forbidden("Your role may not accept or resolve risks")
