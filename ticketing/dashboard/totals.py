"""The running totals behind the dashboard: brought together by a job, proved by another, counted anew where needed.

Triggers write down what each statement that changes tickets adds and takes off, in its own transaction. Those rows
count at once; folding them into the totals only keeps reading cheap, so nothing is wrong while nobody folds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sql.database import Connection, queries
from ticketing.events import UnitOfWork
from ticketing.paging import fetch_planned

MOST_NAMED = 20
FIGURES = ("tickets", "with_sla", "met", "breached", "overdue", "resolved", "resolution_seconds")


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """What a count of all tickets says of the totals.

    `drifted` names keys whose totals are wrong, MOST_NAMED of `keys`, with how much too high each figure is; `wrong`
    names figures of this very moment that the dashboard tells wrongly, with what it tells and what is so.
    """

    tickets: int
    keys: int
    drifted: tuple[str, ...]
    wrong: tuple[str, ...]

    @property
    def holds(self) -> bool:
        """Whether the totals are right."""
        return not self.drifted and not self.wrong

    def message(self) -> str:
        """Return what is wrong, for people."""
        return f"The dashboard's totals are wrong in {self.keys} place(s): {'; '.join((*self.drifted, *self.wrong))}"


def fold(work: UnitOfWork) -> int:
    """Bring what has been added up into the totals; returns how many rows that were."""
    folded: int = queries("dashboard").fold_changes(work.connection)
    if folded:
        queries("dashboard").drop_empty_totals(work.connection)
    return folded


def prove(connection: Connection, now: datetime) -> Proof:
    """Count all tickets anew, and compare. Each comparison is one statement: nobody needs to stop working meanwhile."""
    drifted = fetch_planned(connection, queries("dashboard").list_drift, most=MOST_NAMED)
    present = fetch_planned(connection, queries("dashboard").compare_present, now=now)[0]
    return Proof(
        tickets=present["tickets"],
        keys=drifted[0]["keys"] if drifted else 0,
        drifted=tuple(_drift(row) for row in drifted),
        wrong=tuple(
            f"{name} is told as {present[f'told_{name}']} and is {present[name]}"
            for name in ("tickets", "overdue", "breached")
            if present[name] != present[f"told_{name}"]
        ),
    )


def rebuild(work: UnitOfWork) -> None:
    """Count all tickets anew and put the totals right; nobody changes tickets meanwhile (a million: some seconds)."""
    queries("dashboard").rebuild_totals(work.connection)


def _drift(row: Mapping[str, Any]) -> str:
    """Return a line such as `2026-11-22, project none, open: tickets +2`."""
    status = row["status"]
    if row["day"] is not None:
        key = f"{row['day']}, project {row['project_id'] or 'none'}, {status}"
    else:
        key = f"person {row['assigned_to'] or 'none'}, {status}"
    return f"{key}: {', '.join(f'{name} {row[name]:+d}' for name in FIGURES if row[name])}"
