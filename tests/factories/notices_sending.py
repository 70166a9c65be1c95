"""Builders of notices on their way, for the tests of sending."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sql.database import Connection
from tests.factories import Row, insert, unique

SESSION = "default"


def make_notice(connection: Connection, **columns: Any) -> Row:
    """A notice that may go out at once, to a telephone of its own, with words of its own."""
    number = int(unique("").lstrip("0") or 0)
    row: Row = {
        "recipient_type": "technician",
        "recipient_phone": f"+2760{number:07d}",
        "message_content": f"Ticket FT{number:06d}: your technician arrives 10:00-12:00.",
        "not_before": "2020-01-01T00:00:00Z",
        "created_at": "2020-01-01T00:00:00Z",
    }
    return insert(connection, "whatsapp_notifications", **row | columns)


def notice_row(connection: Connection, notice_id: UUID) -> Row:
    """A notice as it is now."""
    row = connection.execute("select * from whatsapp_notifications where id = %s", [notice_id]).fetchone()
    assert row is not None
    return row
