"""Attachments as pure rules: what counts as evidence, who may add and who may delete, and what is in the way.

`row` is what `lock_attachment` reads.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from runtime.identifiers import uuid7
from ticketing.attachments.formats import Format
from ticketing.errors import ConditionNotMet, Forbidden, InvalidInput, StaleWrite
from ticketing.people import Actor, Role
from ticketing.ticket_access import SITE_STATUSES, WORKS_ON_SITE
from ticketing.ticket_changes import version
from ticketing.vocabulary import TERMINAL_STATUSES, AttachmentFileType

MEGABYTE = 1024 * 1024
# The wire contract's limit (section 10), and the table's.
MAX_BYTES: Final = 10 * MEGABYTE
MAX_FILES: Final = 20

MAY_KEEP_FILES: Final[tuple[Role, ...]] = ("manager", "qa")

# A stored file that no row names is left alone for so long: its row may be about to be written.
GRACE: Final = timedelta(hours=24)

# Where in storage the files lie. Keys are made here, never taken from a request, and never used twice.
FILES: Final = "attachments"
UPLOADS: Final = "uploads"


@dataclass(frozen=True, slots=True, kw_only=True)
class FileFacts:
    """What was found out about a file by looking at its bytes; the last five only of pictures.

    `sha256` is in hex; `width` and `height` are pixels as the picture is to be looked at; places are degrees.
    """

    kind: Format
    filename: str
    size: int
    sha256: str
    width: int | None = None
    height: int | None = None
    captured_at: datetime | None = None
    latitude: Decimal | None = None
    longitude: Decimal | None = None


def new_key(ticket_id: UUID, attachment_id: UUID, kind: Format) -> str:
    """Return the key that an attachment's bytes are stored under."""
    return f"{FILES}/{ticket_id}/{attachment_id}.{kind.extensions[0]}"


def new_picture_key(ticket_id: UUID, attachment_id: UUID, size: str) -> str:
    """Return a new key for a smaller picture of a photo: another one at each call."""
    return f"{FILES}/{ticket_id}/{attachment_id}-{uuid7()}-{size}.webp"


def new_upload_key(upload_id: UUID) -> str:
    """Return the key under which an upload that goes straight to storage waits to be looked at."""
    return f"{UPLOADS}/{upload_id}"


def is_evidence(said: bool | None, kind: Format, step_number: int | None) -> bool:
    """Return whether a file is evidence: as was said, else if it is a photo of a step.

    Raises InvalidInput where a kind of picture that no camera makes is said to be evidence.
    """
    if said and not kind.may_be_evidence:
        problem = f"a {kind.name} is no evidence: upload the photo as JPEG, PNG, WebP or HEIC"
        raise InvalidInput(f"file: {problem}", details={"file": problem})
    if said is not None:
        return said
    return kind.may_be_evidence and step_number is not None and kind.file_type is AttachmentFileType.PHOTO


def require_size(size: int, field: str = "file") -> None:
    """Raise InvalidInput unless the size in bytes is one that is taken."""
    if not 1 <= size <= MAX_BYTES:
        problem = f"from 1 byte to {MAX_BYTES // MEGABYTE} MB are accepted"
        raise InvalidInput(f"{field}: {problem}", details={field: problem})


def require_may_add(actor: Actor, status: str) -> None:
    """Raise Forbidden or ConditionNotMet unless the actor may add files to a ticket in `status`."""
    _require_role(actor, status, "add files to")


def require_may_delete(actor: Actor, status: str, row: Mapping[str, Any]) -> None:
    """Raise Forbidden, StaleWrite or ConditionNotMet unless the actor may delete the file of a ticket in `status`.

    Who works on site deletes what they uploaded themselves. A file that a handover has put on record stays, and so does
    the last photo of a step that is complete.
    """
    _require_role(actor, status, "delete files of")
    if not actor.has_role(*MAY_KEEP_FILES) and (actor.user_id is None or row["uploaded_by"] != actor.user_id):
        raise Forbidden("Only who uploaded a file, QA or a manager deletes it")
    if row["deleted_at"] is not None:
        who = row["deleted_by_name"] or "somebody else"
        raise StaleWrite(
            f"{row['filename']} was deleted by {who} already", details={"deleted_at": version(row["deleted_at"])}
        )
    if row["is_handed_over"]:
        raise ConditionNotMet(
            f"{row['filename']} is on record in a handover of the ticket: it stays",
            details={"condition": "not_handed_over"},
        )
    if is_last_photo(row):
        number = row["step_number"]
        raise ConditionNotMet(
            f"{row['filename']} is the only photo of step {number}, which is complete: add another, or open it again",
            details={"condition": "step_keeps_a_photo", "step_number": number},
        )


def is_last_photo(row: Mapping[str, Any]) -> bool:
    """Whether a complete step would be left without the photo that it needs (domain page, "The 12 steps")."""
    counts = row["is_evidence"] and row["file_type"] == "photo" and row["inspection_status"] != "rejected"
    needed = row["step_complete"] and row["photo_required"] and not row["step_photo_url"]
    return bool(counts and needed and not row["other_photos"])


def _require_role(actor: Actor, status: str, what: str) -> None:
    if not actor.has_role(*MAY_KEEP_FILES):
        if not actor.has_role(*WORKS_ON_SITE):
            raise Forbidden(f"Your role may not {what} tickets")
        if status not in SITE_STATUSES:
            raise Forbidden(f"Your role may not {what} a ticket that is {status}")
    if status in TERMINAL_STATUSES:
        raise ConditionNotMet(f"The ticket is {status}: its files stay as they are", details={"status": status})
