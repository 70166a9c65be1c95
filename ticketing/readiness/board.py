"""The QA board: the tickets that QA works through, oldest first, each with what the checks find now. Reads only."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from pydantic import BaseModel, Field

from sql.database import Connection, queries
from ticketing.paging import MAX_DEPTH, Page, PageRequest, fetch_planned, page_of
from ticketing.people import Actor, find_project
from ticketing.readiness.rules import CHECKS, Facts, Policy, evaluate, facts_of
from ticketing.ticket_views import load_sight
from ticketing.verification_steps import PHOTO_STEPS, STEPS
from ticketing.vocabulary import Priority, Status

ON_BOARD: Final = (Status.PENDING_QA, Status.QA_IN_PROGRESS)
"""Where a ticket is QA's to work on."""

_NOTHING = UUID(int=0)


class BoardCheck(BaseModel):
    """One check as it would come out now; one that did not pass and is not `blocking` only warns."""

    check_name: str
    passed: bool
    blocking: bool
    reason: str | None


class BoardRow(BaseModel):
    """A ticket on the board."""

    id: UUID
    ticket_uid: str
    title: str
    status: Status
    priority: Priority
    dr_number: str | None
    project_name: str | None
    assigned_to_name: str | None
    created_at: datetime
    updated_at: datetime
    is_ready: bool = Field(description="Whether a passed check stands: QA may start")
    checked_at: datetime | None
    checks: list[BoardCheck] = Field(description="All eight, in their order, as they would come out now")
    missing_photo_steps: list[int] = Field(description="Steps that need a photo and have no accepted one")
    steps_completed: int
    steps_total: int
    active_risks: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardFilter:
    """Which tickets the board shows; None filters nothing. `project_id` is an id or a code."""

    status: Status | None = None
    is_ready: bool | None = None
    project_id: str | None = None

    @property
    def statuses(self) -> tuple[Status, ...]:
        """The statuses that are read."""
        return ON_BOARD if self.status is None else (self.status,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """A part of the board; `counts` are by status under the other filters, each exact up to MAX_DEPTH."""

    page: Page
    counts: dict[str, int]


def list_board(
    connection: Connection, actor: Actor, wanted: BoardFilter, request: PageRequest, policy: Policy
) -> Board:
    """Return tickets that QA works through and that the actor may see, oldest first, in the shape of BoardRow.

    Raises InvalidInput for a cursor that is none. A page by number is not known here: a cursor goes on.
    """
    project = (find_project(connection, wanted.project_id) or _NOTHING) if wanted.project_id else None
    filters = {"is_ready": wanted.is_ready, "project": project, **load_sight(connection, actor).parameters()}
    counts = {status.value: _count(connection, status, filters) for status in ON_BOARD}
    total = sum(counts[status] for status in wanted.statuses)
    page = page_of(_oldest(connection, wanted.statuses, filters, request), request, counted=total)
    found = _judge(connection, [row["id"] for row in page.rows], policy)
    rows = [_shown(row, *found[row["id"]]) for row in page.rows if row["id"] in found]
    return Board(
        page=Page(
            rows=rows,
            request=request,
            total=page.total,
            total_is_capped=page.total_is_capped,
            next_cursor=page.next_cursor,
        ),
        counts={status: min(count, MAX_DEPTH) for status, count in counts.items()},
    )


def _oldest(
    connection: Connection, statuses: Iterable[Status], filters: Mapping[str, Any], request: PageRequest
) -> list[dict[str, Any]]:
    """Return the oldest of all statuses together: those of each are read by an index, then merged."""
    filters = {**filters, **request.place()}
    query = queries("readiness").list_qa_board
    found = [row for status in statuses for row in fetch_planned(connection, query, **filters, status=status)]
    return sorted(found, key=lambda row: (row["created_at"], row["id"]))[: request.size + 1]


def _count(connection: Connection, status: Status, filters: Mapping[str, Any]) -> int:
    query = queries("readiness").count_qa_board
    return int(fetch_planned(connection, query, **filters, status=status, most=MAX_DEPTH + 1)[0]["count"])


def _judge(
    connection: Connection, ticket_ids: list[UUID], policy: Policy
) -> dict[UUID, tuple[Facts, list[dict[str, Any]]]]:
    rows = queries("readiness").list_readiness_facts(connection, ticket_ids=ticket_ids)
    facts = {row["id"]: facts_of(row) for row in rows}
    return {ticket_id: (known, checks_of(known, policy)) for ticket_id, known in facts.items()}


def checks_of(facts: Facts, policy: Policy) -> list[dict[str, Any]]:
    """Return how each of the eight checks would come out, in their order, in the shape of BoardCheck."""
    failed = {check.check_name: check for check in evaluate(facts, policy).failed}
    return [
        {
            "check_name": name,
            "passed": name not in failed,
            "blocking": name not in failed or failed[name].blocking,
            "reason": failed[name].reason if name in failed else None,
        }
        for name in CHECKS
    ]


def _shown(row: Mapping[str, Any], facts: Facts, checks: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        **row,
        "checks": checks,
        "missing_photo_steps": [step for step in PHOTO_STEPS if step not in facts.photo_steps],
        "steps_total": len(STEPS),
    }
