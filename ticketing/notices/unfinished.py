"""Notices that are owed something, and confirmations that turned out to be nobody's."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from sql.database import queries
from ticketing.events import UnitOfWork

AT_ONCE = 500
# A notice that is younger has its own job still; one that is being sent for longer was left behind.
STALE_AFTER = timedelta(minutes=5)
# A message that nobody claimed by then was written on the telephone itself.
UNBOUND_FOR = timedelta(days=7)
FORGOTTEN_AT_ONCE = 5_000


def list_due(work: UnitOfWork, after: UUID | None) -> list[UUID]:
    """Return up to AT_ONCE notices, by id after the given one, that a job has to see to now."""
    rows = queries("notice_sending").list_due(
        work.connection, after=after, now=work.now, stale_before=work.now - STALE_AFTER, row_limit=AT_ONCE
    )
    return [row["id"] for row in rows]


def forget_unbound(work: UnitOfWork) -> int:
    """Forget confirmations of messages that are nobody's, and return how many."""
    forgotten: int = queries("notice_sending").prune_unbound_stanzas(
        work.connection, before=work.now - UNBOUND_FOR, row_limit=FORGOTTEN_AT_ONCE
    )
    return forgotten
