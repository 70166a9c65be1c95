"""The words of messages that come in and of the queue for people, as the database spells them."""

from __future__ import annotations

from enum import StrEnum


class MessageOutcome(StrEnum):
    """What became of a message."""

    PENDING = "pending"
    ATTACHED = "attached"
    TRIAGE = "triage"
    DISMISSED = "dismissed"
    OPTED_OUT = "opted_out"
    OPTED_IN = "opted_in"
    IGNORED = "ignored"


class MediaStatus(StrEnum):
    """What became of a picture or a document that came with a message.

    `refused`: it is no file that a ticket takes; `lost`: the gateway has it no more; `forgotten`: nobody wanted it.
    """

    NONE = "none"
    PENDING = "pending"
    STORED = "stored"
    ATTACHED = "attached"
    REFUSED = "refused"
    LOST = "lost"
    FORGOTTEN = "forgotten"


class TriageReason(StrEnum):
    """Why a person has to decide about a message."""

    NO_DROP_NUMBER = "no_drop_number"
    SEVERAL_DROP_NUMBERS = "several_drop_numbers"
    NO_OPEN_TICKET = "no_open_ticket"
    SEVERAL_OPEN_TICKETS = "several_open_tickets"
    SENDER_UNKNOWN = "sender_unknown"


class TriageStatus(StrEnum):
    """What a person decided."""

    OPEN = "open"
    ATTACHED = "attached"
    TICKET_CREATED = "ticket_created"
    DISMISSED = "dismissed"
