"""Who is on WhatsApp: numbers, their hidden ids, the members of groups."""

from __future__ import annotations

import hashlib
from typing import Any

from integrations.waha.sandbox import identifiers

USUAL_MEMBERS = ("27600000011@c.us", "27600000012@c.us", "27600000013@c.us")


class People:
    """Everybody is on WhatsApp unless told otherwise, and has a hidden id from which no number can be told."""

    def __init__(self) -> None:
        self._missing: set[str] = set()
        self._hidden: dict[str, str] = {}
        self._phones: dict[str, str] = {}
        self._unmapped: set[str] = set()
        self._groups: dict[str, tuple[str, ...]] = {}

    def exists(self, phone: str) -> bool:
        """Tell whether a number is on WhatsApp."""
        return identifiers.digits(phone) not in self._missing

    def hidden_of(self, chat_id: str) -> str:
        """Return a person's hidden id; a group has none and stays itself."""
        if identifiers.is_group(chat_id) or identifiers.is_hidden(chat_id):
            return chat_id
        phone = identifiers.digits(chat_id)
        if phone not in self._hidden:
            number = int.from_bytes(hashlib.sha256(phone.encode()).digest()[:6], "big")
            self.map(phone, f"1847{number % 10**11:011d}{identifiers.HIDDEN}")
        return self._hidden[phone]

    def map(self, phone: str, hidden: str) -> None:
        """Give a person a hidden id."""
        self._hidden[phone] = hidden
        self._phones[hidden] = phone

    def phone_of(self, hidden: str) -> str | None:
        """Return the chat id with the number behind a hidden id; None where WAHA does not know it."""
        phone = self._phones.get(hidden)
        return None if phone is None or phone in self._unmapped else phone + identifiers.PERSON

    def chat_of(self, chat_id: str) -> str:
        """Return the chat in which messages to or from this id are kept: the number's where there is one."""
        chat_id = identifiers.outer(chat_id)
        if not identifiers.is_hidden(chat_id):
            return chat_id
        phone = self._phones.get(chat_id)
        return phone + identifiers.PERSON if phone else chat_id

    def members(self, group: str) -> tuple[str, ...]:
        """Return who is in a group."""
        return self._groups.get(group, USUAL_MEMBERS)

    def change(self, chat_id: str, *, exists: bool, hidden: str | None, known: bool) -> None:
        """Tell whether a number is on WhatsApp, its hidden id, and whether WAHA knows what is behind that id."""
        phone = identifiers.digits(chat_id)
        (self._missing.discard if exists else self._missing.add)(phone)
        (self._unmapped.discard if known else self._unmapped.add)(phone)
        if hidden:
            self.map(phone, hidden)

    def gather(self, group: str, members: list[str]) -> None:
        """Tell who is in a group."""
        self._groups[group] = tuple(members)

    def pairs(self) -> list[dict[str, Any]]:
        """Return every hidden id with its number, as WAHA lists them."""
        return [{"lid": hidden, "pn": self.phone_of(hidden)} for hidden in sorted(self._phones)]
