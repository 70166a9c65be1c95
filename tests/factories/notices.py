"""Builders for notices: people who can be rung, tickets that name them, and notices in every state."""

from __future__ import annotations

import itertools
from typing import Any

from sql.database import Connection
from tests.factories import Row, insert, make_ticket, make_user

GATEWAY = {"waha_url": "http://127.0.0.1:9", "waha_session": "test"}

_numbers = itertools.count(1)


def a_phone() -> str:
    """Return a South African mobile number that no other call of this process returned."""
    return f"+2782{next(_numbers):07d}"


def make_told_ticket(connection: Connection, **columns: Any) -> Row:
    """A ticket that is assigned to a technician with a telephone of their own, unless `assigned_to` says otherwise."""
    if "assigned_to" not in columns:
        columns["assigned_to"] = make_user(connection, phone=a_phone())["id"]
    return make_ticket(connection, **{"status": "assigned"} | columns)


def make_notice(connection: Connection, **columns: Any) -> Row:
    """A notice that waits to be sent; one in another status gets the times and reasons that the schema asks for."""
    row: Row = {"recipient_type": "technician", "recipient_phone": "+27821234567", "message_content": "Ticket closed"}
    row |= columns
    at = row.setdefault("created_at", "2026-11-20T10:00:00Z")
    status = row.get("status", "pending")
    if status in ("sent", "delivered", "read"):
        row = {"sent_at": at} | row
    if status in ("delivered", "read"):
        row = {"delivered_at": at} | row
    if status == "read":
        row = {"read_at": at} | row
    if status == "failed":
        row = {"failed_at": at, "error_code": "SEND_ERROR", "error_message": "The gateway refused it"} | row
    return insert(connection, "whatsapp_notifications", **row)
