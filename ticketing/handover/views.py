"""Handovers as the API shows them (wire contract, section 8): gates, snapshots, history, pending ones. Reads only."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from operator import itemgetter
from typing import Any, Final
from uuid import UUID

from pydantic import BaseModel

from sql.database import Connection, queries
from ticketing.errors import DomainError, NotFound
from ticketing.handover.evidence import Checksums, damaged, list_files
from ticketing.handover.rules import PENDING, GateResult, evaluate, facts_of, path
from ticketing.paging import DEFAULT_ROWS, MAX_DEPTH, MAX_ROWS, Position, fetch_planned, place_of
from ticketing.people import Actor, find_project
from ticketing.seen_tickets import SeenTicket, see
from ticketing.ticket_access import Sight
from ticketing.ticket_views import EVERYTHING, load_sight, read_ticket
from ticketing.vocabulary import GuaranteeStatus, HandoverType, Owner, Status

SUMMARY_ROWS: Final = 1_000
"""How many pending tickets, the newest, a summary tries the gates of."""

_NOTHING = UUID(int=0)


class SnapshotView(BaseModel):
    """A snapshot on the wire."""

    id: UUID
    chain_number: int
    ticket_id: UUID
    ticket_uid: str
    handover_type: HandoverType
    snapshot_data: dict[str, Any]
    evidence_links: list[dict[str, Any]]
    decisions: list[dict[str, Any]]
    guarantee_status: GuaranteeStatus | None
    from_owner_type: Owner | None
    from_owner_id: UUID | None
    to_owner_type: Owner | None
    to_owner_id: UUID | None
    handover_at: datetime
    handover_by: UUID
    handover_by_name: str
    is_locked: bool
    previous_sha256: str | None
    snapshot_sha256: str
    created_at: datetime


class HandoverLine(BaseModel):
    """A handover in one line."""

    id: UUID
    chain_number: int
    ticket_id: UUID
    ticket_uid: str
    handover_type: HandoverType
    guarantee_status: GuaranteeStatus | None
    from_owner_type: Owner | None
    to_owner_type: Owner | None
    handover_at: datetime
    handover_by_name: str
    snapshot_sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingRequest:
    """Which pending handovers are wanted: of a type, of a project (id or code), after a cursor or from an offset."""

    handover_type: HandoverType | None = None
    project_id: str | None = None
    limit: int = DEFAULT_ROWS
    offset: int = 0
    cursor: str | None = None

    @property
    def statuses(self) -> dict[Status, HandoverType]:
        """The statuses in which a ticket waits for such a handover."""
        return {status: kind for status, kind in PENDING.items() if self.handover_type in (None, kind)}


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingList:
    """A part of the pending handovers; `total` is exact up to MAX_DEPTH."""

    rows: list[dict[str, Any]]
    total: int
    summary: dict[str, Any]
    next_cursor: str | None


def try_gates(
    connection: Connection, actor: Actor, ticket_id: UUID, kind: HandoverType, actual: Checksums
) -> dict[str, Any]:
    """Return what the gates say of a ticket, in the contract's shape, and whether its status lets it be handed over.

    Nothing is changed. Raises NotFound.
    """
    ticket = read_ticket(connection, ticket_id, load_sight(connection, actor))
    (row,) = queries("handover").list_gate_facts(connection, ticket_ids=[ticket_id])
    gates = evaluate(kind, facts_of(row, damaged(list_files(connection, ticket_id), actual)))
    result = gates.as_json() | {"handover_type": kind.value, "status": ticket["status"], "owner": row["owner"]}
    try:
        path(kind, ticket["status"], row["owner"])
    except DomainError as refusal:
        hint = "See the ticket's status and history"
        issue = {"gate_name": "status", "severity": "critical", "message": refusal.message, "resolution_hint": hint}
        return result | {"can_handover": False, "blocking_issues": [*result["blocking_issues"], issue]}
    return result


def list_handovers(
    connection: Connection, kind: HandoverType | None, *, before: int | None = None, size: int = DEFAULT_ROWS
) -> tuple[list[dict[str, Any]], int | None]:
    """Return the handovers of all tickets in the shape of HandoverLine, the latest first, and the number to go on with.

    `before` is the number in the chain after which the list goes on. For those who see every ticket.
    """
    rows = fetch_planned(
        connection,
        queries("handover").list_handovers,
        handover_type=kind,
        before_number=before,
        row_limit=size + 1,
    )
    shown = rows[:size]
    return shown, shown[-1]["chain_number"] if len(rows) > size else None


def get_snapshot(connection: Connection, actor: Actor, snapshot_id: UUID) -> dict[str, Any]:
    """Return a snapshot of a ticket that the actor may see, in the shape of SnapshotView. Raises NotFound."""
    return read_snapshot(connection, snapshot_id, load_sight(connection, actor))


def read_snapshot(connection: Connection, snapshot_id: UUID, sight: Sight = EVERYTHING) -> dict[str, Any]:
    """Return a snapshot within `sight`, in the shape of SnapshotView. Raises NotFound."""
    rows = _snapshots(connection, sight, snapshot_id=snapshot_id, limit=1)
    if not rows:
        raise NotFound(f"Handover {snapshot_id} not found", details={"handover_id": str(snapshot_id)})
    return rows[0]


def get_history(
    connection: Connection, actor: Actor, ticket: UUID | SeenTicket, cursor: str | None = None
) -> tuple[dict[str, Any], str | None]:
    """Return the handovers of a ticket, oldest first and up to MAX_ROWS of them, and the cursor to go on with.

    Raises NotFound, and InvalidInput for a cursor that is none.
    """
    after = Position.from_cursor(cursor) if cursor else None
    seen = see(connection, actor, ticket)
    ticket_id = seen.id
    rows = _snapshots(connection, EVERYTHING, ticket_id=ticket_id, after=after, limit=MAX_ROWS + 1)
    shown, more = rows[:MAX_ROWS], len(rows) > MAX_ROWS
    counted = (
        queries("handover").summarise_history(connection, ticket_id=ticket_id)
        if after or more
        else _counted(seen.row["ticket_uid"], shown)
    )
    history = {"ticket_id": ticket_id, **counted, "handovers": shown}
    return history, Position(shown[-1]["handover_at"], shown[-1]["id"]).cursor() if more else None


def _counted(ticket_uid: str, snapshots: list[dict[str, Any]]) -> dict[str, Any]:
    """Return what summarise_history counts, of all the snapshots of a ticket."""
    unowned = {"to_owner_type": None, "to_owner_id": None}
    latest = max(snapshots, key=itemgetter("chain_number"), default=unowned)
    return {
        "ticket_uid": ticket_uid,
        "total_handovers": len(snapshots),
        "current_owner_type": latest["to_owner_type"],
        "current_owner_id": latest["to_owner_id"],
    }


def list_pending(
    connection: Connection, actor: Actor, request: PendingRequest, *, tried: int = SUMMARY_ROWS
) -> PendingList:
    """Return tickets that wait for a handover and that the actor may see, newest first, with what their gates say.

    The gates go by what is recorded; stored files are read again only by `try_gates` and by the handover itself. Raises
    InvalidInput for a cursor that is none. The summary tries the gates of the `tried` newest.
    """
    after = Position.from_cursor(request.cursor) if request.cursor else None
    project = (find_project(connection, request.project_id) or _NOTHING) if request.project_id else None
    statuses = list(request.statuses)
    filters = {"project": project, **load_sight(connection, actor).parameters()}
    newest = _pending(connection, statuses, filters, None, limit=max(tried, request.limit + 1), skip=0)
    rows = newest[: request.limit + 1]
    if after or request.offset:
        skip = 0 if after else request.offset
        rows = _pending(connection, statuses, filters, after, limit=request.limit + 1, skip=skip)
    shown, more = rows[: request.limit], len(rows) > request.limit
    by_status = {status: _count(connection, status, filters) for status in statuses}
    return PendingList(
        rows=[_shown(row) for row in shown],
        total=min(sum(by_status.values()), MAX_DEPTH),
        summary=_summary(newest[:tried], by_status),
        next_cursor=Position(shown[-1]["created_at"], shown[-1]["id"]).cursor() if more else None,
    )


def _summary(tried: list[dict[str, Any]], by_status: dict[Status, int]) -> dict[str, Any]:
    """Return how many of the newest pending tickets may be handed over at once, and how many wait for each type."""
    ready = sum(row["gates"].can_handover for row in tried)
    by_type = dict.fromkeys((kind.name for kind in HandoverType), 0)
    for status, count in by_status.items():
        by_type[PENDING[status].name] += count
    return {
        "ready_for_handover": ready,
        "blocked": len(tried) - ready,
        "by_type": by_type,
        "gates_tried": len(tried),
    }


def _count(connection: Connection, status: Status, filters: dict[str, Any]) -> int:
    query = queries("handover").count_pending_handovers
    return int(fetch_planned(connection, query, **filters, status=status, most=MAX_DEPTH)[0]["count"])


def _pending(
    connection: Connection,
    statuses: Iterable[Status],
    filters: dict[str, Any],
    after: Position | None,
    *,
    limit: int,
    skip: int,
) -> list[dict[str, Any]]:
    """Return the newest of all statuses together: those of each are read by an index, then merged."""
    filters = {**filters, **place_of(after, skip + limit)}
    query = queries("handover").list_pending_handovers
    found = [row for status in statuses for row in fetch_planned(connection, query, **filters, status=status)]
    found.sort(key=lambda row: (row["created_at"], row["id"]), reverse=True)
    rows = found[skip : skip + limit]
    gates = _gates_of(connection, (row["id"] for row in rows))
    return [row | {"gates": gates[row["id"]]} for row in rows if row["id"] in gates]


def _gates_of(connection: Connection, ticket_ids: Iterable[UUID]) -> dict[UUID, GateResult]:
    """Try the gates of tickets, each for the handover it waits for; one that has moved on meanwhile is left out."""
    facts = queries("handover").list_gate_facts(connection, ticket_ids=list(ticket_ids))
    waiting = (row for row in facts if row["status"] in PENDING)
    return {row["id"]: evaluate(PENDING[Status(row["status"])], facts_of(row)) for row in waiting}


def _shown(row: dict[str, Any]) -> dict[str, Any]:
    gates: GateResult = row["gates"]
    return {
        "ticket_id": row["id"],
        "ticket_uid": row["ticket_uid"],
        "title": row["title"],
        "status": row["status"],
        "project_name": row["project_name"],
        "current_owner": row["owner"],
        "pending_handover_type": PENDING[Status(row["status"])].value,
        "gate_status": {"passed": gates.passed, "total": len(gates.gates)},
        "blockers": [gate.message for gate in gates.blocking],
        "can_handover": gates.can_handover,
    }


def _snapshots(
    connection: Connection,
    sight: Sight,
    *,
    limit: int,
    snapshot_id: UUID | None = None,
    ticket_id: UUID | None = None,
    after: Position | None = None,
) -> list[dict[str, Any]]:
    return fetch_planned(
        connection,
        queries("handover").list_snapshots,
        snapshot_id=snapshot_id,
        ticket_id=ticket_id,
        **sight.parameters(),
        **place_of(after, limit),
    )
