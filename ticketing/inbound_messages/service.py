"""Bringing messages to the tickets that they are about, and those that belong nowhere to a person.

Order of taking: the sender, the ticket, the message, its place in the queue, the contact. The messages of one sender
are dealt with one after the other, in whatever order their jobs come: one that names a drop fetches those that were
dealt with before it and sent after it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from uuid import UUID

from runtime.identifiers import uuid7
from sql.database import Connection, queries
from ticketing.errors import NotFound
from ticketing.events import UnitOfWork
from ticketing.inbound_messages import rules
from ticketing.inbound_messages.messages import Received
from ticketing.inbound_messages.rules import Ask, Attach, OptWord
from ticketing.inbound_messages.words import MediaStatus, MessageOutcome, TriageReason
from ticketing.notes import service as notes
from ticketing.notes.requests import NewNote
from ticketing.notices import contacts
from ticketing.phones import masked
from ticketing.ticket_input import DESCRIPTION_MAX_LENGTH
from ticketing.ticket_locks import find_and_lock_ticket
from ticketing.vocabulary import TERMINAL_STATUSES, NoteType

Message = Mapping[str, Any]

_HAS_FILE = (MediaStatus.PENDING, MediaStatus.STORED)
# One is enough to attach to, two are enough to ask.
_ENOUGH = 2
_WITHOUT_WORDS = "Sent a file by WhatsApp"
_CUT = " ..."


def known_phone(connection: Connection, sender_id: str) -> str | None:
    """Return the telephone (E.164) of a hidden sender, if one of its messages was found to come from there."""
    phone: str | None = queries("inbound_messages").find_phone_of_sender(connection, sender_id=sender_id)
    return phone


def receive(work: UnitOfWork, received: Received) -> list[UUID]:
    """Keep a message and bring it where it belongs; one that came before changes nothing.

    Returns the messages whose files are wanted now: its own, and those of earlier ones that it gave a place to.
    """
    queries("inbound_messages").lock_sender(work.connection, sender_id=received.sender_id)
    message = _keep(work, received)
    if message is None:
        return []
    wish = _wish_of(message)
    if wish is not None:
        return _follow_wish(work, message, wish)
    routed = _route(work, message)
    _note_writer(work, message)
    return [wanted for wanted in routed if find(work.connection, wanted)["media_status"] in _HAS_FILE]


def find(connection: Connection, message_id: UUID) -> dict[str, Any]:
    """Return a message. Raises NotFound."""
    row: dict[str, Any] | None = queries("inbound_messages").find_message(connection, message_id=message_id)
    if row is None:
        raise NotFound(f"Message {message_id} not found", details={"message_id": str(message_id)})
    return row


def lock(work: UnitOfWork, message_id: UUID) -> dict[str, Any]:
    """Take a message until the end of the unit of work, after its ticket. Raises NotFound."""
    row: dict[str, Any] | None = queries("inbound_messages").lock_message(work.connection, message_id=message_id)
    if row is None:
        raise NotFound(f"Message {message_id} not found", details={"message_id": str(message_id)})
    return row


def attach(work: UnitOfWork, message: Message, ticket_id: UUID, dr_number: str | None) -> None:
    """Write a taken message on a ticket as a private note; its file follows by a job. Raises what notes raise."""
    known = _name_of(work.connection, message)
    kind = NoteType.INTERNAL if known else NoteType.CLIENT
    note = notes.add(work, ticket_id, NewNote(content=_content(message), note_type=kind), _author(message, known))
    _note_route(work, message, MessageOutcome.ATTACHED, dr_number, ticket_id, note["id"])


def note_dismissed(work: UnitOfWork, message: Message) -> None:
    """Note that a person found a taken message to belong nowhere."""
    _note_route(work, message, MessageOutcome.DISMISSED)


def _keep(work: UnitOfWork, received: Received) -> dict[str, Any] | None:
    """Keep a message; None for one that came before, and for what people say to each other in a group."""
    named = rules.drop_numbers(received.body)
    may_follow = received.media is not None
    if not rules.is_for_us(is_group=received.is_group, has_drop=bool(named) or may_follow):
        return None
    media = received.media
    row: dict[str, Any] | None = queries("inbound_messages").insert_message(
        work.connection,
        id=uuid7(),
        session=received.session,
        message_id=received.message_id,
        stanza_id=received.stanza_id,
        chat_id=received.chat_id,
        sender_id=received.sender_id,
        sender_phone=received.sender_phone,
        sender_name=received.sender_name,
        is_group=received.is_group,
        body=received.body,
        drop_numbers=named,
        sent_at=received.sent_at,
        media_status=MediaStatus.PENDING if media else MediaStatus.NONE,
        media_url=media.url if media else None,
        media_mime_type=media.mime_type if media else None,
        media_filename=media.filename if media else None,
        now=work.now,
    )
    return row


def _wish_of(message: Message) -> OptWord | None:
    """Return what its writer asks of us for himself; the words beside a file say what is on it."""
    if message["is_group"] or message["media_status"] != MediaStatus.NONE:
        return None
    return rules.opt_word(message["body"])


def _follow_wish(work: UnitOfWork, message: Message, wish: OptWord) -> list[UUID]:
    """Leave a telephone alone, or no more, unless it said otherwise since. For an unknown one a person is asked."""
    phone = message["sender_phone"]
    if phone is None:
        _ask(work, message, Ask(TriageReason.SENDER_UNKNOWN))
        return [message["id"]]
    _note_writer(work, message)
    stops = wish == "stop"
    later = queries("inbound_messages").has_later_wish(
        work.connection, sender_id=message["sender_id"], sent_at=message["sent_at"]
    )
    if stops and not later:
        contacts.opt_out(work, phone, f"Wrote {message['body'].strip()!r}")
    elif not later:
        contacts.opt_in(work, phone)
    _note_route(work, message, MessageOutcome.OPTED_OUT if stops else MessageOutcome.OPTED_IN)
    return []


def _route(work: UnitOfWork, message: Message) -> list[UUID]:
    """Bring a message to its ticket or to a person; return those that have a place now, none for nobody's business."""
    place = _place(work.connection, message)
    if isinstance(place, Attach):
        ticket = find_and_lock_ticket(work, place.ticket_id)
        if ticket is not None and ticket["status"] not in TERMINAL_STATUSES:
            attach(work, message, place.ticket_id, place.dr_number)
            return [message["id"], *_fetch_followers(work, message, place)]
        place = Ask(TriageReason.NO_OPEN_TICKET, place.dr_number)
    if message["is_group"] and place.reason == TriageReason.NO_DROP_NUMBER:
        _note_route(work, message, MessageOutcome.IGNORED)
        return []
    _ask(work, message, place)
    return [message["id"]]


def _place(connection: Connection, message: Message) -> Attach | Ask:
    drop = rules.drop_of(message["drop_numbers"], _context(connection, message))
    if isinstance(drop, Ask):
        return drop
    rows = queries("inbound_messages").list_open_tickets(connection, dr_number=drop, most=_ENOUGH)
    return rules.place_for(drop, [row["id"] for row in rows])


def _context(connection: Connection, message: Message) -> str | None:
    """Return the one drop that the sender named last, shortly before; None if it named none, or several."""
    found = queries("inbound_messages").find_context(
        connection,
        sender_id=message["sender_id"],
        since=message["sent_at"] - rules.CONTEXT_LASTS,
        until=message["sent_at"],
    )
    return found["drop_numbers"][0] if found and len(found["drop_numbers"]) == 1 else None


def _ask(work: UnitOfWork, message: Message, question: Ask) -> None:
    _note_route(work, message, MessageOutcome.TRIAGE, question.dr_number)
    queries("inbound_messages").insert_triage_item(
        work.connection, id=uuid7(), message_id=message["id"], reason=question.reason.value, now=work.now
    )


def _fetch_followers(work: UnitOfWork, message: Message, place: Attach) -> Iterator[UUID]:
    """Bring messages that were sent after this one, and dealt with before it, to its ticket, which is taken."""
    rows = queries("inbound_messages").list_followers(
        work.connection,
        sender_id=message["sender_id"],
        since=message["sent_at"],
        until=message["sent_at"] + rules.CONTEXT_LASTS,
    )
    for follower in list(rows) if message["drop_numbers"] else []:
        # What the sender named in between counts for what came after that.
        if _place(work.connection, follower) == place:
            attach(work, follower, place.ticket_id, place.dr_number)
            queries("inbound_messages").settle_triage_item(
                work.connection,
                message_id=follower["id"],
                ticket_id=place.ticket_id,
                by_name=work.actor.name,
                now=work.now,
            )
            yield follower["id"]


def _note_writer(work: UnitOfWork, message: Message) -> None:
    if message["sender_phone"] is None:
        return
    named = message["drop_numbers"]
    private = not message["is_group"] and message["chat_id"].endswith("@c.us")
    contacts.note_inbound(
        work,
        message["sender_phone"],
        message["sent_at"],
        chat_id=message["chat_id"] if private else None,
        dr_number=named[0] if len(named) == 1 else None,
    )


def _note_route(
    work: UnitOfWork,
    message: Message,
    outcome: MessageOutcome,
    dr_number: str | None = None,
    ticket_id: UUID | None = None,
    note_id: UUID | None = None,
) -> None:
    queries("inbound_messages").route_message(
        work.connection,
        message_id=message["id"],
        outcome=outcome.value,
        dr_number=dr_number,
        ticket_id=ticket_id,
        note_id=note_id,
        now=work.now,
    )


def _name_of(connection: Connection, message: Message) -> str | None:
    if message["sender_phone"] is None:
        return None
    name: str | None = queries("inbound_messages").find_writer(connection, sender_phone=message["sender_phone"])
    return name


def _author(message: Message, known: str | None) -> str:
    """Return whom a note names as its author: everybody who reads tickets reads it, so no whole telephone."""
    phone = message["sender_phone"]
    return f"{known or message['sender_name'] or (masked(phone) if phone else 'Somebody')} (WhatsApp)"


def _content(message: Message) -> str:
    words = message["body"].strip() if rules.says_something(message["body"]) else _WITHOUT_WORDS
    if len(words) <= DESCRIPTION_MAX_LENGTH:
        return str(words)
    return words[: DESCRIPTION_MAX_LENGTH - len(_CUT)] + _CUT
