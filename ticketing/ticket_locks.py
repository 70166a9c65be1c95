"""Taking a ticket for changing: what every service does first, before it looks at what hangs on the ticket."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sql.database import queries
from ticketing.events import UnitOfWork
from ticketing.ticket_views import load_sight, no_such_ticket


def find_and_lock_ticket(work: UnitOfWork, ticket_id: UUID | None) -> dict[str, Any] | None:
    """Take the ticket until the end of the unit of work; None for one that the actor may not see."""
    sight = load_sight(work.connection, work.actor)
    ticket: dict[str, Any] | None = queries("tickets").lock_ticket(
        work.connection, ticket_id=ticket_id, **sight.parameters()
    )
    return ticket


def lock_ticket(work: UnitOfWork, ticket_id: UUID) -> dict[str, Any]:
    """Take the ticket until the end of the unit of work. Raises NotFound for one that the actor may not see."""
    ticket = find_and_lock_ticket(work, ticket_id)
    if ticket is None:
        raise no_such_ticket(ticket_id)
    return ticket
