"""The timeline of a ticket: everything that happened to it, in one order; what people add to it is a note."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from flask import Response
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from admin_api.auth import requires
from admin_api.blueprints import blueprint
from admin_api.context import actor, platform, unit_of_work
from admin_api.idempotency import idempotent
from admin_api.problems import answers, plain_failures
from admin_api.requests import parse_uuid
from admin_api.responses import Failure, Success, bare, success
from ticketing.notes import service
from ticketing.notes.requests import Content, NewNote, NoteInput
from ticketing.notes.rules import MAY_WRITE
from ticketing.paging import MAX_ROWS, PageRequest
from ticketing.timeline import views
from ticketing.timeline.authors import author_name
from ticketing.timeline.views import ActivityFilter, ActivityView, Kind
from ticketing.vocabulary import ActivitySource, ActivityType, NoteVisibility

api = blueprint("timeline")

_KINDS = ("event", "note", "message", "job", "sync")


def _one_of(*known: str, **also: str) -> BeforeValidator:
    """Read a filter as the contract does: a word that is not known means all."""
    return BeforeValidator(lambda value: value if value in known else also.get(str(value)))


class TimelineQuery(BaseModel):
    """Which activities to show; what is not known filters nothing, as the front end expects."""

    model_config = ConfigDict(extra="ignore")

    type: Annotated[ActivityType | None, _one_of(*ActivityType)] = None
    source: Annotated[ActivitySource | None, _one_of(*ActivitySource, local="fibreflow")] = Field(
        default=None, description="`qcontact` or `fibreflow` (also `local`)"
    )
    kind: Annotated[Kind | None, _one_of(*_KINDS)] = None
    limit: str | None = Field(default=None, description=f"Rows, 50 if not given, {MAX_ROWS} at most")
    cursor: str | None = Field(default=None, max_length=500, description="The `next_cursor` of an earlier answer")


class TimelineSummary(BaseModel):
    """How much there is of what, whatever is shown."""

    notes: int
    updates: int
    messages: int
    system: int
    total: int


class TimelineData(BaseModel):
    """Activities, newest first."""

    activities: list[ActivityView]
    summary: TimelineSummary
    has_qcontact: bool


class TimelineAnswer(Success):
    """A part of a ticket's timeline; `meta.next_cursor` goes on."""

    data: TimelineData


class GivenAuthor(BaseModel):
    """Who says it: you; an admin may name somebody else."""

    model_config = ConfigDict(extra="ignore")

    name: str | None = Field(default=None, max_length=500)
    email: str | None = Field(default=None, max_length=500)


class NewActivity(NoteInput):
    """Something to be added by hand: a note. The other types are written by what happens, not by people."""

    description: Content
    type: Literal[ActivityType.NOTE] = ActivityType.NOTE
    created_by: GivenAuthor | None = None
    is_private: bool = Field(default=True, description="A private one never leaves the house")


class PlainFailure(BaseModel):
    """What went wrong, as text."""

    error: str


@api.get("/tickets/<ticket_id>/activities", responses={200: TimelineAnswer, 404: Failure})
@requires.signed_in()
def read(ticket_id: str, query: TimelineQuery) -> Response:
    """Return what happened to a ticket: events, notes, messages, jobs and syncs in one order, newest first."""
    wanted = parse_uuid(ticket_id, "Invalid ticket ID")
    narrowing = ActivityFilter(kind=query.kind, type=query.type, source=query.source)
    request = PageRequest.of(size=query.limit, cursor=query.cursor)
    with platform().read() as connection:
        found = views.read_timeline(connection, actor(), wanted, narrowing, request)
    data = {"activities": found.activities, "summary": found.summary, "has_qcontact": found.has_qcontact}
    return success(data, meta={"next_cursor": found.next_cursor})


_RESPONSES: dict[Any, Any] = {200: ActivityView, 400: PlainFailure, 404: PlainFailure}


@api.post("/tickets/<ticket_id>/activities", responses=_RESPONSES)
@requires(*MAY_WRITE)
@answers(VALIDATION_ERROR=400)
@plain_failures
@idempotent
def add(ticket_id: str, body: NewActivity) -> Response:
    """Add a note. The answer is the activity without an envelope, a failure is `{"error": text}`."""
    wanted = parse_uuid(ticket_id, "Invalid ticket ID")
    visibility = NoteVisibility.PRIVATE if body.is_private else NoteVisibility.PUBLIC
    with unit_of_work() as work:
        name = author_name(work, body.created_by.name, body.created_by.email) if body.created_by else None
        note = service.add(work, wanted, NewNote(content=body.description, visibility=visibility), name)
        activity = views.read_activity(work.connection, actor(), wanted, note["id"])
    return bare(activity)
