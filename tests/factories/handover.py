"""Builders for handovers: tickets that lack nothing, with their photos in storage."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any
from uuid import UUID

from integrations.file_archive import FileArchive
from integrations.storage import Storage
from sql.database import Connection
from tests.factories import Row, make_contractor, make_ticket, make_user, unique
from tests.factories.readiness import ONT, PLACES, make_photo
from tests.factories.tickets import NOON, complete_steps
from ticketing.handover import service
from ticketing.handover.evidence import read_checksums
from ticketing.handover.requests import NewHandover
from ticketing.people import Actor
from ticketing.verification_steps import PHOTO_STEPS

if TYPE_CHECKING:
    from jobs.platform import Platform


def make_stored_photo(platform: Platform, connection: Connection, ticket_id: UUID, step: int, **columns: Any) -> Row:
    """An accepted evidence photo whose file is in storage."""
    data = unique("picture ").encode()
    key = f"tickets/{unique('stored-')}.jpg"
    Storage.from_settings(platform.settings).put(key, data)
    stored: Row = {"storage_key": key, "file_sha256": hashlib.sha256(data).hexdigest(), "uploaded_at": NOON}
    return make_photo(connection, ticket_id, step, **stored | columns)


def make_finished_ticket(platform: Platform, connection: Connection, **columns: Any) -> Row:
    """A ticket that QA has approved and that every gate lets pass."""
    made: Row = {"status": "qa_approved", "owner": "qa", "created_at": NOON, "updated_at": NOON}
    contractor = {"assigned_contractor_id": make_contractor(connection)["id"]}
    ticket = make_ticket(connection, **made | PLACES | ONT | contractor | columns)
    for step in PHOTO_STEPS[:2]:
        make_stored_photo(platform, connection, ticket["id"], step)
    complete_steps(connection, ticket["id"])
    return ticket


def archive_of(platform: Platform) -> FileArchive:
    """The files of a platform."""
    return FileArchive(Storage.from_settings(platform.settings))


def hand_over(
    platform: Platform, actor: Actor, ticket_id: UUID, kind: str = "qa_to_maintenance", **fields: Any
) -> dict[str, Any]:
    """Hand a ticket over as the API does."""
    with platform.read() as connection:
        actual = read_checksums(connection, actor, ticket_id, archive_of(platform))
    new = NewHandover.model_validate({"handover_type": kind, "handover_by": actor.user_id} | fields)
    with platform.begin(actor) as work:
        return service.hand_over(work, ticket_id, new, actual)


def make_chain(platform: Platform, connection: Connection, length: int) -> list[dict[str, Any]]:
    """Hand over as many tickets; return the snapshots."""
    user = make_user(connection, roles=["qa"])
    actor = Actor(kind="user", name=user["name"], user_id=user["id"], roles=frozenset({"qa"}))
    made = [make_finished_ticket(platform, connection)["id"] for _ in range(length)]
    return [hand_over(platform, actor, ticket_id) for ticket_id in made]
