"""What is known of a telephone: whether it wants to hear from us, and what it last wrote about.

The functions that change something take the contact first; who also changes a ticket has taken that before.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import BaseModel

from sql.database import Connection, queries
from ticketing.errors import NotFound
from ticketing.events import UnitOfWork
from ticketing.notices.writing import OPTED_OUT, OPTED_OUT_MESSAGE
from ticketing.paging import MAX_ROWS, bad_cursor, fetch_planned, parts_of, to_cursor


class ContactView(BaseModel):
    """A contact on the wire."""

    phone: str
    chat_id: str | None
    exists_on_whatsapp: bool | None
    checked_at: datetime | None
    opted_out_at: datetime | None
    opted_out_reason: str | None
    last_inbound_at: datetime | None
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class ContactList:
    """A part of the contacts, those that changed last first."""

    rows: list[dict[str, Any]]
    next_cursor: str | None


def find_contact(connection: Connection, phone: str) -> dict[str, Any] | None:
    """Return what is known of a telephone (E.164); None if nothing is."""
    contact: dict[str, Any] | None = queries("notices").read_contact(connection, phone=phone)
    return contact


def list_contacts(
    connection: Connection, *, opted_out: bool | None = None, size: int = MAX_ROWS, cursor: str | None = None
) -> ContactList:
    """Return contacts in the shape of ContactView. Raises InvalidInput for a cursor that is none."""
    after_at, after_phone = _position(cursor) if cursor else (None, None)
    rows = fetch_planned(
        connection,
        queries("notices").list_contacts,
        phone=None,
        opted_out=opted_out,
        after_at=after_at,
        after_phone=after_phone,
        row_limit=size + 1,
    )
    shown = rows[:size]
    last = shown[-1] if len(rows) > size else None
    return ContactList(
        rows=shown, next_cursor=to_cursor(last["updated_at"].isoformat(), last["phone"]) if last else None
    )


def read_contact(connection: Connection, phone: str) -> dict[str, Any]:
    """Return a contact in the shape of ContactView. Raises NotFound."""
    contact = find_contact(connection, phone)
    if contact is None:
        raise NotFound("Nothing is known of this telephone", details={"phone": phone})
    return {name: contact[name] for name in ContactView.model_fields}


def opt_out(work: UnitOfWork, phone: str, reason: str) -> int:
    """Note that somebody does not want to be written to, and end the notices of which nothing is out yet.

    Returns how many those were. Asked for again, it changes nothing.
    """
    contact = _lock(work, phone)
    if contact["opted_out_at"] is None:
        queries("notices").opt_out_contact(
            work.connection, phone=phone, now=work.now, opted_out_by=work.actor.user_id, reason=reason
        )
    ended: int = queries("notices").fail_unsent_of_contact(
        work.connection, phone=phone, now=work.now, error_code=OPTED_OUT, error_message=OPTED_OUT_MESSAGE
    )
    return ended


def opt_in(work: UnitOfWork, phone: str) -> bool:
    """Note that somebody wants to be written to again; False where nothing kept us from it."""
    contact = _lock(work, phone)
    if contact["opted_out_at"] is None:
        return False
    queries("notices").opt_in_contact(work.connection, phone=phone, now=work.now)
    return True


def note_inbound(
    work: UnitOfWork, phone: str, at: datetime, *, chat_id: str | None = None, dr_number: str | None = None
) -> Mapping[str, Any]:
    """Note that somebody wrote at a moment (aware), and about which drop if that was said.

    Returns what was known of the contact before: `last_dr_number` and `last_dr_at` say what photos that follow are of.
    """
    contact = _lock(work, phone)
    queries("notices").note_inbound_of_contact(
        work.connection, phone=phone, now=at, chat_id=chat_id, dr_number=dr_number
    )
    return contact


def _lock(work: UnitOfWork, phone: str) -> dict[str, Any]:
    contact: dict[str, Any] = queries("notices").lock_contact(work.connection, phone=phone, now=work.now)
    return contact


def _position(cursor: str) -> tuple[datetime, str]:
    try:
        at, phone = parts_of(cursor)
        moment = datetime.fromisoformat(at)
    except (ValueError, TypeError, AttributeError) as error:
        raise bad_cursor() from error
    if moment.tzinfo is None or not isinstance(phone, str):
        raise bad_cursor()
    return moment, phone
