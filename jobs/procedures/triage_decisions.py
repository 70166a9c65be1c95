"""What people decide about messages that no rule could place: done, audited, and the file sent after it, in one."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from jobs.kinds import fetch_inbound_media
from jobs.operations import audit
from jobs.work import Work
from ticketing.triage import service
from ticketing.triage.requests import AttachTo, Dismissal, TicketFromMessage


def attach(work: Work, item_id: UUID, wanted: AttachTo) -> dict[str, Any]:
    """Write a message, and its file, on a ticket; returns the item. Raises as `ticketing.triage.service.attach`."""
    item = service.attach(work, item_id, wanted)
    _follow_up(work, item, "triage_attached", wanted.reason)
    return item


def create_ticket(work: Work, item_id: UUID, wanted: TicketFromMessage) -> dict[str, Any]:
    """Make a ticket of a message, with its file; returns the item. Raises as `service.create_ticket`."""
    item = service.create_ticket(work, item_id, wanted)
    _follow_up(work, item, "triage_ticket_created", None)
    return item


def dismiss(work: Work, item_id: UUID, dismissal: Dismissal) -> dict[str, Any]:
    """Take a message that belongs nowhere from the queue; returns the item. Raises as `service.dismiss`."""
    item = service.dismiss(work, item_id, dismissal)
    _audit(work, item, "triage_dismissed", dismissal.reason)
    return item


def _follow_up(work: Work, item: dict[str, Any], action: str, reason: str | None) -> None:
    if service.has_file(item):
        fetch_inbound_media.submit(work, item["message_id"])
    _audit(work, item, action, reason)


def _audit(work: Work, item: dict[str, Any], action: str, reason: str | None) -> None:
    ticket_id: UUID | None = item["ticket_id"]
    details = {"message_id": str(item["message_id"]), "ticket_id": str(ticket_id) if ticket_id else None}
    audit(work, action, ("triage_item", item["id"]), reason=reason, details=details)
