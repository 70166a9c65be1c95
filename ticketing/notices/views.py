"""Notices as the API shows them (wire contract, section 16), and how many of those asked for arrived. Reads only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel

from sql.database import Connection, queries
from ticketing.notices.holds import no_such_notice
from ticketing.paging import MAX_DEPTH, PageRequest, fetch_planned, page_of, place_of
from ticketing.people import Actor, Role
from ticketing.phones import masked
from ticketing.ticket_views import load_sight
from ticketing.vocabulary import NotificationStatus, NotificationTemplate, RecipientType

READS_PHONES: tuple[Role, ...] = ("admin", "manager", "operator")


class NoticeView(BaseModel):
    """A notice on the wire. The telephone is masked for those who need not ring it, in the message's id too."""

    id: UUID
    ticket_id: UUID | None
    recipient_type: RecipientType
    recipient_phone: str
    recipient_name: str | None
    message_template: NotificationTemplate | None
    message_content: str
    status: NotificationStatus
    waha_message_id: str | None
    sent_at: datetime | None
    delivered_at: datetime | None
    read_at: datetime | None
    error_message: str | None
    not_before: datetime
    held_at: datetime | None
    held_by_name: str | None
    hold_reason: str | None
    created_at: datetime


class NoticeState(BaseModel):
    """How far one notice got."""

    notification_id: UUID
    ticket_id: UUID | None
    status: NotificationStatus
    sent_at: datetime | None
    delivered_at: datetime | None
    read_at: datetime | None
    error_message: str | None
    retry_count: int
    can_retry: bool
    not_before: datetime
    held_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeFilter:
    """Which notices a list shows; None filters nothing."""

    ticket_id: UUID | None = None
    status: NotificationStatus | None = None
    recipient_type: RecipientType | None = None
    failed_only: bool = False
    sent_after: datetime | None = None
    sent_before: datetime | None = None
    held: bool | None = None

    def parameters(self) -> dict[str, Any]:
        """Return the parameters of the queries."""
        wanted = {self.status.value} if self.status else None
        if self.failed_only:
            failed = {NotificationStatus.FAILED.value}
            wanted = failed if wanted is None else wanted & failed
        return {
            "ticket_id": self.ticket_id,
            "statuses": None if wanted is None else sorted(wanted),
            "recipient_type": self.recipient_type.value if self.recipient_type else None,
            "sent_after": self.sent_after,
            "sent_before": self.sent_before,
            "held": self.held,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeList:
    """A part of the notices, the newest first; `by_status` counts what matches, whatever part is shown.

    Counted are the newest MAX_DEPTH; `total_is_capped` says that there are more.
    """

    rows: list[dict[str, Any]]
    by_status: dict[str, int]
    next_cursor: str | None

    @property
    def total(self) -> int:
        """How many match, as far as they are counted."""
        return min(self._counted, MAX_DEPTH)

    @property
    def total_is_capped(self) -> bool:
        """Whether there are more than are counted."""
        return self._counted > MAX_DEPTH

    @property
    def delivery_rate(self) -> float:
        """Of a hundred that match, how many arrived; 0 where none match."""
        return rate(self.by_status["delivered"] + self.by_status["read"], self._counted)

    @property
    def _counted(self) -> int:
        return sum(self.by_status.values())


def rate(part: int, whole: int) -> float:
    """Return `part` as a percentage of `whole` with two decimals; 0 of nothing."""
    return round(100 * part / whole, 2) if whole else 0.0


def list_notices(connection: Connection, actor: Actor, wanted: NoticeFilter, request: PageRequest) -> NoticeList:
    """Return notices on tickets that the actor may see, in the shape of NoticeView, the newest first.

    Notices without a ticket are for those who see every ticket. Raises InvalidInput for a cursor that is none.
    """
    place = request.place()
    narrowing = wanted.parameters() | load_sight(connection, actor).parameters()
    rows = fetch_planned(
        connection,
        queries("notices").list_notices,
        **narrowing,
        notice_id=None,
        **place,
    )
    (counts,) = fetch_planned(connection, queries("notices").count_notices, **narrowing, most=MAX_DEPTH + 1)
    page = page_of(rows, request, counted=0)
    return NoticeList(rows=[_shown(row, actor) for row in page.rows], by_status=counts, next_cursor=page.next_cursor)


def read_notice(connection: Connection, actor: Actor, notice_id: UUID) -> dict[str, Any]:
    """Return a notice in the shape of NoticeView. Raises NotFound, also for one that the actor may not see."""
    return _shown(_row(connection, actor, notice_id), actor)


def state_of(connection: Connection, actor: Actor, notice_id: UUID) -> dict[str, Any]:
    """Return how far a notice got, in the shape of NoticeState. Raises NotFound as `read_notice` does."""
    row = _row(connection, actor, notice_id)
    can_retry = row["status"] == NotificationStatus.FAILED and row["error_message"] is not None
    told = row | {"notification_id": row["id"], "can_retry": can_retry}
    return {name: told[name] for name in NoticeState.model_fields}


def _row(connection: Connection, actor: Actor, notice_id: UUID) -> dict[str, Any]:
    unset = NoticeFilter().parameters() | place_of(None, 1)
    sight = load_sight(connection, actor).parameters()
    rows = fetch_planned(connection, queries("notices").list_notices, **unset | sight, notice_id=notice_id)
    if not rows:
        raise no_such_notice(notice_id)
    return rows[0]


def _shown(row: Mapping[str, Any], actor: Actor) -> dict[str, Any]:
    shown = dict(row) if actor.has_role(*READS_PHONES) else _without_phone(row)
    return {name: shown[name] for name in NoticeView.model_fields}


def _without_phone(row: Mapping[str, Any]) -> dict[str, Any]:
    """Mask the telephone, and of the message's id show the part without the chat, which most engines name by it."""
    stanza = None if row["waha_message_id"] is None else row["waha_stanza_id"]
    return {**row, "recipient_phone": masked(row["recipient_phone"]), "waha_message_id": stanza}
