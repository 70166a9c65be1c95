"""The gateway's sessions as the API shows them: how they are, and what keeps notices back now. Reads only."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field

from sql.database import Connection
from ticketing.notices import sessions
from ticketing.notices.session_rules import blocked


class SessionView(BaseModel):
    """A session of the gateway: how it was last seen, and whether anybody may be written to over it."""

    session: str
    status: str | None = Field(description="The gateway's own word, such as `WORKING`; null before it was heard of")
    status_at: datetime | None
    working_since: datetime | None
    engine: str | None
    version: str | None
    checked_at: datetime | None
    restarted_at: datetime | None
    restart_reason: str | None
    alarm: str | None = Field(description="What somebody has to see to before anything more is sent")
    alarmed_at: datetime | None
    new_contacts_held_until: datetime | None = Field(description="Until when WhatsApp lets nobody new be written to")
    new_contacts_reason: str | None
    is_sending: bool
    blocked_until: datetime | None = Field(description="When sending is tried again, where it is blocked")
    blocked_reason: str | None


def list_sessions(connection: Connection, now: datetime) -> list[dict[str, Any]]:
    """Return the sessions that were ever heard of, in the shape of SessionView; `now` is aware."""
    return [_shown(row, now) for row in sessions.list_sessions(connection)]


def _shown(row: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    stopped = blocked(row, is_new_contact=False, now=now)
    held_until = row["new_contacts_held_until"]
    is_held = held_until is not None and held_until > now
    told = {
        **row,
        "new_contacts_held_until": held_until if is_held else None,
        "new_contacts_reason": row["new_contacts_reason"] if is_held else None,
        "is_sending": stopped is None,
        "blocked_until": stopped.until if stopped else None,
        "blocked_reason": stopped.reason if stopped else None,
    }
    return {name: told[name] for name in SessionView.model_fields}
