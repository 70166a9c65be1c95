"""A case of the CRM in our words, and what became of it here."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from pydantic_core import to_json

from ticketing.vocabulary import Status, TicketType

# Part of every hash: raise it when the reading of cases changes, so that unchanged ones are read anew once.
READING = "1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A case as it was read. `None` means that the case says nothing of it, or nothing that we know.

    `status` is what `their_status` means to us. `unknown` are (field, value) pairs that no table maps or no rule
    accepts; they are reported and nothing is guessed from them.
    """

    case_id: str
    title: str
    ft_reference: str | None = None
    status: Status | None = None
    their_status: str | None = None
    their_assigned_to: str | None = None
    ticket_type: TicketType | None = None
    category: str | None = None
    description: str | None = None
    client_name: str | None = None
    client_contact: str | None = None
    client_email: str | None = None
    dr_number: str | None = None
    address: str | None = None
    ont_serial: str | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None
    unknown: tuple[tuple[str, str], ...] = ()

    def details_hash(self) -> bytes:
        """Return 16 bytes that differ when the case says something else, whenever it was touched."""
        said = {name: value for name, value in asdict(self).items() if name != "updated_at"}
        return hashlib.blake2b(to_json(said), digest_size=16, person=READING.encode()).digest()

    def told(self) -> dict[str, Any]:
        """Return what the sync log keeps of the case: nothing about the client."""
        names = ("ft_reference", "their_status", "category", "dr_number", "created_at", "updated_at")
        told = {name: getattr(self, name) for name in names if getattr(self, name) is not None}
        return told | ({"unknown": [list(pair) for pair in self.unknown]} if self.unknown else {})


@dataclass(frozen=True, slots=True)
class Reading:
    """A case with the moment at which reading it began: what happened here later may not be in it."""

    case: Case
    read_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Conflict:
    """A difference that was not applied: our value, theirs, and why ours stays for now."""

    field: str
    ours: Any
    theirs: Any
    reason: str

    def as_json(self) -> dict[str, Any]:
        """Return the conflict as the sync log keeps it."""
        return asdict(self)


class Outcome(StrEnum):
    """What became of a case: `skipped` ones were finished before we heard of them."""

    CREATED = "created"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    SKIPPED = "skipped"
    CONFLICT = "conflict"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseOutcome:
    """What became of one case; `moved` tells that the ticket's status followed, `error` why it failed.

    `overtaken` tells that nothing was taken from the reading, because what is known here may be newer: the case is yet
    to be read again.
    """

    case_id: str
    outcome: Outcome
    ticket_id: UUID | None = None
    moved: bool = False
    overtaken: bool = False
    conflicts: tuple[Conflict, ...] = ()
    error_code: str | None = None
    error: str | None = None
    told: dict[str, Any] = field(default_factory=dict)
