"""The running totals behind the dashboard, SLA compliance and fault trends: jobs bring them together and prove them.

Triggers write down what each statement that changes tickets adds and takes off, in its own transaction. Those rows
count at once; folding them into the totals only keeps reading cheap, so nothing is wrong while nobody folds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sql.database import Connection, queries
from ticketing.events import UnitOfWork
from ticketing.paging import fetch_planned

MOST_NAMED = 20
DAY_FIGURES = ("tickets", "met", "breached", "response_met", "response_breached")
FIGURES = ("tickets", "with_sla", "met", "breached", "overdue", "resolved", "resolution_seconds")


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """What a count of all tickets says of the totals.

    `drifted` names keys whose totals are wrong, MOST_NAMED of each kind, of `keys`, with how much too high each figure
    is; `wrong` names figures of this very moment that the dashboard tells wrongly, with what it tells and what is so.
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
    of_days: int = queries("day_totals").fold_day_changes(work.connection)
    if of_days:
        queries("day_totals").drop_empty_day_totals(work.connection)
    return folded + of_days


def prove(connection: Connection, now: datetime) -> Proof:
    """Count all tickets anew, and compare. Each comparison is one statement: nobody needs to stop working meanwhile."""
    drifted = fetch_planned(connection, queries("dashboard").list_drift, most=MOST_NAMED)
    of_days = fetch_planned(connection, queries("day_totals").list_day_drift, most=MOST_NAMED)
    present = fetch_planned(connection, queries("dashboard").compare_present, now=now)[0]
    return Proof(
        tickets=present["tickets"],
        keys=sum(rows[0]["keys"] for rows in (drifted, of_days) if rows),
        drifted=(*(_drift(row) for row in drifted), *(_day_drift(row) for row in of_days)),
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
    return f"{key}: {_too_high(row, FIGURES)}"


def _day_drift(row: Mapping[str, Any]) -> str:
    """Return a line such as `2026-11-22, project none, company none, priority high: breached +1`."""
    of = f"priority {row['priority']}" if row["priority"] else f"cause {row['fault_cause'] or 'none'}"
    where = f"project {row['project_id'] or 'none'}, company {row['assigned_contractor_id'] or 'none'}"
    return f"{row['day']}, {where}, {of}: {_too_high(row, DAY_FIGURES)}"


def _too_high(row: Mapping[str, Any], figures: Sequence[str]) -> str:
    return ", ".join(f"{name} {row[name]:+d}" for name in figures if row[name])
