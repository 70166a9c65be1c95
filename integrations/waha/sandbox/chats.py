"""The messages that the sandbox holds: what WAHA lists, and what really left for WhatsApp."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, NamedTuple

from integrations.waha.sandbox import identifiers

ERROR, PENDING, SERVER, DEVICE, READ, PLAYED = -1, 0, 1, 2, 3, 4
ACK_NAMES = {ERROR: "ERROR", PENDING: "PENDING", SERVER: "SERVER", DEVICE: "DEVICE", READ: "READ", PLAYED: "PLAYED"}


@dataclass(frozen=True, slots=True)
class Media:
    """A file that came or went with a message."""

    data: bytes = field(repr=False)
    mimetype: str
    filename: str | None = None


@dataclass(frozen=True, slots=True)
class Message:
    """One message. `ack` is the highest level reached, `left_at` when WhatsApp's server had it (never: None).

    `chat_id` is the chat as we keep it (the phone's form where it is known), `addressed` the form that was used.
    `calls` counts the requests to send it, `fate` tells what was made to go wrong with it, `withheld` that WAHA does
    not show it, `name` what a sender chose to be called. `number` counts all messages of the sandbox from 1.
    """

    number: int
    session: str
    chat_id: str
    stanza: str
    from_me: bool
    body: str
    at: datetime
    addressed: str
    source: str = "api"
    participant: str | None = None
    name: str | None = None
    reply_to: str | None = None
    media: Media | None = None
    ack: int = PENDING
    left_at: datetime | None = None
    calls: int = 1
    fate: str | None = None
    withheld: bool = False

    @property
    def id(self) -> str:
        """The full id."""
        return self.id_in(self.addressed)

    def id_in(self, chat_id: str) -> str:
        """Return the full id with another form of the chat in it, as some events carry it."""
        return identifiers.message_id(chat_id, self.stanza, from_me=self.from_me, participant=self.participant)

    @property
    def timestamp(self) -> int:
        """When it was written, Unix seconds."""
        return int(self.at.timestamp())

    def as_json(self) -> dict[str, Any]:
        """Return the message as the control shows it: what is true, not what WAHA tells."""
        return {
            "number": self.number,
            "session": self.session,
            "chat_id": self.chat_id,
            "stanza": self.stanza,
            "id": self.id,
            "from_me": self.from_me,
            "body": self.body,
            "at": self.at.isoformat(),
            "source": self.source,
            "participant": self.participant,
            "media": self.media and {"mimetype": self.media.mimetype, "bytes": len(self.media.data)},
            "ack": self.ack,
            "ack_name": ACK_NAMES[self.ack],
            "left_at": self.left_at and self.left_at.isoformat(),
            "calls": self.calls,
            "fate": self.fate,
            "withheld": self.withheld,
        }


class Listing(NamedTuple):
    """What is asked of a chat's list: times in Unix seconds, both ends included."""

    limit: int
    offset: int = 0
    since: float | None = None
    until: float | None = None
    from_me: bool | None = None
    ack: int | None = None
    rising: bool = False

    def takes(self, message: Message) -> bool:
        """Tell whether a message is asked for."""
        return (
            not message.withheld
            and (self.since is None or message.timestamp >= self.since)
            and (self.until is None or message.timestamp <= self.until)
            and self.from_me in (None, message.from_me)
            and self.ack in (None, message.ack)
        )


class Chats:
    """Every message of every chat; safe for any number of threads."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._messages: dict[tuple[str, str], Message] = {}
        self._chats: dict[tuple[str, str], list[str]] = defaultdict(list)
        self._last = 0

    def add(self, **values: Any) -> Message:
        """Keep a new message (the fields of `Message` but its number) and return it."""
        with self._lock:
            self._last += 1
            message = Message(number=self._last, **values)
            self._messages[message.session, message.stanza] = message
            self._chats[message.session, message.chat_id].append(message.stanza)
            return message

    def change(self, message: Message, **values: Any) -> Message:
        """Change fields of a message, as it stands now, and return it."""
        with self._lock:
            key = (message.session, message.stanza)
            self._messages[key] = replace(self._messages[key], **values)
            return self._messages[key]

    def acknowledge(self, message: Message, level: int, at: datetime) -> Message:
        """Raise a message's level: never lower, and an error counts only while it is not delivered."""
        with self._lock:
            message = self._messages[message.session, message.stanza]
            if level == ERROR:
                return message if message.ack >= DEVICE else self.change(message, ack=ERROR, left_at=None)
            if level <= message.ack:
                return message
            return self.change(message, ack=level, left_at=message.left_at or (at if level >= SERVER else None))

    def find(self, session: str, identifier: str) -> Message | None:
        """Return a message by its full or bare id, those that WAHA does not show included."""
        with self._lock:
            return self._messages.get((session, identifiers.stanza_of(identifier)))

    def listing(self, session: str, chat_ids: Iterable[str], asked: Listing) -> list[Message]:
        """Return what WAHA lists of these chats, the newest first unless asked otherwise."""
        with self._lock:
            stanzas = [stanza for chat_id in chat_ids for stanza in self._chats.get((session, chat_id), ())]
            found = [one for one in (self._messages[session, stanza] for stanza in stanzas) if asked.takes(one)]
        found.sort(key=lambda one: (one.at, one.number), reverse=not asked.rising)
        return found[asked.offset : asked.offset + asked.limit]

    def knows(self, session: str, chat_id: str) -> bool:
        """Tell whether a chat is no new contact: somebody wrote to us, or a message to them left."""
        with self._lock:
            stanzas = self._chats.get((session, chat_id), ())
            return any(not one.from_me or one.left_at for one in (self._messages[session, key] for key in stanzas))

    def messages(self, *, after: int = 0, chat_id: str | None = None, most: int | None = None) -> list[Message]:
        """Return every message whose number is above `after`, in order: the truth, not what WAHA shows."""
        with self._lock:
            found = [one for one in self._messages.values() if one.number > after and chat_id in (None, one.chat_id)]
        return sorted(found, key=lambda one: one.number)[:most]

    def received(self) -> dict[tuple[str, str], list[Message]]:
        """Return what people have on their phones from us: by chat and text, each message that left."""
        found: dict[tuple[str, str], list[Message]] = defaultdict(list)
        for message in self.messages():
            if message.from_me and message.left_at:
                found[message.chat_id, message.body].append(message)
        return dict(found)

    def doubled(self) -> dict[tuple[str, str], list[Message]]:
        """Return what people received more than once: the same text in the same chat."""
        return {key: messages for key, messages in self.received().items() if len(messages) > 1}

    def never_left(self) -> list[Message]:
        """Return our messages that WhatsApp never had."""
        return [one for one in self.messages() if one.from_me and not one.left_at]
