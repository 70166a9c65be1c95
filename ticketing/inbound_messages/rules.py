"""What a message is about and where it belongs, as pure rules."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Literal
from uuid import UUID

from ticketing.inbound_messages.words import TriageReason

CONTEXT_LASTS: Final = timedelta(minutes=5)
LONGEST_BODY: Final = 65_536
"""WhatsApp's own limit, in characters."""

OptWord = Literal["stop", "start"]

# People put a space, a dash or a colon where the drop's label has nothing.
_DROP = re.compile(r"(?<![A-Z0-9])DR[ \t:#.-]{0,3}([0-9]{6,8})(?![0-9])", re.IGNORECASE | re.ASCII)
_WORDS: dict[str, OptWord] = {
    "stop": "stop",
    "stop all": "stop",
    "unsubscribe": "stop",
    "opt out": "stop",
    "start": "start",
    "unstop": "start",
    "subscribe": "start",
    "opt in": "start",
}
_LONGEST_WORD = 20
_LATIN = re.compile(r"[a-z]+")


@dataclass(frozen=True, slots=True)
class Attach:
    """The message belongs to this ticket."""

    ticket_id: UUID
    dr_number: str


@dataclass(frozen=True, slots=True)
class Ask:
    """A person has to decide; `dr_number` is the drop that it is about, if that much is known."""

    reason: TriageReason
    dr_number: str | None = None


def drop_numbers(text: str) -> list[str]:
    """Return the drops that a text names, in its order, each once: `dr 1737348` is `DR1737348`."""
    return list(dict.fromkeys(f"DR{digits}" for digits in _DROP.findall(text)))


def opt_word(text: str) -> OptWord | None:
    """Return whether a message asks to be left alone, or not any more; None for any other. The whole text must say so,
    but for blanks and signs around it: "stop by at 10" is about a visit, and so is "stop 10"."""
    said = text.lower()
    if len(text) > _LONGEST_WORD or any(sign.isalnum() for sign in _LATIN.sub("", said)):
        return None
    return _WORDS.get(" ".join(_LATIN.findall(said)))


def drop_of(named: Sequence[str], context: str | None) -> str | Ask:
    """Return the one drop that a message is about: named by itself, else lent by what the sender wrote before."""
    if len(named) > 1:
        return Ask(TriageReason.SEVERAL_DROP_NUMBERS)
    if named:
        return named[0]
    return context if context is not None else Ask(TriageReason.NO_DROP_NUMBER)


def place_for(dr_number: str, open_tickets: Sequence[UUID]) -> Attach | Ask:
    """Return where a message about a drop belongs: to its one open ticket, else to a person."""
    if len(open_tickets) == 1:
        return Attach(open_tickets[0], dr_number)
    reason = TriageReason.SEVERAL_OPEN_TICKETS if open_tickets else TriageReason.NO_OPEN_TICKET
    return Ask(reason, dr_number)


def is_for_us(*, is_group: bool, has_drop: bool) -> bool:
    """Whether a message is ours to deal with: in a group only one that is about a drop, else people talk there."""
    return has_drop or not is_group


def says_something(text: str) -> bool:
    """Whether a text has a character that can be seen: signs without width and spaces of all kinds say nothing."""
    return any(sign.isprintable() and not sign.isspace() for sign in text)


def storable(text: str) -> str:
    """Return a text as the database takes it: without zero characters and halves of characters, no longer than sent."""
    return text.replace("\0", "").encode("utf-8", "ignore").decode()[:LONGEST_BODY]
