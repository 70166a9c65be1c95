"""The sync log and the conflicts as the API shows them (wire contract, section 13). Reads only."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel

from sql.database import Connection, queries
from ticketing.paging import MAX_DEPTH, Page, PageRequest, fetch_planned, page_of, require_depth
from ticketing.qcontact_sync.conflicts import no_such_conflict
from ticketing.qcontact_sync.runs import success_rate
from ticketing.vocabulary import SyncDirection, SyncStatus, SyncType


class LogRowView(BaseModel):
    """One exchange about one case."""

    id: UUID
    ticket_id: UUID | None
    qcontact_ticket_id: str | None
    sync_direction: SyncDirection
    sync_type: SyncType
    request_payload: dict[str, Any] | None
    response_payload: dict[str, Any] | None
    conflicts: list[dict[str, Any]] | None
    status: SyncStatus
    error_code: str | None
    error_message: str | None
    duration_ms: int | None
    synced_at: datetime


class ConflictView(BaseModel):
    """A difference that a person decides: `status` is `open`, the side chosen, or `obsolete`."""

    id: UUID
    ticket_id: UUID
    ticket_uid: str
    qcontact_ticket_id: str
    field: str
    ours: Any
    theirs: Any
    reason: str
    status: str
    noticed_at: datetime
    resolved_at: datetime | None
    resolved_by: UUID | None
    resolved_by_name: str | None
    note: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LogFilter:
    """Which rows of the sync log to list; None does not narrow."""

    ticket_id: UUID | None = None
    case_id: str | None = None
    directions: tuple[SyncDirection, ...] | None = None
    types: tuple[SyncType, ...] | None = None
    statuses: tuple[SyncStatus, ...] | None = None
    since: datetime | None = None
    until: datetime | None = None

    def parameters(self) -> dict[str, Any]:
        """Return the filter as parameters of the queries."""
        words = {name: getattr(self, name) for name in ("directions", "types", "statuses")}
        lists = {name: [word.value for word in given] if given else None for name, given in words.items()}
        return lists | {name: getattr(self, name) for name in ("ticket_id", "case_id", "since", "until")}


@dataclass(frozen=True, slots=True, kw_only=True)
class ConflictFilter:
    """Which conflicts to list; None does not narrow."""

    status: str | None = "open"
    ticket_id: UUID | None = None
    field: str | None = None

    def parameters(self) -> dict[str, Any]:
        """Return the filter as parameters of the queries."""
        return {"status": self.status, "ticket_id": self.ticket_id, "field": self.field}


def list_log(connection: Connection, wanted: LogFilter, request: PageRequest) -> tuple[Page, dict[str, Any]]:
    """Return rows in the shape of LogRowView, newest first, and how many there are by direction and by status.

    Counted are the newest MAX_DEPTH rows. Raises InvalidInput for a false cursor and a page that lies too deep.
    """
    named, filters = queries("qcontact_log"), wanted.parameters()
    counts = fetch_planned(connection, named.count_log, **filters, most=MAX_DEPTH + 1)
    counted = sum(row["rows"] for row in counts)
    require_depth(request, counted)
    rows = fetch_planned(connection, named.list_log, **filters, **_part(request))
    return page_of(rows, request, counted=counted, time_column="synced_at"), tally(counts)


def list_conflicts(connection: Connection, wanted: ConflictFilter, request: PageRequest) -> Page:
    """Return conflicts in the shape of ConflictView, newest first. Raises as `list_log` does."""
    named, filters = queries("qcontact_conflicts"), wanted.parameters()
    [count] = fetch_planned(connection, named.count_conflicts, **filters, most=MAX_DEPTH + 1)
    counted = count["count"]
    require_depth(request, counted)
    rows = fetch_planned(connection, named.list_conflicts, **filters, **_part(request), conflict_id=None)
    return page_of(rows, request, counted=counted, time_column="noticed_at")


def read_conflict(connection: Connection, conflict_id: UUID) -> dict[str, Any]:
    """Return a conflict in the shape of ConflictView. Raises NotFound."""
    everything = ConflictFilter(status=None).parameters() | _part(PageRequest(size=1))
    rows = fetch_planned(
        connection, queries("qcontact_conflicts").list_conflicts, **everything, conflict_id=conflict_id
    )
    if not rows:
        raise no_such_conflict(conflict_id)
    return rows[0]


def tally(counts: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Return counts of log rows by direction and by status, every word of both, and the success rate (0 to 1)."""
    by_direction = dict.fromkeys((word.value for word in SyncDirection), 0)
    by_status = dict.fromkeys((word.value for word in SyncStatus), 0)
    for row in counts:
        by_direction[row["sync_direction"]] += row["rows"]
        by_status[row["status"]] += row["rows"]
    total = sum(by_status.values())
    return {
        "total": total,
        "by_direction": by_direction,
        "by_status": by_status,
        "success_rate": success_rate(total, by_status["failed"]),
    }


def _part(request: PageRequest) -> dict[str, Any]:
    return {**request.place(), "row_skip": request.skip}
