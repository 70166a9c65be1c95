"""The notes of a ticket: writing, changing and removing them, on the ticket's page."""

from __future__ import annotations

from flask import Response

from admin_api.api.notes import WRITERS
from admin_api.auth import requires
from admin_api.console.forms import form_of
from admin_api.console.pages import ConsolePages, done
from admin_api.console.ticket import show_ticket, ticket_id_of
from admin_api.context import unit_of_work
from admin_api.requests import parse_uuid
from ticketing.notes import service
from ticketing.notes.requests import NewNote, NoteChanges

pages = ConsolePages("ticket_notes")


@pages.action("/tickets/<ticket_id>/notes", again=show_ticket)
@requires(*WRITERS)
def add(ticket_id: str) -> Response:
    """Write a note on a ticket."""
    wanted, new = ticket_id_of(ticket_id), form_of(NewNote)
    with unit_of_work() as work:
        service.add(work, wanted, new)
    return _back("The note has been added", ticket_id)


@pages.action("/tickets/<ticket_id>/notes/<note_id>", again=show_ticket)
@requires(*WRITERS)
def change(ticket_id: str, note_id: str) -> Response:
    """Change a note, if nobody changed it since it was shown."""
    wanted, changes = ticket_id_of(ticket_id), form_of(NoteChanges)
    with unit_of_work() as work:
        service.change(work, wanted, parse_uuid(note_id, "Invalid note ID"), changes)
    return _back("The note has been changed", ticket_id)


@pages.action("/tickets/<ticket_id>/notes/<note_id>/remove", again=show_ticket)
@requires(*WRITERS)
def remove(ticket_id: str, note_id: str) -> Response:
    """Remove a note from what is shown; what happened keeps that it was removed."""
    wanted = ticket_id_of(ticket_id)
    with unit_of_work() as work:
        service.remove(work, wanted, parse_uuid(note_id, "Invalid note ID"))
    return _back("The note has been removed", ticket_id)


def _back(said: str, ticket_id: str) -> Response:
    return done(said, "console_ticket.show_ticket", ticket_id=ticket_id, _anchor="notes-heading")
