"""The sync log: one row for each case that was read, written back or hinted at, with how it went.

Payloads tell what was exchanged as far as it explains the outcome; names, phones and addresses of clients stay out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any
from uuid import UUID

from pydantic_core import to_json

from sql.database import queries
from ticketing.events import UnitOfWork
from ticketing.vocabulary import SyncDirection, SyncStatus, SyncType

LONGEST_MESSAGE = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class LogEntry:
    """One exchange about one case. `request` and `response` are JSON-ready; a failed one has an `error_message`.

    `conflicts` are the values that differ and could not be applied: [{field, ours, theirs, reason}].
    """

    sync_direction: SyncDirection
    sync_type: SyncType
    status: SyncStatus = SyncStatus.SUCCESS
    qcontact_ticket_id: str | None = None
    ticket_id: UUID | None = None
    run_id: UUID | None = None
    request: Mapping[str, Any] | None = None
    response: Mapping[str, Any] | None = None
    conflicts: Sequence[Mapping[str, Any]] | None = None
    error_code: str | None = None
    error_message: str | None = None
    duration_ms: int | None = None


def write(work: UnitOfWork, entry: LogEntry) -> None:
    """Add one row to the sync log; it commits with the unit of work."""
    write_all(work, [entry])


def write_all(work: UnitOfWork, entries: Sequence[LogEntry]) -> None:
    """Add rows to the sync log with one statement."""
    if entries:
        rows = to_json([_row(entry) for entry in entries]).decode()
        queries("qcontact_log").insert_log_rows(work.connection, entries=rows, now=work.now)


def _row(entry: LogEntry) -> dict[str, Any]:
    row = asdict(entry)
    if entry.error_message is not None:
        row["error_message"] = entry.error_message[:LONGEST_MESSAGE]
    return row
