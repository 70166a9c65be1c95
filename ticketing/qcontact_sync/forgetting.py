"""Forgetting what was exchanged with the CRM long ago: the log explains what happened, the cases hold what is.

Some of it is needed longer: what differs while a person has yet to decide, the last exchange of each case whose ticket
is still worked on, and the last run of each sort, which tells until when the list was read.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sql.database import queries
from ticketing.events import UnitOfWork

AT_ONCE = 2_000


@dataclass(frozen=True, slots=True)
class Batch:
    """What came of one batch: how many exchanges were forgotten, and the last that was looked at; None at the end."""

    forgotten: int
    last: tuple[datetime, UUID] | None


def forget_exchanges(work: UnitOfWork, days: int, after: tuple[datetime, UUID] | None) -> Batch:
    """Look at up to AT_ONCE exchanges that are older than `days`, after the given one, and forget what nobody needs."""
    looked_at, before = AT_ONCE, work.now - timedelta(days=days)
    after_at, after_id = after or (None, None)
    row = queries("qcontact_log").forget_exchanges(
        work.connection, before=before, after_at=after_at, after_id=after_id, row_limit=looked_at
    )
    last = (row["last_at"], row["last_id"]) if row["looked_at"] == looked_at else None
    return Batch(row["forgotten"], last)


def forget_runs(work: UnitOfWork, days: int) -> int:
    """Forget up to AT_ONCE runs that began longer than `days` ago; return how many."""
    forgotten: int = queries("qcontact_runs").forget_runs(
        work.connection, before=work.now - timedelta(days=days), row_limit=AT_ONCE
    )
    return forgotten
