"""What the sweep of stored files asks the database: which places are forgotten, which stored files nobody names."""

from __future__ import annotations

from collections.abc import Sequence

from sql.database import Connection, queries
from ticketing.attachments.rules import GRACE
from ticketing.events import UnitOfWork

AT_ONCE = 1_000


def forget_uploads(work: UnitOfWork) -> int:
    """Forget up to AT_ONCE places in storage that ran out longer ago than the time of grace; return how many."""
    forgotten: int = queries("attachments").forget_attachment_uploads(
        work.connection, before=work.now - GRACE, row_limit=AT_ONCE
    )
    return forgotten


def unnamed(connection: Connection, keys: Sequence[str]) -> list[str]:
    """Return those of the keys that no file, no picture and no place for an upload names."""
    return [row["key"] for row in queries("attachments").list_unnamed_keys(connection, keys=list(keys))]
