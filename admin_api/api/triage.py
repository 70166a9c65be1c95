"""The queue of WhatsApp messages that no rule could place: list, look at the file, attach, make a ticket, dismiss."""

from __future__ import annotations

from typing import Annotated, Any

from flask import Response
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from admin_api.api.files import SANDBOX, SHOWN_INLINE
from admin_api.auth import requires
from admin_api.blueprints import blueprint
from admin_api.context import platform, unit_of_work
from admin_api.file_links import files
from admin_api.idempotency import idempotent
from admin_api.requests import parse_uuid
from admin_api.responses import Failure, Success, success
from integrations.storage import StoredFileMissing
from jobs.procedures import triage_decisions
from ticketing.attachments.formats import require_known
from ticketing.errors import NotFound
from ticketing.inbound_messages import media
from ticketing.inbound_messages.words import MediaStatus, TriageReason, TriageStatus
from ticketing.paging import DEFAULT_ROWS, MAX_ROWS, PageRequest
from ticketing.triage import views
from ticketing.triage.requests import AttachTo, Dismissal, TicketFromMessage
from ticketing.triage.rules import MAY_DECIDE, MAY_SEE
from ticketing.triage.views import TriageItemView

api = blueprint("triage")

ALL = "all"

_Unset = BeforeValidator(lambda value: None if value == "" else value)
_FAILS: Any = {404: Failure, 409: Failure}


class TriageQuery(BaseModel):
    """Which items to list."""

    model_config = ConfigDict(extra="ignore")

    status: Annotated[
        TriageStatus | None,
        BeforeValidator(lambda value: None if value == ALL else value or TriageStatus.OPEN),
    ] = Field(default=TriageStatus.OPEN, description=f"What waits, unless something else is asked for; `{ALL}` for all")
    reason: Annotated[TriageReason | None, _Unset] = None
    limit: str | None = Field(default=None, description=f"Rows, {DEFAULT_ROWS} if not given, {MAX_ROWS} at most")
    cursor: str | None = Field(default=None, max_length=500, description="The `next_cursor` of an earlier answer")


class TriageAnswer(Success):
    """One item."""

    data: TriageItemView


class TriageListAnswer(Success):
    """Items, what waits longest first; `meta.open` counts what waits, `meta.next_cursor` goes on."""

    data: list[TriageItemView]


@api.get("/triage", responses={200: TriageListAnswer})
@requires(*MAY_SEE)
def list_items(query: TriageQuery) -> Response:
    """List the messages that wait for a person, what waits longest first."""
    request = PageRequest.of(size=query.limit, cursor=query.cursor)
    with platform().read() as connection:
        found = views.list_items(connection, query.status, query.reason, request)
    return success(_shown(found.rows), meta={"open": found.open_items, "next_cursor": found.next_cursor})


@api.get("/triage/<item_id>", responses={200: TriageAnswer, 404: Failure})
@requires(*MAY_SEE)
def get_item(item_id: str) -> Response:
    """Show one message, with the open tickets that it may belong to."""
    wanted = parse_uuid(item_id, "Invalid triage ID")
    with platform().read() as connection:
        return success(_view(views.read_item(connection, wanted)))


@api.get("/triage/<item_id>/media", responses={200: None, 404: Failure})
@requires(*MAY_SEE)
def get_media(item_id: str) -> Response:
    """Return the file that came with a message that waits."""
    return media_of(item_id)


@api.post("/triage/<item_id>/attach", responses={200: TriageAnswer, **_FAILS})
@requires(*MAY_DECIDE)
@idempotent
def attach(item_id: str, body: AttachTo) -> Response:
    """Write a message, and its file, on a ticket."""
    wanted = parse_uuid(item_id, "Invalid triage ID")
    with unit_of_work() as work:
        item = triage_decisions.attach(work, wanted, body)
    return success(_view(item), f"Attached to {item['ticket_uid']}")


@api.post("/triage/<item_id>/new-ticket", responses={201: TriageAnswer, **_FAILS})
@requires(*MAY_DECIDE)
@idempotent
def new_ticket(item_id: str, body: TicketFromMessage) -> Response:
    """Make a ticket of a message, with the message and its file on it."""
    wanted = parse_uuid(item_id, "Invalid triage ID")
    with unit_of_work() as work:
        item = triage_decisions.create_ticket(work, wanted, body)
    return success(_view(item), f"Ticket {item['ticket_uid']} created", status=201)


@api.post("/triage/<item_id>/dismiss", responses={200: TriageAnswer, **_FAILS})
@requires(*MAY_DECIDE)
@idempotent
def dismiss(item_id: str, body: Dismissal) -> Response:
    """Take a message that belongs nowhere from the queue. It stays on record, its file for a month."""
    wanted = parse_uuid(item_id, "Invalid triage ID")
    with unit_of_work() as work:
        item = triage_decisions.dismiss(work, wanted, body)
    return success(_view(item), "Message dismissed")


def media_of(item_id: str) -> Response:
    """Return the file that came with a message, as an answer that no browser runs. Raises NotFound."""
    wanted = parse_uuid(item_id, "Invalid triage ID")
    with platform().read() as connection:
        item = views.read_item(connection, wanted)
    if item["media_status"] != MediaStatus.STORED:
        raise NotFound(f"No file is kept of this message: {item['media_status']}")
    try:
        data = files().storage.get(media.key_of(item["message_id"]))
    except StoredFileMissing as error:
        raise NotFound("The file is not in storage any more") from error
    kind = require_known(data).mime_type
    response = Response(data, content_type=kind)
    how = "inline" if kind in SHOWN_INLINE else "attachment"
    response.headers.set("Content-Disposition", how, filename=f"whatsapp-{item['message_id']}")
    response.headers["Content-Security-Policy"] = SANDBOX
    response.headers["Cache-Control"] = "private, no-store"
    return response


def _shown(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [_view(row) for row in rows]


def _view(row: dict[str, Any]) -> dict[str, Any]:
    return {name: row[name] for name in TriageItemView.model_fields}
