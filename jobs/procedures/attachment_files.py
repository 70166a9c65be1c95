"""Taking files in: looked at, stored, and only then named by a row. What the API and other ways in have in common."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from integrations.received_files import examine
from integrations.storage import Storage, StoredFileMissing
from jobs.work import Work
from runtime.identifiers import uuid7
from ticketing.attachments import direct, rules, service
from ticketing.attachments.rules import FileFacts
from ticketing.errors import ConditionNotMet


@dataclass(frozen=True, slots=True)
class Kept:
    """A file whose bytes are in storage; the ids are those that its row is going to have."""

    attachment_id: UUID
    storage_key: str
    facts: FileFacts


def keep(storage: Storage, ticket_id: UUID, files: Sequence[tuple[bytes, str]]) -> list[Kept]:
    """Look at files (bytes and name) and store them all for a ticket; nothing is stored if one is not acceptable.

    Raises InvalidInput and StorageError.
    """
    looked_at = [(data, examine(data, filename)) for data, filename in files]
    return [_store(storage, ticket_id, data, facts) for data, facts in looked_at]


def keep_upload(storage: Storage, upload: dict[str, Any]) -> Kept:
    """Look at what was sent to a place in storage and store it under a key that no address reaches.

    Raises ConditionNotMet when nothing has come yet, InvalidInput for what is not acceptable or not as announced, and
    StorageError.
    """
    try:
        size = storage.size(upload["storage_key"])
        rules.require_size(size)
        # Whoever holds the address may be sending something larger just now.
        data = storage.get_range(upload["storage_key"], 0, rules.MAX_BYTES + 1)
    except StoredFileMissing as error:
        raise ConditionNotMet(
            "Nothing has been uploaded yet: send the file to the address first", details={"condition": "file_uploaded"}
        ) from error
    facts = examine(data, upload["filename"])
    direct.require_as_announced(upload, facts)
    return _store(storage, upload["ticket_id"], data, facts)


def add(work: Work, ticket_id: UUID, kept: Sequence[Kept], said: service.Said) -> list[dict[str, Any]]:
    """Add stored files to a ticket, all or none. Raises what `ticketing.attachments.service.add` raises."""
    return [service.add(work, ticket_id, one.attachment_id, one.storage_key, one.facts, said) for one in kept]


def _store(storage: Storage, ticket_id: UUID, data: bytes, facts: FileFacts) -> Kept:
    attachment_id = uuid7()
    key = rules.new_key(ticket_id, attachment_id, facts.kind)
    storage.put(key, data)
    return Kept(attachment_id, key, facts)
