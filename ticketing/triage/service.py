"""Deciding about messages that no rule could place. Order of taking: the ticket, the message, the item."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sql.database import queries
from ticketing import tickets
from ticketing.events import UnitOfWork
from ticketing.inbound_messages import service as messages
from ticketing.inbound_messages.words import TriageStatus
from ticketing.ticket_locks import lock_ticket
from ticketing.triage.requests import AttachTo, Dismissal, TicketFromMessage
from ticketing.triage.rules import HAS_FILE, require_may_decide, require_open, require_takes
from ticketing.triage.views import no_such_item, read_item


def attach(work: UnitOfWork, item_id: UUID, wanted: AttachTo) -> dict[str, Any]:
    """Write a message on a ticket and return the item in the shape of TriageItemView.

    Its file, if it has one (`has_file`), follows by a job that the caller enqueues. Raises NotFound, Forbidden,
    ConditionNotMet for a file to a ticket that is over, and AlreadyDecided for the second of two who decide.
    """
    require_may_decide(work.actor)
    message_id = _message_of(work, item_id)
    ticket = lock_ticket(work, wanted.ticket_id)
    message = _take(work, item_id, message_id)
    require_takes(ticket, message)
    messages.attach(work, message, wanted.ticket_id, None)
    return _decide(work, item_id, TriageStatus.ATTACHED, wanted.ticket_id, wanted.reason)


def create_ticket(work: UnitOfWork, item_id: UUID, wanted: TicketFromMessage) -> dict[str, Any]:
    """Make a ticket of a message, write the message on it, and return the item in the shape of TriageItemView.

    Raises what `attach` raises, and what making a ticket raises.
    """
    require_may_decide(work.actor)
    message = _take(work, item_id, _message_of(work, item_id))
    # Nobody else knows the ticket yet, so taking it last keeps nobody waiting.
    ticket_id = tickets.create(work, wanted.of(message))["id"]
    messages.attach(work, message, ticket_id, None)
    return _decide(work, item_id, TriageStatus.TICKET_CREATED, ticket_id, None)


def dismiss(work: UnitOfWork, item_id: UUID, dismissal: Dismissal) -> dict[str, Any]:
    """Note that a message belongs nowhere, and return the item in the shape of TriageItemView. Raises as `attach`."""
    require_may_decide(work.actor)
    message = _take(work, item_id, _message_of(work, item_id))
    messages.note_dismissed(work, message)
    return _decide(work, item_id, TriageStatus.DISMISSED, None, dismissal.reason)


def has_file(item: dict[str, Any]) -> bool:
    """Whether an item's message has a file, or will have one, that has to follow it to its ticket."""
    return item["media_status"] in HAS_FILE


def _message_of(work: UnitOfWork, item_id: UUID) -> UUID:
    message_id: UUID | None = queries("triage").find_message_of_item(work.connection, item_id=item_id)
    if message_id is None:
        raise no_such_item(item_id)
    return message_id


def _take(work: UnitOfWork, item_id: UUID, message_id: UUID) -> dict[str, Any]:
    message = messages.lock(work, message_id)
    require_open(queries("triage").lock_triage_item(work.connection, item_id=item_id))
    return message


def _decide(
    work: UnitOfWork, item_id: UUID, status: TriageStatus, ticket_id: UUID | None, reason: str | None
) -> dict[str, Any]:
    queries("triage").decide_triage_item(
        work.connection,
        item_id=item_id,
        status=status.value,
        ticket_id=ticket_id,
        decided_by=work.actor.user_id,
        decided_by_name=work.actor.name,
        reason=reason,
        now=work.now,
    )
    return read_item(work.connection, item_id)
