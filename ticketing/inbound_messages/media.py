"""What comes with a message: fetched while the gateway still has it, kept until the message belongs to a ticket."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sql.database import Connection, queries
from ticketing.attachments.formats import Format
from ticketing.attachments.service import Said
from ticketing.events import UnitOfWork
from ticketing.inbound_messages.words import MediaStatus
from ticketing.vocabulary import AttachmentFileType

FOLDER: Final = "inbound"
# Somebody may have dismissed it by mistake.
KEPT_AFTER_DISMISSAL: Final = timedelta(days=30)
AT_ONCE: Final = 500
LONGEST_REASON: Final = 500


def key_of(message_id: UUID) -> str:
    """Return the key under which a message's file waits for its ticket: the same at each attempt."""
    return f"{FOLDER}/{message_id}"


def name_of(message: Mapping[str, Any]) -> str:
    """Return what a message's file is to be called; its ending follows from its bytes."""
    return message["media_filename"] or f"whatsapp-{message['sent_at']:%Y%m%d-%H%M%S}"


def said_of(kind: Format) -> Said:
    """Return what is said of a message's file: a photo is evidence, so it is inspected as every uploaded one is."""
    return Said(is_evidence=kind.may_be_evidence and kind.file_type is AttachmentFileType.PHOTO)


def note_stored(work: UnitOfWork, message_id: UUID) -> None:
    """Note that a message's file is kept under its key."""
    _note(work, message_id, MediaStatus.STORED, key=key_of(message_id))


def note_unusable(work: UnitOfWork, message: Mapping[str, Any], status: MediaStatus, reason: str) -> None:
    """Note that there will be no file (`refused`, `lost`), and why."""
    _note(work, message["id"], status, key=message["media_key"], error=reason[:LONGEST_REASON])


def note_attached(work: UnitOfWork, message: Mapping[str, Any], attachment_id: UUID) -> None:
    """Note that a message's file belongs to the ticket now, and name it in the message's note."""
    _note(work, message["id"], MediaStatus.ATTACHED, key=message["media_key"], attachment_id=attachment_id)
    queries("inbound_messages").add_attachment_to_note(
        work.connection, note_id=message["note_id"], attachment_id=str(attachment_id)
    )


def list_unwanted(connection: Connection, now: datetime) -> list[dict[str, Any]]:
    """Return up to AT_ONCE messages (`id`, `media_key`) whose kept files nobody needs any longer."""
    rows = queries("inbound_messages").list_unwanted_media(
        connection, dismissed_before=now - KEPT_AFTER_DISMISSAL, row_limit=AT_ONCE
    )
    return list(rows)


def forget(work: UnitOfWork, message_ids: Sequence[UUID]) -> None:
    """Note that the kept files of messages are deleted."""
    queries("inbound_messages").forget_media(work.connection, message_ids=list(message_ids))


def _note(
    work: UnitOfWork,
    message_id: UUID,
    status: MediaStatus,
    *,
    key: str | None = None,
    error: str | None = None,
    attachment_id: UUID | None = None,
) -> None:
    queries("inbound_messages").note_media(
        work.connection,
        message_id=message_id,
        media_status=status.value,
        media_key=key,
        media_error=error,
        attachment_id=attachment_id,
    )
