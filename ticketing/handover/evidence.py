"""Whether the files of a ticket are what was stored: their checksums, read again before a handover relies on them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol
from uuid import UUID

from sql.database import Connection, queries
from ticketing.errors import StaleWrite
from ticketing.people import Actor
from ticketing.ticket_views import load_sight, read_ticket
from ticketing.vocabulary import AttachmentFileType, InspectionStatus

Checksums = Mapping[str, str | None]
"""The SHA-256 of stored files by their key, in hex; None: nothing is stored there."""


class Archive(Protocol):
    """Where files are kept, as far as a handover asks."""

    def checksums(self, keys: Iterable[str]) -> Checksums:
        """Read the files and return the checksum of each."""


def read_checksums(connection: Connection, actor: Actor, ticket_id: UUID, archive: Archive) -> Checksums:
    """Read every file of a ticket again and return what its checksum is. Raises NotFound.

    It takes as long as the files are large, so nothing is locked meanwhile; `require_read` looks whether files came or
    went since.
    """
    read_ticket(connection, ticket_id, load_sight(connection, actor))
    return archive.checksums([file["storage_key"] for file in list_files(connection, ticket_id)])


def list_files(connection: Connection, ticket_id: UUID) -> list[dict[str, Any]]:
    """Return the files of a ticket that are not deleted: rows of `list_handover_files`."""
    return list(queries("handover").list_handover_files(connection, ticket_id=ticket_id))


def require_read(files: Sequence[Mapping[str, Any]], actual: Checksums) -> None:
    """Raise StaleWrite where a file came after the checksums were read."""
    new = [file["filename"] for file in files if file["storage_key"] not in actual]
    if new:
        raise StaleWrite(
            "Files came to the ticket while those it had were checked: try again", details={"new_files": new}
        )


def damaged(files: Iterable[Mapping[str, Any]], actual: Checksums) -> tuple[str, ...]:
    """Return, for each accepted evidence photo that is not what was stored, which it is and what is wrong with it."""
    photos = [file for file in files if _is_accepted_photo(file)]
    found = [(file, _problem(file, actual)) for file in photos]
    return tuple(f"{_named(file)} {problem}" for file, problem in found if problem)


def _named(file: Mapping[str, Any]) -> str:
    """Name a file by its step too: phones call many photos image.jpg."""
    step, name = file["step_number"], file["filename"]
    return f"step {step}: {name}" if step else str(name)


def _is_accepted_photo(file: Mapping[str, Any]) -> bool:
    accepted = file["inspection_status"] == InspectionStatus.ACCEPTED
    return accepted and file["file_type"] == AttachmentFileType.PHOTO and bool(file["is_evidence"])


def _problem(file: Mapping[str, Any], actual: Checksums) -> str | None:
    found = actual.get(file["storage_key"])
    if found is None:
        return "is not in storage"
    return None if found == file["file_sha256"] else "has other content than was uploaded"
