"""The queue as the API shows it. Reads only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, Field

from sql.database import Connection, queries
from ticketing.errors import NotFound
from ticketing.inbound_messages.words import MediaStatus, TriageReason, TriageStatus
from ticketing.paging import MAX_DEPTH, PageRequest, fetch_planned, page_of, place_of
from ticketing.vocabulary import Status


class Candidate(BaseModel):
    """An open ticket of a drop that a message is about."""

    ticket_id: UUID
    ticket_uid: str
    dr_number: str
    title: str
    status: Status


class TriageItemView(BaseModel):
    """A message that a person has to decide about, or did."""

    id: UUID
    status: TriageStatus
    reason: TriageReason = Field(description="Why no rule could place it")
    created_at: datetime
    message_id: UUID
    body: str
    sender_phone: str | None = Field(description="E.164; null where WhatsApp hides it")
    sender_name: str | None
    is_group: bool
    sent_at: datetime
    drop_numbers: list[str] = Field(description="The drops that the message itself names")
    dr_number: str | None = Field(description="The drop that it is about, if that much is known")
    media_status: MediaStatus
    media_filename: str | None
    media_mime_type: str | None
    media_error: str | None
    candidates: list[Candidate] = Field(description="While it is open: the open tickets of those drops, newest first")
    ticket_id: UUID | None
    ticket_uid: str | None
    decided_at: datetime | None
    decided_by_name: str | None
    decision_reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TriageList:
    """A part of the queue, what waits longest first; `open_items` counts all that wait, up to MAX_DEPTH."""

    rows: list[dict[str, Any]]
    next_cursor: str | None
    open_items: int


def list_items(
    connection: Connection, status: TriageStatus | None, reason: TriageReason | None, request: PageRequest
) -> TriageList:
    """Return items in the shape of TriageItemView; None filters nothing. Raises InvalidInput for a false cursor."""
    rows = fetch_planned(
        connection,
        queries("triage").list_triage_items,
        item_id=None,
        status=status,
        reason=reason,
        **request.place(),
    )
    page = page_of(rows, request, counted=0)
    waiting: int = queries("triage").count_open_triage_items(connection, most=MAX_DEPTH)
    return TriageList(rows=page.rows, next_cursor=page.next_cursor, open_items=waiting)


def read_item(connection: Connection, item_id: UUID) -> dict[str, Any]:
    """Return an item in the shape of TriageItemView. Raises NotFound."""
    rows = fetch_planned(
        connection,
        queries("triage").list_triage_items,
        item_id=item_id,
        status=None,
        reason=None,
        **place_of(None, 1),
    )
    if not rows:
        raise no_such_item(item_id)
    return rows[0]


def no_such_item(item_id: UUID) -> NotFound:
    """Return the error for an item that the queue never had."""
    return NotFound(f"Triage item {item_id} not found", details={"triage_id": str(item_id)})
