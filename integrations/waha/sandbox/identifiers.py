"""The names of things on WhatsApp as WAHA writes them: chats, messages, envelopes of events."""

from __future__ import annotations

import os
import re
import threading

PERSON, GROUP, HIDDEN, INNER = "@c.us", "@g.us", "@lid", "@s.whatsapp.net"
CHAT_ID = re.compile(r"^[0-9][0-9-]{4,24}@(c\.us|g\.us|lid|s\.whatsapp\.net)$")
STANZA = re.compile(r"^[0-9A-Z]{8,40}$")

# Crockford's base 32, in small letters as the envelopes have it.
_LETTERS = "0123456789abcdefghjkmnpqrstvwxyz"


def new_stanza() -> str:
    """Return a fresh bare message id: `3EB0` and 16 upper-case hex digits."""
    return f"3EB0{os.urandom(8).hex().upper()}"


def new_app_stanza() -> str:
    """Return a fresh bare message id as a phone's own app makes them."""
    return f"3A{os.urandom(9).hex().upper()}"


class EnvelopeIds:
    """Ids for events: `evt_` and a ULID of 26 small letters. They sort as they were made, within a millisecond too."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last = 0

    def new(self, milliseconds: int) -> str:
        """Return a fresh id for an event of that moment (milliseconds since 1970)."""
        with self._lock:
            fresh = (milliseconds << 80) | int.from_bytes(os.urandom(10), "big")
            number = self._last = max(fresh, self._last + 1)
        return "evt_" + "".join(_LETTERS[(number >> shift) & 31] for shift in range(125, -1, -5))


def message_id(chat_id: str, stanza: str, *, from_me: bool, participant: str | None = None) -> str:
    """Return a message's full id: whether it is ours, its chat, its stanza, and in a group who sent it."""
    tail = f"_{participant}" if participant else ""
    return f"{str(from_me).lower()}_{chat_id}_{stanza}{tail}"


def stanza_of(identifier: str) -> str:
    """Return the bare id within a full one; what has no parts is bare already."""
    parts = identifier.split("_")
    return parts[2] if len(parts) > 2 else identifier


def outer(chat_id: str) -> str:
    """Return a chat's id in the form that callers use: the engines' inner form of a person becomes `@c.us`."""
    return chat_id.removesuffix(INNER) + PERSON if chat_id.endswith(INNER) else chat_id


def inner(chat_id: str) -> str:
    """Return a chat's id in the form that NOWEB and GOWS use within."""
    return chat_id.removesuffix(PERSON) + INNER if chat_id.endswith(PERSON) else chat_id


def digits(text: str) -> str:
    """Return the digits of a phone number or of a person's chat id."""
    return re.sub(r"\D", "", text.partition("@")[0])


def is_group(chat_id: str) -> bool:
    """Tell whether a chat is a group."""
    return chat_id.endswith(GROUP)


def is_hidden(chat_id: str) -> bool:
    """Tell whether an id is WhatsApp's hidden one, whose digits are no phone number."""
    return chat_id.endswith(HIDDEN)
