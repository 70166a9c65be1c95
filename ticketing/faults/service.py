"""Attributing a fault: its cause and what explains it. The ticket's own rules decide who may, and when."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from ticketing import tickets
from ticketing.errors import InvalidInput
from ticketing.events import UnitOfWork
from ticketing.faults.rules import details_after, parse_cause
from ticketing.instants import Instant
from ticketing.ticket_input import DESCRIPTION_MAX_LENGTH, TicketChanges
from ticketing.ticket_locks import lock_ticket
from ticketing.vocabulary import FaultCause


class Attribution(BaseModel):
    """Why a fault happened. `fault_cause` is judged by `parse_cause`, whose answer lists the words."""

    model_config = ConfigDict(extra="ignore")

    fault_cause: Any = Field(default=None, description=f"One of {', '.join(cause.value for cause in FaultCause)}")
    fault_cause_details: str | None = Field(
        default=None,
        max_length=DESCRIPTION_MAX_LENGTH,
        description="Not given: they stay while the cause stays, and go with the cause that they explained",
    )
    updated_at: Instant | None = Field(default=None, description="The version that you saw, if that matters")


def attribute(
    work: UnitOfWork, ticket_id: UUID, attribution: Attribution, *, expected: Collection[str] = ()
) -> dict[str, Any]:
    """Set a ticket's fault cause and return the ticket in the shape of TicketView.

    Raises InvalidInput for an unknown cause, listing the known ones, and whatever `tickets.update` raises.
    """
    cause = parse_cause(attribution.fault_cause)
    ticket = lock_ticket(work, ticket_id)
    details = details_after(ticket["fault_cause"], ticket["fault_cause_details"], cause, _given(attribution))
    changes = {"fault_cause": cause, "fault_cause_details": details, "updated_at": attribution.updated_at}
    return tickets.update(work, ticket_id, TicketChanges.model_validate(changes), expected=expected)


def _given(attribution: Attribution) -> tuple[str | None] | None:
    if "fault_cause_details" not in attribution.model_fields_set:
        return None
    details = attribution.fault_cause_details
    if details and "\0" in details:
        problem = "must not hold zero characters"
        raise InvalidInput(f"fault_cause_details: {problem}", details={"fault_cause_details": problem})
    return (details.strip() or None if details else None,)
