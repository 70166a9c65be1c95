"""Runs of the sync: what a job read, counted while it goes on, so that a later attempt counts on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel

from sql.database import Connection, queries
from ticketing.events import UnitOfWork
from ticketing.paging import fetch_planned
from ticketing.qcontact_sync.cases import CaseOutcome, Outcome
from ticketing.vocabulary import SyncDirection

Scope = Literal["full", "recent", "one"]
COUNTS = ("processed", "created", "updated", "unchanged", "skipped", "conflicts", "failed")
MOST_FAILURES = 100

_COUNTED = {Outcome.CONFLICT: "conflicts"}


class RunView(BaseModel):
    """A run of the sync: `full` read everything, `recent` what was new, `one` a single case."""

    id: UUID
    job_id: UUID | None
    direction: SyncDirection
    scope: Scope
    started_at: datetime
    finished_at: datetime | None
    processed: int
    created: int
    updated: int
    unchanged: int
    skipped: int
    conflicts: int
    failed: int
    success_rate: float


def begin(work: UnitOfWork, job_id: UUID | None, scope: Scope) -> UUID:
    """Begin the inbound run of a job, or go on with the one that an earlier attempt began; returns its id."""
    run_id: UUID = queries("qcontact_runs").begin_run(
        work.connection, job_id=job_id, direction=SyncDirection.INBOUND, scope=scope, now=work.now
    )
    return run_id


def add(work: UnitOfWork, run_id: UUID, outcomes: Iterable[Outcome]) -> None:
    """Add what became of some cases to the counts of a run."""
    counted = Counter(_COUNTED.get(outcome, outcome.value) for outcome in outcomes)
    counts = {name: counted.get(name, 0) for name in COUNTS} | {"processed": counted.total()}
    if counts["processed"]:
        queries("qcontact_runs").add_to_run(work.connection, run_id=run_id, **counts)


def finish(work: UnitOfWork, run_id: UUID) -> dict[str, Any]:
    """End a run; returns its summary."""
    return summary(queries("qcontact_runs").finish_run(work.connection, run_id=run_id, now=work.now))


def find_of_job(connection: Connection, job_id: UUID) -> dict[str, Any] | None:
    """Return the run of a job; None for a job that did not begin one."""
    rows = fetch_planned(connection, queries("qcontact_runs").list_runs, job_id=job_id, after=None, row_limit=1)
    return rows[0] if rows else None


def list_failures(connection: Connection, run_id: UUID) -> list[dict[str, Any]]:
    """Return what failed in a run, newest first, as far as an answer can hold."""
    return list(queries("qcontact_runs").list_failures_of_run(connection, run_id=run_id, row_limit=MOST_FAILURES))


def list_runs(connection: Connection, after: UUID | None, limit: int) -> list[dict[str, Any]]:
    """Return runs in the shape of RunView, newest first, after the one with that id."""
    rows = fetch_planned(connection, queries("qcontact_runs").list_runs, job_id=None, after=after, row_limit=limit)
    return [{**row, "success_rate": success_rate(row["processed"], row["failed"])} for row in rows]


def summary(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return the counts of a run with its success rate (0 to 1): the share of cases that did not fail."""
    counts = {name: row[name] for name in COUNTS}
    return counts | {"success_rate": success_rate(counts["processed"], counts["failed"])}


def success_rate(processed: int, failed: int) -> float:
    """Return the share of what did not fail, 0 to 1; of nothing nothing failed."""
    return round(1 - failed / processed, 4) if processed else 1.0


def outcomes_of(applied: Iterable[CaseOutcome]) -> list[Outcome]:
    """Return what is counted of applied cases."""
    return [one.outcome for one in applied]
