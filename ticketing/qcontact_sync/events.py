"""What the sync tells a ticket's timeline besides the changes themselves. Jobs react to these types."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ticketing.events import TicketEvent

CAME_FROM = "qcontact_case"
"""The key in the details of an event that tells from which case a change came in: it need not be written back."""


@dataclass(frozen=True, kw_only=True)
class QContactConflictNoticed(TicketEvent):
    """A case says something that may not be applied; `details` has the field, both values and the reason."""

    name: ClassVar[str] = "qcontact_conflict_noticed"


@dataclass(frozen=True, kw_only=True)
class QContactConflictResolved(TicketEvent):
    """A person chose a side; `details` has the conflict's id, the field, `choice` (`ours` or `theirs`) and the note."""

    name: ClassVar[str] = "qcontact_conflict_resolved"
