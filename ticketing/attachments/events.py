"""What happens to the files of a ticket, as events."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

from ticketing.events import TicketEvent


@dataclass(frozen=True, kw_only=True)
class AttachmentEvent(TicketEvent):
    """Something that happened to a file of a ticket.

    `kind` is the file type (photo, document, excel, pdf), `step_number` the step that it belongs to, if any, and
    `sha256` the checksum of the stored bytes in hex.
    """

    attachment_id: UUID
    kind: str
    step_number: int | None
    is_evidence: bool
    sha256: str

    @property
    def is_evidence_photo(self) -> bool:
        """Whether it is a photo that stands as evidence: what inspection looks at."""
        return self.is_evidence and self.kind == "photo"


@dataclass(frozen=True, kw_only=True)
class AttachmentUploaded(AttachmentEvent):
    """A file was added to a ticket: its bytes are stored and its row is there."""

    name: ClassVar[str] = "attachment_uploaded"


@dataclass(frozen=True, kw_only=True)
class AttachmentDeleted(AttachmentEvent):
    """A file of a ticket was marked as deleted; its bytes stay."""

    name: ClassVar[str] = "attachment_deleted"
