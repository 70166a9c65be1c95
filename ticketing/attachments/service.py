"""Attachments as a service: adds a stored file to a ticket, deletes one, and takes files that went straight to storage.

Everybody locks the ticket first, then its files. The bytes are in storage before a row names them: whoever is killed in
between leaves a stored file that nobody knows, which the sweep removes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sql.database import Connection, queries
from ticketing.attachments import rules
from ticketing.attachments.events import AttachmentDeleted, AttachmentEvent, AttachmentUploaded
from ticketing.attachments.views import no_such_attachment, read_attachment
from ticketing.errors import AlreadyExists, InvalidInput
from ticketing.events import UnitOfWork
from ticketing.people import ActingUser, Actor, acting_user
from ticketing.ticket_changes import json_ready
from ticketing.ticket_locks import find_and_lock_ticket, lock_ticket
from ticketing.ticket_views import get_ticket

# What the timeline tells of a file.
_TOLD = ("filename", "file_type", "mime_type", "file_size", "file_sha256", "step_number", "is_evidence")


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What somebody says of a file that they add. `step_id` and `step_number` both name a step, if given, the same."""

    uploaded_by: str | None = None
    step_id: UUID | None = None
    step_number: int | None = None
    is_evidence: bool | None = None


def require_may_add(connection: Connection, actor: Actor, ticket_id: UUID) -> None:
    """Refuse early, before anything is stored, who may not add files to the ticket. Raises NotFound, Forbidden ..."""
    ticket = get_ticket(connection, actor, ticket_id)
    rules.require_may_add(actor, ticket["status"])


def add(
    work: UnitOfWork, ticket_id: UUID, attachment_id: UUID, storage_key: str, facts: rules.FileFacts, said: Said
) -> dict[str, Any]:
    """Add a file, whose bytes are stored under the key, to a ticket; return it as lists show it.

    Raises NotFound for a ticket that the actor may not see, Forbidden, ConditionNotMet where the ticket is over,
    InvalidInput, and AlreadyExists for bytes that the ticket has for this step already.
    """
    ticket = lock_ticket(work, ticket_id)
    rules.require_may_add(work.actor, ticket["status"])
    acting = acting_user(work.connection, work.actor, said.uploaded_by, "uploaded_by")
    step = find_step(work.connection, ticket_id, said)
    evidence = rules.is_evidence(said.is_evidence, facts.kind, step)
    _require_new(work.connection, ticket_id, step, facts)
    _insert(work, ticket_id, attachment_id, storage_key, facts, step, evidence, acting)
    reviewed = _withdraw_review(work, ticket_id, step, evidence, facts.kind.file_type)
    added = read_attachment(work.connection, attachment_id)
    after = {name: added[name] for name in _TOLD} | dict.fromkeys(reviewed, False)
    work.record(_event(AttachmentUploaded, added, before=reviewed, after=after, details=acting.details()))
    return added


def delete(work: UnitOfWork, attachment_id: UUID) -> None:
    """Mark a file as deleted; its row and its bytes stay.

    Raises NotFound, Forbidden, StaleWrite for the second of two who delete it, and ConditionNotMet where the ticket
    is over, a handover has the file on record, or a complete step would lose its only photo.
    """
    ticket_id = queries("attachments").find_ticket_of_attachment(work.connection, attachment_id=attachment_id)
    ticket = find_and_lock_ticket(work, ticket_id)
    if ticket is None:
        raise no_such_attachment(attachment_id)
    row = queries("attachments").lock_attachment(work.connection, attachment_id=attachment_id)
    rules.require_may_delete(work.actor, ticket["status"], row)
    queries("attachments").delete_attachment(
        work.connection, attachment_id=attachment_id, deleted_by=work.actor.user_id, now=work.now
    )
    reviewed = _withdraw_review(work, row["ticket_id"], row["step_number"], row["is_evidence"], row["file_type"])
    before = {name: row[name] for name in _TOLD} | reviewed
    work.record(_event(AttachmentDeleted, row, before=before, after=dict.fromkeys(reviewed, False), details={}))


def name_pictures(work: UnitOfWork, attachment_id: UUID, *, thumbnail_key: str, preview_key: str) -> bool:
    """Note the smaller pictures of a photo; False when it has some already, or is deleted."""
    named: int = queries("attachments").name_pictures(
        work.connection, attachment_id=attachment_id, thumbnail_key=thumbnail_key, preview_key=preview_key
    )
    return named > 0


def find_step(connection: Connection, ticket_id: UUID, said: Said) -> int | None:
    """Return the number of the step that a file is said to belong to. Raises InvalidInput for one that is not there."""
    if said.step_id is None and said.step_number is None:
        return None
    number: int | None = queries("attachments").find_step_of_ticket(
        connection, ticket_id=ticket_id, step_id=said.step_id, step_number=said.step_number
    )
    if number is None:
        field = "verification_step_id" if said.step_id else "step_number"
        problem = "the ticket has no such verification step"
        raise InvalidInput(f"{field}: {problem}", details={field: problem})
    return number


def _require_new(connection: Connection, ticket_id: UUID, step: int | None, facts: rules.FileFacts) -> None:
    same = queries("attachments").find_same_attachment(
        connection, ticket_id=ticket_id, step_number=step, file_sha256=facts.sha256
    )
    if same is not None:
        where = f"step {step} of the ticket" if step else "the ticket"
        raise AlreadyExists(
            f"{facts.filename}: {where} has this very file already", details={"attachment_id": str(same)}
        )


def _insert(
    work: UnitOfWork,
    ticket_id: UUID,
    attachment_id: UUID,
    storage_key: str,
    facts: rules.FileFacts,
    step: int | None,
    evidence: bool,
    acting: ActingUser,
) -> None:
    queries("attachments").insert_attachment(
        work.connection,
        id=attachment_id,
        ticket_id=ticket_id,
        step_number=step,
        filename=facts.filename,
        file_type=facts.kind.file_type.value,
        mime_type=facts.kind.mime_type,
        file_size=facts.size,
        file_sha256=facts.sha256,
        storage_key=storage_key,
        is_evidence=evidence,
        uploaded_by=acting.user_id,
        width=facts.width,
        height=facts.height,
        captured_at=facts.captured_at,
        captured_latitude=facts.latitude,
        captured_longitude=facts.longitude,
        now=work.now,
    )


def _withdraw_review(
    work: UnitOfWork, ticket_id: UUID, step: int | None, evidence: bool, file_type: str
) -> dict[str, Any]:
    """Take back QA's word on the step's photos when one comes or goes; return what was, for the event."""
    if step is None or not evidence or file_type != "photo":
        return {}
    withdrawn = queries("attachments").withdraw_photo_review(
        work.connection, ticket_id=ticket_id, step_number=step, now=work.now
    )
    return {"photo_verified": True} if withdrawn else {}


def _event(
    kind: type[AttachmentEvent],
    row: Mapping[str, Any],
    *,
    before: Mapping[str, Any],
    after: Mapping[str, Any],
    details: Mapping[str, Any],
) -> AttachmentEvent:
    return kind(
        ticket_id=row["ticket_id"],
        attachment_id=row["id"],
        kind=row["file_type"],
        step_number=row["step_number"],
        is_evidence=row["is_evidence"],
        sha256=row["file_sha256"],
        before=json_ready(before),
        after=json_ready(after),
        details={"attachment_id": str(row["id"]), **details},
    )
