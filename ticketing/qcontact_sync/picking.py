"""Which of the cases that the list shows have to be read as a whole: pure.

The list promises no order and no way to ask for what changed, so every page is walked each time, which costs a call for
fifty cases. Details cost a call each, so a recent sync reads only those of which the row says something new, and those
of open tickets whose rows keep quiet about the status, every half an hour. A full one reads every case, but those that
were over before we heard of them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from ticketing.qcontact_sync.words import status_of
from ticketing.vocabulary import TERMINAL_STATUSES

READ_AGAIN_AFTER = timedelta(minutes=30)


@dataclass(frozen=True, slots=True)
class Row:
    """What a row of the list says: the case's id, its status if told, and everything else as bytes."""

    case_id: str
    status: str | None
    said: bytes

    @property
    def hash(self) -> str:
        """32 hex digits that differ when the row says something else."""
        return hashlib.blake2b(self.said, digest_size=16).hexdigest()

    @property
    def is_over(self) -> bool:
        """Whether the row tells that the case is finished there."""
        return status_of(self.status) in TERMINAL_STATUSES


@dataclass(frozen=True, slots=True)
class Known:
    """What we know of a case: the hash of its row and when it was read last, and whether its ticket is open."""

    row_hash: str | None = None
    read_at: datetime | None = None
    has_ticket: bool = False
    is_open: bool = False

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> Known:
        """Make it of a row of the database."""
        return cls(row["row_hash"], row["read_at"], row["has_ticket"], row["is_open"])


@dataclass(slots=True)
class Picked:
    """The cases of a walk, parted: to be read, over before we heard of them, and saying nothing new."""

    to_read: list[str]
    over: list[str]
    quiet: list[str]


def pick(rows: list[Row], known: Mapping[str, Known], *, everything: bool, now: datetime) -> Picked:
    """Part the rows of a walk."""
    picked = Picked([], [], [])
    for row in rows:
        case = known.get(row.case_id, Known())
        if not everything and not has_news(row, case, now):
            picked.quiet.append(row.case_id)
        elif row.is_over and not case.has_ticket:
            picked.over.append(row.case_id)
        else:
            picked.to_read.append(row.case_id)
    return picked


def has_news(row: Row, known: Known, now: datetime) -> bool:
    """Whether a case may say something that we do not know yet."""
    if known.row_hash != row.hash or known.read_at is None:
        return True
    return row.status is None and known.is_open and known.read_at + READ_AGAIN_AFTER <= now
