"""Notes on a ticket: list, write, read, change, remove."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from flask import Response
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from admin_api.auth import requires
from admin_api.blueprints import blueprint
from admin_api.context import actor, platform, unit_of_work
from admin_api.idempotency import idempotent
from admin_api.problems import answers
from admin_api.requests import parse_uuid
from admin_api.responses import Failure, Success, success
from admin_api.versions import expected_versions, with_version
from ticketing.notes import service, views
from ticketing.notes.requests import NewNote, NoteChanges
from ticketing.notes.views import NoteView
from ticketing.paging import MAX_ROWS, PageRequest
from ticketing.people import Role
from ticketing.vocabulary import NoteVisibility

api = blueprint("notes")

WRITERS: tuple[Role, ...] = ("manager", "qa", "technician", "contractor")
_INVALID = {"VALIDATION_ERROR": 400}
_FAILS: dict[Any, Any] = {400: Failure, 404: Failure}


def _known(value: Any) -> Any:
    """The contract's reading: `private` and `public` filter, whatever else is given means all."""
    return value if value in set(NoteVisibility) else None


class NotesQuery(BaseModel):
    """Which notes of a ticket to list."""

    model_config = ConfigDict(extra="ignore")

    visibility: Annotated[NoteVisibility | None, BeforeValidator(_known)] = None
    limit: str | None = Field(default=None, description=f"Rows, {MAX_ROWS} if not given and at most")
    cursor: str | None = Field(default=None, max_length=500, description="The `next_cursor` of an earlier answer")


class NoteAnswer(Success):
    """One note."""

    data: NoteView


class NoteSummary(BaseModel):
    """How many notes the ticket has, whatever is listed."""

    total: int
    private: int
    public: int


class NoteListView(BaseModel):
    """Notes of a ticket, newest first."""

    notes: list[NoteView]
    summary: NoteSummary


class NoteListAnswer(Success):
    """Notes of a ticket; `meta.next_cursor` goes on."""

    data: NoteListView


class RemovedNote(BaseModel):
    """The note that was removed."""

    id: UUID
    deleted: bool


class RemovedNoteAnswer(Success):
    """A note is not shown any more."""

    data: RemovedNote


@api.get("/tickets/<ticket_id>/notes", responses={200: NoteListAnswer, **_FAILS})
@requires.signed_in()
@answers(**_INVALID)
def list_notes(ticket_id: str, query: NotesQuery) -> Response:
    """List the notes of a ticket, newest first."""
    wanted = parse_uuid(ticket_id, "Invalid ticket ID")
    request = PageRequest.of(size=query.limit or MAX_ROWS, cursor=query.cursor)
    with platform().read() as connection:
        found = views.list_notes(connection, actor(), wanted, query.visibility, request)
    return success({"notes": found.rows, "summary": found.summary}, meta={"next_cursor": found.next_cursor})


@api.post("/tickets/<ticket_id>/notes", responses={200: NoteAnswer, **_FAILS})
@requires(*WRITERS)
@answers(**_INVALID)
@idempotent
def add(ticket_id: str, body: NewNote) -> Response:
    """Write a note on a ticket. A public one may be told to the client, a private one never is."""
    wanted = parse_uuid(ticket_id, "Invalid ticket ID")
    with unit_of_work() as work:
        note = service.add(work, wanted, body)
    return with_version(success(note, "Note added"), note)


@api.get("/tickets/<ticket_id>/notes/<note_id>", responses={200: NoteAnswer, **_FAILS})
@requires.signed_in()
@answers(**_INVALID)
def read(ticket_id: str, note_id: str) -> Response:
    """Return a note; its ETag is the version to change it by."""
    wanted, wanted_note = parse_uuid(ticket_id, "Invalid ticket ID"), parse_uuid(note_id, "Invalid note ID")
    with platform().read() as connection:
        note = views.get_note(connection, actor(), wanted, wanted_note)
    return with_version(success(note), note)


@api.patch("/tickets/<ticket_id>/notes/<note_id>", responses={200: NoteAnswer, 409: Failure, **_FAILS})
@requires(*WRITERS)
@answers(**_INVALID)
def change(ticket_id: str, note_id: str, body: NoteChanges) -> Response:
    """Change your note (a manager anybody's). With `If-Match` or `updated_at`, only if nobody changed it since."""
    wanted, wanted_note = parse_uuid(ticket_id, "Invalid ticket ID"), parse_uuid(note_id, "Invalid note ID")
    with unit_of_work() as work:
        note = service.change(work, wanted, wanted_note, body, expected=expected_versions())
    return with_version(success(note, "Note changed"), note)


@api.delete("/tickets/<ticket_id>/notes/<note_id>", responses={200: RemovedNoteAnswer, **_FAILS})
@requires(*WRITERS)
@answers(**_INVALID)
def remove(ticket_id: str, note_id: str) -> Response:
    """Remove your note (a manager anybody's) from what is shown; the timeline keeps that it was removed."""
    wanted, wanted_note = parse_uuid(ticket_id, "Invalid ticket ID"), parse_uuid(note_id, "Invalid note ID")
    with unit_of_work() as work:
        service.remove(work, wanted, wanted_note)
    return success({"id": wanted_note, "deleted": True}, "Note removed")
