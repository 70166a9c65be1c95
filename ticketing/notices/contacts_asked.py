"""Whether a telephone is on WhatsApp, as the gateway said when it was asked before the first message to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sql.database import queries
from ticketing.events import UnitOfWork

# Who is not there today may be tomorrow.
NOT_THERE_FOR = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Chat:
    """Where to send to; None: the number is not on WhatsApp."""

    chat_id: str | None


def known_chat(notice: Mapping[str, Any], now: datetime) -> Chat | None:
    """Return what is known of a notice's recipient (a row of `lock_sending`); None when the gateway is to be asked."""
    if notice["exists_on_whatsapp"] is True and notice["chat_id"]:
        return Chat(notice["chat_id"])
    if notice["exists_on_whatsapp"] is False and now - notice["checked_at"] < NOT_THERE_FOR:
        return Chat(None)
    return None


def answer_of(phone: str, *, exists: bool, chat_id: str | None) -> Chat:
    """Return what an answer means; who is there but without a chat's id is written to by the number (E.164)."""
    if not exists:
        return Chat(None)
    return Chat(chat_id or f"{phone.removeprefix('+')}@c.us")


def keep(work: UnitOfWork, phone: str, chat: Chat) -> None:
    """Keep the answer for the next notices to the same telephone."""
    queries("notice_sending").write_contact_check(
        work.connection, phone=phone, chat_id=chat.chat_id, is_there=chat.chat_id is not None, now=work.now
    )
