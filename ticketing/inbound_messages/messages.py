"""A message as a gateway hands it over, whatever its engine calls things."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Media:
    """A picture or a document that came with a message; `url` is where the gateway keeps it, if it says so."""

    url: str | None = None
    mime_type: str | None = None
    filename: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """A message that somebody wrote to us.

    `sender_id` is the writer's own chat id, in a group too; it may be a hidden one, and then `sender_phone` (E.164) is
    None until somebody finds it out.
    """

    session: str
    message_id: str
    stanza_id: str
    chat_id: str
    sender_id: str
    sender_phone: str | None
    sender_name: str | None
    is_group: bool
    body: str
    sent_at: datetime
    media: Media | None = None
