"""What can happen in a handover. The timeline shows the name; jobs react to the type."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

from ticketing.events import TicketEvent


@dataclass(frozen=True, kw_only=True)
class HandoverCompleted(TicketEvent):
    """A ticket was handed over; `details` names the snapshot, its number in the chain and its hash.

    The chain is held against these events: they are the second place that knows how long it is.
    """

    name: ClassVar[str] = "handover_completed"

    snapshot_id: UUID
