"""Last writes: statements that take effect with a job's completion, those of many jobs in one transaction.

A body whose whole effect is a write or two whose answer it does not need leaves them to the end. Its thread goes on to
the next job; whoever settles attempts in batches runs them in the transaction that completes the job.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sql.database import Connection, bound, execute_at_once

LIMIT = timedelta(seconds=5)
"""How long one statement may take by itself: others' jobs are settled behind it."""
LIMIT_AMONG_OTHERS = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class LastWrite:
    """A statement, and the values of the names in it (`%(name)s`)."""

    statement: str
    parameters: Mapping[str, Any]


def texts(connection: Connection, writes: Sequence[LastWrite]) -> list[str]:
    """Return the statements with their values written into them."""
    return [bound(connection, write.statement, write.parameters) for write in writes]


def run(connection: Connection, writes: Sequence[LastWrite], limit: timedelta) -> None:
    """Run statements in one message, as part of a transaction that plans by indexes (see `ledger.settling`).

    Raises psycopg.Error where one fails, or takes longer than the limit; nothing of the transaction is left then.
    """
    if writes:
        before = f"set local enable_seqscan = on; set local statement_timeout = {int(limit.total_seconds() * 1000)}"
        after = "set local statement_timeout to default; set local enable_seqscan = off"
        execute_at_once(connection, "; ".join([before, *texts(connection, writes), after]))
