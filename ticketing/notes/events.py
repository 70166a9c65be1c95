"""What can happen to a note. What is said to the client's CRM later follows from these, not from the request."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

from ticketing.events import TicketEvent


@dataclass(frozen=True, kw_only=True)
class NoteEvent(TicketEvent):
    """Something that happened to the note `note_id`."""

    note_id: UUID


@dataclass(frozen=True, kw_only=True)
class NoteAdded(NoteEvent):
    """Somebody wrote a note; `details` tells its kind and who may read it, the note itself what it says."""

    name: ClassVar[str] = "note_added"


@dataclass(frozen=True, kw_only=True)
class NoteChanged(NoteEvent):
    """A note says something else now, or is for others; `before` keeps what it said."""

    name: ClassVar[str] = "note_changed"


@dataclass(frozen=True, kw_only=True)
class NoteRemoved(NoteEvent):
    """A note is not shown any more; `before` keeps what it said."""

    name: ClassVar[str] = "note_removed"
