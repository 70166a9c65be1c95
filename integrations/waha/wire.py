"""What WAHA says, read tolerantly: every engine answers in a shape of its own, and keys come and go with versions.

Pure. Unknown keys are left out, and what is missing is None rather than an error.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

# Engines to which a message's id can be given beforehand.
ENGINES_WITH_GIVEN_IDS = frozenset({"NOWEB", "GOWS"})
_OWN_OR_NOT = ("true", "false")
_INNER_SUFFIX = "@s.whatsapp.net"
_PERSON = re.compile(r"([1-9][0-9]{6,14})(?::\d+)?@(?:c\.us|s\.whatsapp\.net)")


@dataclass(frozen=True, slots=True)
class Sent:
    """What a send was answered with: the id as it came and the part that acknowledgements share; None if neither came.

    `ack` is what the answer itself says about how far the message is.
    """

    raw_id: str | None
    stanza: str | None
    ack: int | None = None


@dataclass(frozen=True, slots=True)
class Message:
    """A message of a chat. `timestamp` is Unix seconds."""

    raw_id: str
    stanza: str
    timestamp: int | None
    from_me: bool
    body: str | None
    ack: int | None


@dataclass(frozen=True, slots=True)
class Contact:
    """Whether a number is on WhatsApp, and where to send to."""

    exists: bool
    chat_id: str | None


@dataclass(frozen=True, slots=True)
class Server:
    """The gateway: its version and engine."""

    version: str | None
    engine: str | None


@dataclass(frozen=True, slots=True)
class Restriction:
    """What WhatsApp does not let the account do: nothing new to new contacts until `until` (None: it does not say)."""

    what: str
    until: datetime | None


@dataclass(frozen=True, slots=True)
class Session:
    """A session as the gateway sees it.

    `restrictions` is None where the answer says nothing of any: that is "not known", not "fine".
    """

    name: str
    status: str | None
    me: str | None
    engine: str | None
    restrictions: tuple[Restriction, ...] | None


def stanza_of(message_id: str) -> str:
    """Return the part of a message's id that all its forms share: `true_<chat>_<STANZA>[_<participant>]` or bare."""
    parts = message_id.split("_")
    return parts[2] if len(parts) >= 3 and parts[0] in _OWN_OR_NOT and parts[2] else message_id


def message_id_of(reply: Any) -> str | None:
    """Return the id of a message from any engine's shape, as it came; None when the answer has none."""
    if not isinstance(reply, Mapping):
        return None
    places = (
        reply.get("id"),
        _at(reply, "id", "_serialized"),
        _at(reply, "_data", "id", "_serialized"),
        _at(reply, "key", "id"),
        _at(reply, "id", "id"),
    )
    return next((place.strip() for place in places if isinstance(place, str) and place.strip()), None)


def sent_of(reply: Any) -> Sent:
    """Read the answer of a send."""
    raw = message_id_of(reply)
    return Sent(raw, stanza_of(raw) if raw else None, _ack(reply))


def message_of(item: Any) -> Message | None:
    """Read a message of a listing; None for what has no id."""
    raw = message_id_of(item)
    if raw is None:
        return None
    body = item.get("body")
    return Message(
        raw_id=raw,
        stanza=stanza_of(raw),
        timestamp=_whole(item.get("timestamp")),
        from_me=item.get("fromMe") is True or _at(item, "key", "fromMe") is True or raw.startswith("true_"),
        body=body if isinstance(body, str) else None,
        ack=_ack(item),
    )


def contact_of(reply: Any) -> Contact:
    """Read whether a number exists; the form with the phone's digits is preferred to a hidden user id."""
    reply = reply if isinstance(reply, Mapping) else {}
    places = [sendable(value) for value in (reply.get("chatId"), reply.get("pn")) if isinstance(value, str) and value]
    by_phone = [place for place in places if place.endswith("@c.us")]
    return Contact(exists=reply.get("numberExists") is True, chat_id=next(iter(by_phone or places), None))


def sendable(chat_id: str) -> str:
    """Return a chat's id in the form that may be sent to: an engine's inner form is rewritten."""
    person = _PERSON.fullmatch(chat_id)
    if person:
        return f"{person.group(1)}@c.us"
    return chat_id.removesuffix(_INNER_SUFFIX) + "@c.us" if chat_id.endswith(_INNER_SUFFIX) else chat_id


def phone_of(chat_id: str | None) -> str | None:
    """Return the telephone (E.164) that a person's chat id holds; None for groups, hidden ids and nothing."""
    person = _PERSON.fullmatch(chat_id or "")
    return f"+{person.group(1)}" if person else None


def server_of(reply: Any) -> Server:
    """Read the gateway's version."""
    return Server(_word(_at(reply, "version")), _word(_at(reply, "engine")))


def session_of(reply: Any) -> Session:
    """Read a session."""
    me = _at(reply, "me")
    return Session(
        name=_word(_at(reply, "name")) or "",
        status=_word(_at(reply, "status")),
        me=_word(_at(me, "id")),
        engine=_word(_at(reply, "engine", "engine")),
        restrictions=restrictions_of(me),
    )


def restrictions_of(data: Any) -> tuple[Restriction, ...] | None:
    """Read the restrictions out of a session's `me` or a status event's `data`; None where neither is told of.

    An empty tuple: told of, and not active.
    """
    lock, capping = _at(data, "reachoutTimelock"), _at(data, "messageCapping")
    if not isinstance(lock, Mapping) and not isinstance(capping, Mapping):
        return None
    found = []
    if isinstance(lock, Mapping) and lock.get("isActive") is True:
        found.append(Restriction("reach-out timelock", moment_of(lock.get("timeEnforcementEnds"))))
    if isinstance(capping, Mapping) and _used_up(capping):
        found.append(Restriction("message capping", moment_of(capping.get("cycleEnd"))))
    return tuple(found)


def _used_up(capping: Mapping[str, Any]) -> bool:
    """Whether the quota of new contacts is gone. The names of the states are not documented: the figures decide."""
    total, used = _whole(capping.get("totalQuota")), _whole(capping.get("usedQuota"))
    return total is not None and used is not None and total > 0 and used >= total


def _at(value: Any, *path: str) -> Any:
    for name in path:
        if not isinstance(value, Mapping):
            return None
        value = value.get(name)
    return value


def _ack(item: Any) -> int | None:
    value = _whole(_at(item, "ack"))
    return value if value is not None and -1 <= value <= 4 else None


def _word(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _whole(value: Any) -> int | None:
    """A number that some engines write as a text."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    return int(value) if isinstance(value, str) and re.fullmatch(r"-?[0-9]{1,18}", value) else None


def moment_of(seconds: Any) -> datetime | None:
    """Return Unix seconds, or milliseconds as other fields have them, as a moment; None for what is neither."""
    value = _whole(seconds)
    if value is None or value <= 0:
        return None
    value = value // 1000 if value > 100_000_000_000 else value
    try:
        return datetime.fromtimestamp(value, UTC)
    except (ValueError, OverflowError, OSError):
        return None
