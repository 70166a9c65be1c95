"""What happened: events are the timeline of a ticket, its audit, and the cause of jobs.

A service records an event in its unit of work; when that commits, the event's row and the jobs of every kind that
reacts to it commit with it. The domain itself knows no jobs.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar, Protocol
from uuid import UUID

from sql.database import Connection
from ticketing.people import Actor


@dataclass(frozen=True, kw_only=True)
class Event:
    """Something that happened. `name` is its stable name in the database and in job records."""

    name: ClassVar[str]


@dataclass(frozen=True, kw_only=True)
class TicketEvent(Event):
    """Something that happened to a ticket; becomes a row in `ticket_events`.

    `before` and `after` hold the changed fields only, JSON-ready; `details` whatever else explains the change.
    """

    ticket_id: UUID
    before: dict[str, Any] = field(default_factory=dict)
    after: dict[str, Any] = field(default_factory=dict)
    details: dict[str, Any] = field(default_factory=dict)


class UnitOfWork(Protocol):
    """One transaction, one clock reading, one actor; what every service is given (see `jobs.work`)."""

    @property
    def connection(self) -> Connection:
        """The open transaction's connection."""

    @property
    def now(self) -> datetime:
        """The present, read once for the whole unit of work."""

    @property
    def actor(self) -> Actor:
        """Who acts."""

    def attempt(self) -> AbstractContextManager[None]:
        """Do a part that may fail alone: what it wrote and recorded is undone with it, the rest stays."""

    def record(self, event: Event) -> None:
        """Note that something happened; written when the unit of work commits."""
