"""A ticket that its reader may see, proved once: else each of a page's many parts proves it anew by the same query."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sql.database import Connection
from ticketing.people import Actor
from ticketing.ticket_views import get_ticket


@dataclass(frozen=True, slots=True)
class SeenTicket:
    """A ticket as it was read for an actor who may see it. It is for the moment: who changes something reads anew."""

    row: Mapping[str, Any]
    actor: Actor

    @property
    def id(self) -> UUID:
        """The ticket's id."""
        found: UUID = self.row["id"]
        return found


def see(connection: Connection, actor: Actor, ticket: UUID | SeenTicket) -> SeenTicket:
    """Return a ticket that the actor may see: the one that was read for this very actor, else as it is now.

    Raises NotFound.
    """
    if isinstance(ticket, SeenTicket):
        if ticket.actor == actor:
            return ticket
        ticket = ticket.id
    return SeenTicket(get_ticket(connection, actor, ticket), actor)
