"""Uploads that go straight to storage: a place is kept, the file is sent there, and looked at before it counts.

What was looked at is copied to a key of its own: whoever still holds the address can no longer change it.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

from pydantic import ConfigDict, Field, StringConstraints

from runtime.identifiers import uuid7
from sql.database import Connection, queries
from ticketing.attachments import rules, service
from ticketing.errors import AlreadyExists, ConditionNotMet, InvalidInput, NotFound
from ticketing.events import UnitOfWork
from ticketing.input_text import TextInput
from ticketing.people import Actor, acting_user
from ticketing.ticket_input import Optional
from ticketing.ticket_locks import lock_ticket
from ticketing.ticket_views import get_ticket


class UploadRequest(TextInput):
    """A file that is about to be sent straight to storage."""

    model_config = ConfigDict(extra="ignore")

    filename: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500)]
    file_size: int = Field(description="Bytes; what arrives must have exactly as many")
    file_sha256: Annotated[Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")] | None, Optional] = None
    uploaded_by: Annotated[str | None, Optional] = Field(default=None, description="You, or whom an admin acts for")
    is_evidence: bool | None = Field(default=None, description="If left out: whether it is the photo of a step")
    verification_step_id: Annotated[UUID | None, Optional] = None
    step_number: Annotated[int | None, Field(ge=1, le=12)] = None


def request_upload(work: UnitOfWork, ticket_id: UUID, wanted: UploadRequest, valid_for: timedelta) -> dict[str, Any]:
    """Keep a place in storage for a file of the ticket and return it: `id`, `storage_key`, `expires_at` ...

    Raises NotFound, Forbidden, ConditionNotMet where the ticket is over, and InvalidInput.
    """
    rules.require_size(wanted.file_size, "file_size")
    ticket = lock_ticket(work, ticket_id)
    rules.require_may_add(work.actor, ticket["status"])
    acting = acting_user(work.connection, work.actor, wanted.uploaded_by, "uploaded_by")
    said = service.Said(step_id=wanted.verification_step_id, step_number=wanted.step_number)
    upload_id = uuid7()
    queries("attachments").insert_attachment_upload(
        work.connection,
        id=upload_id,
        ticket_id=ticket_id,
        step_number=service.find_step(work.connection, ticket_id, said),
        filename=wanted.filename,
        file_size=wanted.file_size,
        file_sha256=wanted.file_sha256,
        is_evidence=wanted.is_evidence,
        uploaded_by=acting.user_id,
        storage_key=rules.new_upload_key(upload_id),
        expires_at=work.now + valid_for,
        now=work.now,
    )
    return _find(work.connection, upload_id)


def find_own(connection: Connection, actor: Actor, ticket_id: UUID, upload_id: UUID) -> dict[str, Any]:
    """Return the place kept for a file of a ticket that the actor may see. Raises NotFound."""
    get_ticket(connection, actor, ticket_id)
    upload = _find(connection, upload_id)
    if upload["ticket_id"] != ticket_id:
        raise _no_such_upload(upload_id)
    return upload


def find_open(connection: Connection, upload_id: UUID, now: datetime) -> dict[str, Any]:
    """Return a place that a file may still be sent to. Raises NotFound, AlreadyExists and ConditionNotMet."""
    upload = _find(connection, upload_id)
    _require_open(upload, now)
    return upload


def require_as_announced(upload: dict[str, Any], facts: rules.FileFacts) -> None:
    """Raise InvalidInput unless what arrived has the size, and the checksum if one was given, that were announced."""
    if facts.size != upload["file_size"]:
        problem = f"{upload['file_size']} bytes were announced, {facts.size} arrived"
        raise InvalidInput(f"file: {problem}", details={"file_size": problem})
    if upload["file_sha256"] and facts.sha256 != upload["file_sha256"]:
        problem = "what arrived has another checksum than was announced: send it again"
        raise InvalidInput(f"file: {problem}", details={"file_sha256": problem})


def confirm(
    work: UnitOfWork, upload: dict[str, Any], attachment_id: UUID, storage_key: str, facts: rules.FileFacts
) -> dict[str, Any]:
    """Make the file that was sent to a place a file of the ticket; its bytes are stored under the key by now.

    Raises what `service.add` raises, AlreadyExists for the second of two who confirm it, ConditionNotMet where the
    time for it is over.
    """
    lock_ticket(work, upload["ticket_id"])
    locked = queries("attachments").lock_attachment_upload(work.connection, upload_id=upload["id"])
    if locked is None:
        raise _no_such_upload(upload["id"])
    _require_open(locked, work.now)
    said = service.Said(
        uploaded_by=str(upload["uploaded_by"]) if upload["uploaded_by"] else None,
        step_number=upload["step_number"],
        is_evidence=upload["is_evidence"],
    )
    added = service.add(work, upload["ticket_id"], attachment_id, storage_key, facts, said)
    queries("attachments").confirm_attachment_upload(
        work.connection, upload_id=upload["id"], attachment_id=attachment_id
    )
    return added


def _find(connection: Connection, upload_id: UUID) -> dict[str, Any]:
    upload: dict[str, Any] | None = queries("attachments").find_attachment_upload(connection, upload_id=upload_id)
    if upload is None:
        raise _no_such_upload(upload_id)
    return upload


def _no_such_upload(upload_id: UUID) -> NotFound:
    return NotFound(f"Upload {upload_id} not found", details={"upload_id": str(upload_id)})


def _require_open(upload: dict[str, Any], now: datetime) -> None:
    if upload["attachment_id"] is not None:
        raise AlreadyExists("The upload was confirmed already", details={"attachment_id": str(upload["attachment_id"])})
    if upload["expires_at"] <= now:
        raise ConditionNotMet(
            "The time for this upload is over: ask for a new one", details={"condition": "upload_not_expired"}
        )
