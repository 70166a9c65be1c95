"""What can happen to a ticket itself. The timeline shows these names; jobs react to these types."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ticketing.events import TicketEvent


@dataclass(frozen=True, kw_only=True)
class TicketCreated(TicketEvent):
    """A ticket exists, with its verification steps; `after` holds what it began with."""

    name: ClassVar[str] = "ticket_created"


@dataclass(frozen=True, kw_only=True)
class TicketAssigned(TicketEvent):
    """Who works on the ticket changed: user, contractor or team; also when the last one was taken off it."""

    name: ClassVar[str] = "ticket_assigned"


@dataclass(frozen=True, kw_only=True)
class TicketStatusChanged(TicketEvent):
    """The status machine moved the ticket; `details.reason` holds what the mover said, where a reason was given."""

    name: ClassVar[str] = "ticket_status_changed"


@dataclass(frozen=True, kw_only=True)
class TicketUpdated(TicketEvent):
    """Any other field of the ticket changed."""

    name: ClassVar[str] = "ticket_updated"


@dataclass(frozen=True, kw_only=True)
class ReadinessWithdrawn(TicketEvent):
    """The ticket is not ready for QA any more: a field that the readiness check looks at was changed after it."""

    name: ClassVar[str] = "qa_readiness_withdrawn"
