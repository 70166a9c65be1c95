"""Attachments as the API shows them (wire contract, section 10): one, and the list of a ticket. Reads only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sql.database import Connection, queries
from ticketing.errors import NotFound
from ticketing.paging import PageRequest, fetch_planned, page_of, place_of
from ticketing.people import Actor
from ticketing.seen_tickets import SeenTicket, see
from ticketing.ticket_access import Sight
from ticketing.ticket_views import EVERYTHING, load_sight
from ticketing.vocabulary import AttachmentFileType

FILE_TYPES = (
    AttachmentFileType.PHOTO,
    AttachmentFileType.PDF,
    AttachmentFileType.DOCUMENT,
    AttachmentFileType.EXCEL,
)

# A key that no row has: what is asked for does not exist, so nothing is found.
_NOTHING = UUID(int=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class AttachmentFilter:
    """Which files a list shows; None filters nothing. A person that is no id finds nothing."""

    file_type: AttachmentFileType | None = None
    is_evidence: bool | None = None
    step_id: UUID | None = None
    uploaded_by: str | None = None

    def parameters(self) -> dict[str, Any]:
        """Return the filter as the queries take it."""
        return {
            "file_type": self.file_type,
            "is_evidence": self.is_evidence,
            "step_id": self.step_id,
            "uploaded_by": _person(self.uploaded_by),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class AttachmentList:
    """A part of a ticket's files, newest first, and sums over all that the filter finds."""

    rows: list[dict[str, Any]]
    next_cursor: str | None
    total: int
    total_size_bytes: int
    by_file_type: dict[str, int]
    evidence_count: int


def get_attachment(connection: Connection, actor: Actor, attachment_id: UUID) -> dict[str, Any]:
    """Return a file of a ticket that the actor may see. Raises NotFound, for a deleted one too."""
    return read_attachment(connection, attachment_id, load_sight(connection, actor))


def read_attachment(connection: Connection, attachment_id: UUID, sight: Sight = EVERYTHING) -> dict[str, Any]:
    """Return a file within `sight`. Raises NotFound, for a deleted one too."""
    rows = _rows(connection, AttachmentFilter(), sight, attachment_id=attachment_id, place=place_of(None, 1))
    if not rows:
        raise no_such_attachment(attachment_id)
    return rows[0]


def list_attachments(
    connection: Connection, actor: Actor, ticket: UUID | SeenTicket, wanted: AttachmentFilter, request: PageRequest
) -> AttachmentList:
    """Return a part of a ticket's files, newest first. Raises NotFound, and InvalidInput for a cursor that is none."""
    place = request.place()
    ticket_id = see(connection, actor, ticket).id
    rows = _rows(connection, wanted, EVERYTHING, ticket_id=ticket_id, place=place)
    page = page_of(rows, request, counted=0, time_column="uploaded_at")
    filters = wanted.parameters() | {"ticket_id": ticket_id}
    sums = (
        _sums(page.rows)
        if page.is_whole
        else fetch_planned(connection, queries("attachments").sum_attachments, **filters)[0]
    )
    return AttachmentList(
        rows=page.rows,
        next_cursor=page.next_cursor,
        total=sums["total"],
        total_size_bytes=sums["total_size_bytes"],
        by_file_type={name.value: sums[name.value] for name in FILE_TYPES},
        evidence_count=sums["evidence_count"],
    )


def find_stored(connection: Connection, attachment_id: UUID) -> dict[str, Any]:
    """Return where the bytes of a file and its pictures lie. Raises NotFound, for a deleted file too."""
    row: dict[str, Any] | None = queries("attachments").find_stored_attachment(connection, attachment_id=attachment_id)
    if row is None:
        raise no_such_attachment(attachment_id)
    return row


def no_such_attachment(attachment_id: UUID) -> NotFound:
    """Return the error for a file that does not exist (any more), or not for the one who asks."""
    return NotFound(f"Attachment {attachment_id} not found", details={"attachment_id": str(attachment_id)})


def _rows(
    connection: Connection,
    wanted: AttachmentFilter,
    sight: Sight,
    *,
    place: dict[str, Any],
    attachment_id: UUID | None = None,
    ticket_id: UUID | None = None,
) -> list[dict[str, Any]]:
    named = {"attachment_id": attachment_id, "ticket_id": ticket_id}
    parameters = wanted.parameters() | sight.parameters() | place | named
    return fetch_planned(connection, queries("attachments").list_attachments, **parameters)


def _sums(rows: list[dict[str, Any]]) -> dict[str, int]:
    """Return what sum_attachments sums, of all the files that there are."""
    return {
        "total": len(rows),
        "total_size_bytes": sum(row["file_size"] for row in rows),
        "evidence_count": sum(row["is_evidence"] for row in rows),
        **{name.value: sum(row["file_type"] == name for row in rows) for name in FILE_TYPES},
    }


def _person(text: str | None) -> UUID | None:
    if not text:
        return None
    try:
        return UUID(text)
    except ValueError:
        return _NOTHING
