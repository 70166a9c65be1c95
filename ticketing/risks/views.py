"""Risk acceptances as the API shows them (wire contract, section 6): those of one ticket, and all. Reads only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel

from sql.database import Connection, queries
from ticketing.errors import NotFound
from ticketing.paging import DEFAULT_ROWS, MAX_DEPTH, bad_cursor, fetch_planned, parts_of, to_cursor
from ticketing.people import Actor, find_project
from ticketing.risks.rules import days_ahead
from ticketing.ticket_access import Sight
from ticketing.ticket_views import EVERYTHING, load_sight
from ticketing.vocabulary import RiskStatus, RiskType

LIST_ORDER = (RiskStatus.ACTIVE, RiskStatus.EXPIRED, RiskStatus.ESCALATED, RiskStatus.RESOLVED)
"""What needs attention stands first; `risk_rank` in the database counts the same (a test compares)."""

_NOTHING = UUID(int=0)


class RiskView(BaseModel):
    """A risk acceptance on the wire."""

    id: UUID
    ticket_id: UUID
    ticket_uid: str
    ticket_title: str
    project_name: str | None
    risk_type: RiskType
    risk_description: str
    conditions: str | None
    outstanding_steps: list[int]
    covers_handover: bool
    risk_expiry_date: datetime | None
    requires_followup: bool
    followup_date: datetime | None
    status: RiskStatus
    resolved_at: datetime | None
    resolved_by: UUID | None
    resolution_notes: str | None
    accepted_by: UUID
    accepted_at: datetime
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskFilter:
    """Which acceptances a list shows; None filters nothing.

    `expiring_within_days` are local calendar days from today; `project_id` is an id or a code, and finds nothing where
    it points at nothing.
    """

    statuses: tuple[RiskStatus, ...] | None = None
    ticket_id: UUID | None = None
    project_id: str | None = None
    expiring_within_days: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskListRequest:
    """Which part of a list is wanted: after a cursor, or from an offset (up to MAX_DEPTH rows deep)."""

    limit: int = DEFAULT_ROWS
    offset: int = 0
    cursor: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskList:
    """A part of a list. `counts` are by status under the other filters, each exact up to MAX_DEPTH, as is `total`."""

    rows: list[dict[str, Any]]
    total: int
    counts: dict[str, int]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class RiskPosition:
    """Where a list goes on: after the acceptance with this rank, expiry, creation time and id."""

    rank: int
    expiry: datetime | None
    created_at: datetime
    id: UUID

    def cursor(self) -> str:
        """Return the position as opaque text, safe in a URL."""
        expiry = self.expiry.isoformat() if self.expiry else None
        return to_cursor(self.rank, expiry, self.created_at.isoformat(), str(self.id))

    @classmethod
    def from_cursor(cls, cursor: str) -> RiskPosition:
        """Read a cursor that this list gave out. Raises InvalidInput for anything else."""
        try:
            rank, expiry, created_at, row_id = parts_of(cursor)
            known = LIST_ORDER[range(1, len(LIST_ORDER) + 1).index(rank)]
            expires = datetime.fromisoformat(expiry) if expiry else None
            position = cls(_rank(known), expires, datetime.fromisoformat(created_at), UUID(row_id))
        except (ValueError, TypeError, AttributeError) as error:
            raise bad_cursor() from error
        if position.created_at.tzinfo is None or (expires and expires.tzinfo is None):
            raise bad_cursor()
        return position


def read_risk(connection: Connection, risk_id: UUID) -> dict[str, Any]:
    """Return an acceptance in the shape of RiskView. Raises NotFound."""
    parameters = _filters(RiskFilter(), None, None, EVERYTHING) | _place(RiskListRequest(limit=1))
    rows = fetch_planned(connection, queries("risks").list_risks, **parameters | {"risk_id": risk_id})
    if not rows:
        raise NotFound(f"Risk acceptance {risk_id} not found", details={"risk_id": str(risk_id)})
    return _shown(rows[0])


def list_risks(
    connection: Connection, actor: Actor, wanted: RiskFilter, request: RiskListRequest, now: datetime
) -> RiskList:
    """Return acceptances on tickets that the actor may see, in the shape of RiskView: what needs attention first.

    Active, expired, escalated, resolved; within each the next to run out first, then the newest. Raises InvalidInput
    for a cursor that is none.
    """
    place = _place(request)
    project = (find_project(connection, wanted.project_id) or _NOTHING) if wanted.project_id else None
    filters = _filters(wanted, project, now, load_sight(connection, actor))
    rows = fetch_planned(connection, queries("risks").list_risks, **filters | place | {"risk_id": None})
    shown, more = rows[: request.limit], len(rows) > request.limit
    is_whole = not (more or request.cursor or request.offset or wanted.statuses)
    counts = _counted(rows) if is_whole else _counts(connection, filters)
    return RiskList(
        rows=[_shown(row) for row in shown],
        total=min(sum(counts[status] for status in wanted.statuses or LIST_ORDER), MAX_DEPTH),
        counts=counts,
        next_cursor=_position(shown[-1]).cursor() if more else None,
    )


def _counted(rows: list[dict[str, Any]]) -> dict[str, int]:
    """Return what count_risks counts, of all the rows that there are."""
    return {status.value: sum(row["status"] == status for row in rows) for status in RiskStatus}


def _counts(connection: Connection, filters: dict[str, Any]) -> dict[str, int]:
    parameters = {name: value for name, value in filters.items() if name != "ranks"} | {"most": MAX_DEPTH}
    rows = fetch_planned(connection, queries("risks").count_risks, **parameters)
    found = {row["status"]: row["count"] for row in rows}
    return {status.value: found[status] for status in RiskStatus}


def _filters(wanted: RiskFilter, project: UUID | None, now: datetime | None, sight: Sight) -> dict[str, Any]:
    days = wanted.expiring_within_days
    return {
        "ranks": None if wanted.statuses is None else [_rank(status) for status in wanted.statuses],
        "ticket_id": wanted.ticket_id,
        "project": project,
        "expires_from": now if days is not None else None,
        "expires_before": days_ahead(now, days) if now is not None and days is not None else None,
        **sight.parameters(),
    }


def _place(request: RiskListRequest) -> dict[str, Any]:
    after = RiskPosition.from_cursor(request.cursor) if request.cursor else None
    return {
        "after_rank": after and after.rank,
        "after_expiry": after and after.expiry,
        "after_at": after and after.created_at,
        "after_id": after and after.id,
        "row_limit": request.limit + 1,
        "row_skip": 0 if after else request.offset,
    }


def _position(row: dict[str, Any]) -> RiskPosition:
    return RiskPosition(_rank(row["status"]), row["risk_expiry_date"], row["created_at"], row["id"])


def _rank(status: str) -> int:
    return LIST_ORDER.index(RiskStatus(status)) + 1


def _shown(row: dict[str, Any]) -> dict[str, Any]:
    return {name: row[name] for name in RiskView.model_fields}
