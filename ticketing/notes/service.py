"""Writing, changing and removing notes. Each takes the ticket first, then the note, as everything on a ticket does."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any
from uuid import UUID

from sql.database import queries
from ticketing.errors import StaleWrite
from ticketing.events import UnitOfWork
from ticketing.notes import events
from ticketing.notes.requests import NewNote, NoteChanges
from ticketing.notes.rules import CHANGEABLE, require_may_change, require_may_write
from ticketing.notes.views import no_such_note, read_note
from ticketing.people import acting_user
from ticketing.ticket_changes import difference, next_version, version
from ticketing.ticket_locks import lock_ticket


def add(work: UnitOfWork, ticket_id: UUID, new: NewNote, author_name: str | None = None) -> dict[str, Any]:
    """Write a note on a ticket, in whatever status it is, and return it in the shape of NoteView.

    `author_name` is shown where the author is no person of the system; without it, a program's own name. Raises
    Forbidden, NotFound for a ticket that the actor may not see, InvalidInput.
    """
    require_may_write(work.actor)
    lock_ticket(work, ticket_id)
    acting = acting_user(work.connection, work.actor, new.created_by, "created_by")
    values = new.model_dump(mode="json", exclude={"created_by"})
    nameless = acting.user_id is None
    note_id: UUID = queries("notes").insert_note(
        work.connection,
        ticket_id=ticket_id,
        author_name=author_name or (work.actor.name if nameless else None),
        created_by=acting.user_id,
        now=work.now,
        **values,
    )
    told = {name: values[name] for name in ("note_type", "visibility", "is_resolution")}
    details = {"note_id": str(note_id), **told} | acting.details()
    work.record(events.NoteAdded(ticket_id=ticket_id, note_id=note_id, details=details))
    return read_note(work.connection, ticket_id, note_id)


def change(
    work: UnitOfWork, ticket_id: UUID, note_id: UUID, changes: NoteChanges, *, expected: Collection[str] = ()
) -> dict[str, Any]:
    """Change a note and return it in the shape of NoteView. A request that changes nothing writes nothing.

    `expected` are the versions that the caller accepts; so is `changes.updated_at`. Raises NotFound, Forbidden, and
    StaleWrite if the note changed since.
    """
    note = _lock(work, ticket_id, note_id)
    require_may_change(work.actor, note)
    _require_version(note, {*expected} or ({version(changes.updated_at)} if changes.updated_at else set()))
    changed = difference(note, changes.given())
    if changed:
        row = {name: note[name] for name in CHANGEABLE} | changed
        queries("notes").update_note(
            work.connection, note_id=note_id, updated_at=next_version(note["updated_at"], work.now), **row
        )
        before = {name: note[name] for name in changed}
        work.record(
            events.NoteChanged(
                ticket_id=ticket_id, note_id=note_id, before=before, after=changed, details={"note_id": str(note_id)}
            )
        )
    return read_note(work.connection, ticket_id, note_id)


def remove(work: UnitOfWork, ticket_id: UUID, note_id: UUID) -> None:
    """Remove a note from what is shown; the audit keeps what it said. Raises NotFound, also for the second of two."""
    note = _lock(work, ticket_id, note_id)
    require_may_change(work.actor, note)
    queries("notes").delete_note(work.connection, note_id=note_id, now=work.now, deleted_by=work.actor.user_id)
    before = {name: note[name] for name in CHANGEABLE}
    work.record(
        events.NoteRemoved(ticket_id=ticket_id, note_id=note_id, before=before, details={"note_id": str(note_id)})
    )


def _lock(work: UnitOfWork, ticket_id: UUID, note_id: UUID) -> dict[str, Any]:
    lock_ticket(work, ticket_id)
    note: dict[str, Any] | None = queries("notes").lock_note(work.connection, ticket_id=ticket_id, note_id=note_id)
    if note is None:
        raise no_such_note(note_id)
    return note


def _require_version(note: dict[str, Any], expected: Collection[str]) -> None:
    present = version(note["updated_at"])
    if expected and present not in expected:
        raise StaleWrite(
            "The note changed after you read it: read it again, then decide",
            details={"expected": sorted(expected), "updated_at": present, "content": note["content"]},
        )
