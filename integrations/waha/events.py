"""What WAHA tells of its own accord, read tolerantly: messages to us and confirmations of ours. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from integrations.waha.wire import Message, Restriction, message_of, phone_of, restrictions_of, sendable
from ticketing.inbound_messages.messages import Media, Received
from ticketing.inbound_messages.rules import storable

GROUP = "@g.us"
HIDDEN = "@lid"
PEOPLE = ("@c.us", HIDDEN)

_LONGEST_ID = 200
_ID = re.compile(r"[\x21-\x7e]{1,200}")
_LONGEST_NAME = 100
_LONGEST_ADDRESS = 2_000
# Where the engines put the name that the writer chose to show.
_NAMES = (("notifyName",), ("pushName",), ("Info", "PushName"))


@dataclass(frozen=True, slots=True)
class Confirmed:
    """A confirmation of a message of ours: how far it is (-1 to 4), and in a group, who got it so far."""

    stanza: str
    level: int
    participant: str | None
    reason: str | None


@dataclass(frozen=True, slots=True)
class SessionTold:
    """What an event tells of a session; None is what it does not tell."""

    status: str | None
    restrictions: tuple[Restriction, ...] | None


def received_of(session: str, payload: Any, said_at: datetime) -> Received | None:
    """Read a message that somebody wrote to us; None for one of ours, and for channels, broadcasts and states.

    `said_at` is when the gateway told of it, for a message that has no time of its own. Raises ValueError for what is
    no message at all.
    """
    message = _message(payload)
    if message is None:
        raise ValueError("the message has no id")
    chat_id = sendable(_text(payload.get("from"), _LONGEST_ID))
    is_group = chat_id.endswith(GROUP)
    sender_id = sendable(_text(payload.get("participant"), _LONGEST_ID)) if is_group else chat_id
    if message.from_me or not sender_id.endswith(PEOPLE):
        return None
    return Received(
        session=session,
        message_id=message.raw_id,
        stanza_id=message.stanza,
        chat_id=chat_id,
        sender_id=sender_id,
        sender_phone=phone_of(sender_id),
        sender_name=_name(payload.get("_data")),
        is_group=is_group,
        body=storable(message.body or ""),
        sent_at=_sent_at(message.timestamp, said_at),
        media=_media(payload),
    )


def confirmed_of(payload: Any) -> Confirmed | None:
    """Read a confirmation, or how far a message of ours is when it is told of; None for messages of others."""
    message = _message(payload)
    if message is None or not message.from_me or message.ack is None:
        return None
    error = payload.get("error")
    reason = _text(error.get("reason"), _LONGEST_NAME) if isinstance(error, Mapping) else ""
    participant = _text(payload.get("participant"), _LONGEST_ID)
    return Confirmed(message.stanza, message.ack, participant or None, reason or None)


def session_told(payload: Any) -> SessionTold:
    """Read an event about a session. Raises ValueError for one that tells nothing."""
    status = _text(payload.get("status"), _LONGEST_NAME) if isinstance(payload, Mapping) else ""
    restrictions = restrictions_of(payload.get("data")) if isinstance(payload, Mapping) else None
    if not status and restrictions is None:
        raise ValueError("the event tells nothing of the session")
    return SessionTold(status or None, restrictions)


def _message(payload: Any) -> Message | None:
    """Read what all messages have; None for what has no id that could be one."""
    message = message_of(payload)
    if message is None or not _ID.fullmatch(message.raw_id) or not message.stanza:
        return None
    return message


def _media(payload: Mapping[str, Any]) -> Media | None:
    media = payload.get("media")
    if payload.get("hasMedia") is not True and not isinstance(media, Mapping):
        return None
    found = media if isinstance(media, Mapping) else {}
    return Media(
        url=_text(found.get("url"), _LONGEST_ADDRESS) or None,
        mime_type=_text(found.get("mimetype"), _LONGEST_NAME) or None,
        filename=_text(found.get("filename"), _LONGEST_ID) or None,
    )


def _name(data: Any) -> str | None:
    for path in _NAMES:
        value = data
        for part in path:
            value = value.get(part) if isinstance(value, Mapping) else None
        name = " ".join(_text(value, _LONGEST_NAME).split())
        if name:
            return name
    return None


def _sent_at(timestamp: int | None, said_at: datetime) -> datetime:
    """The message's own time; a time ahead of its telling is a wrong clock's."""
    try:
        sent_at = datetime.fromtimestamp(timestamp or 0, said_at.tzinfo)
    except (ValueError, OverflowError, OSError):
        return said_at
    return min(sent_at, said_at) if timestamp else said_at


def _text(value: Any, longest: int) -> str:
    return storable(value).strip()[:longest] if isinstance(value, str) else ""
