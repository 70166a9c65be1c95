"""Notes as the API shows them (wire contract, section 9). Reads only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel

from sql.database import Connection, queries
from ticketing.errors import NotFound
from ticketing.paging import PageRequest, fetch_planned, page_of, place_of
from ticketing.people import Actor
from ticketing.seen_tickets import SeenTicket, see
from ticketing.vocabulary import NoteType, NoteVisibility


class NoteView(BaseModel):
    """A note on the wire."""

    id: UUID
    ticket_id: UUID
    content: str
    note_type: NoteType
    visibility: NoteVisibility
    created_by: UUID | None
    created_at: datetime
    updated_at: datetime
    is_resolution: bool
    attachments: list[str] | None
    author_name: str | None
    author_email: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class NoteList:
    """A part of a ticket's notes, newest first; `summary` counts all of them, whatever is listed."""

    rows: list[dict[str, Any]]
    summary: dict[str, int]
    next_cursor: str | None


def list_notes(
    connection: Connection,
    actor: Actor,
    ticket: UUID | SeenTicket,
    visibility: NoteVisibility | None,
    request: PageRequest,
) -> NoteList:
    """Return notes of a ticket in the shape of NoteView, newest first; None lists both visibilities.

    Raises NotFound for a ticket that the actor may not see, InvalidInput for a cursor that is none.
    """
    place = request.place()
    ticket_id = see(connection, actor, ticket).id
    rows = _rows(connection, ticket_id, visibility=visibility, **place)
    page = page_of(rows, request, counted=0)
    summary = (
        _summary(page.rows)
        if visibility is None and page.is_whole
        else queries("notes").count_notes(connection, ticket_id=ticket_id)
    )
    return NoteList(rows=page.rows, summary=summary, next_cursor=page.next_cursor)


def get_note(connection: Connection, actor: Actor, ticket_id: UUID, note_id: UUID) -> dict[str, Any]:
    """Return a note of a ticket that the actor may see, in the shape of NoteView. Raises NotFound."""
    see(connection, actor, ticket_id)
    return read_note(connection, ticket_id, note_id)


def read_note(connection: Connection, ticket_id: UUID, note_id: UUID) -> dict[str, Any]:
    """Return a note in the shape of NoteView. Raises NotFound, also for one that was removed."""
    rows = _rows(connection, ticket_id, note_id=note_id)
    if not rows:
        raise no_such_note(note_id)
    return rows[0]


def no_such_note(note_id: UUID) -> NotFound:
    """Return the error for a note that is not there, or not any more."""
    return NotFound(f"Note {note_id} not found", details={"note_id": str(note_id)})


def _summary(rows: list[dict[str, Any]]) -> dict[str, int]:
    """Return what count_notes counts, of all the notes of a ticket."""
    private = sum(row["visibility"] == NoteVisibility.PRIVATE for row in rows)
    return {"total": len(rows), "private": private, "public": len(rows) - private}


def _rows(connection: Connection, ticket_id: UUID, **narrowing: Any) -> list[dict[str, Any]]:
    unset = {"note_id": None, "visibility": None, **place_of(None, 1)}
    rows = fetch_planned(connection, queries("notes").list_notes, **unset | narrowing, ticket_id=ticket_id)
    return [{name: row[name] for name in NoteView.model_fields} for row in rows]
