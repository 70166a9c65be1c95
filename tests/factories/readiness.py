"""Builders for verification and QA readiness: evidence photos, and tickets that lack nothing."""

from __future__ import annotations

import hashlib
from typing import Any
from uuid import UUID

from sql.database import Connection
from tests.factories import Row, insert, make_ticket, unique
from ticketing.verification_steps import PHOTO_STEPS

PLACES: Row = {"dr_number": "DR1737348", "pole_number": "LAW.P.A002", "pon_number": "7", "zone": "3"}
ONT: Row = {"ont_serial": "ALCLF0000001", "ont_rx_level": -19}


def make_photo(connection: Connection, ticket_id: UUID, step_number: int | None, **columns: Any) -> Row:
    """An evidence photo of a step that inspection has accepted, unless `inspection_status` says otherwise."""
    name = unique("photo-")
    row: Row = {
        "ticket_id": ticket_id,
        "step_number": step_number,
        "filename": f"{name}.jpg",
        "file_type": "photo",
        "mime_type": "image/jpeg",
        "file_size": 2048,
        "file_sha256": hashlib.sha256(name.encode()).hexdigest(),
        "storage_key": f"tickets/{name}.jpg",
        "is_evidence": True,
        "inspection_status": "accepted",
        "inspected_at": "2026-11-20T09:00:00Z",
    }
    return insert(connection, "ticket_attachments", **row | columns)


def make_photos(connection: Connection, ticket_id: UUID, *but: int) -> None:
    """An accepted photo for each step that needs one, all but some."""
    for step in PHOTO_STEPS:
        if step not in but:
            make_photo(connection, ticket_id, step)


def make_ready_ticket(connection: Connection, **columns: Any) -> Row:
    """A ticket that waits for QA and of which the readiness check finds everything."""
    ticket = make_ticket(connection, **{"status": "pending_qa"} | PLACES | ONT | columns)
    make_photos(connection, ticket["id"])
    return ticket
