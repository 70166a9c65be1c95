"""Builders for the dashboard: changes of tickets by chance, and its figures counted the long way."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from sql.database import Connection
from tests.factories import Row, make_project, make_user
from ticketing.dashboard.rules import Days
from ticketing.days import local_day
from ticketing.vocabulary import TERMINAL_STATUSES, TRANSITIONS, Status

Change = Callable[[], None]


class Chance:
    """Makes and changes tickets by chance, a statement each, in ways that the schema allows."""

    def __init__(self, connection: Connection, seed: int, now: datetime) -> None:
        self.connection = connection
        self.now = now
        self._dice = random.Random(seed)
        self.projects = [make_project(connection)["id"] for _ in range(2)] + [None]
        self.people = [make_user(connection)["id"] for _ in range(3)] + [None]

    def step(self) -> None:
        """Do one thing, to one ticket or to several at once."""
        changes: list[Change] = [
            self.make, self.move, self.move, self.assign, self.move_project, self.report_anew, self.set_due,
            self.note_breach, self.pause, self.excuse, self.rename, self.undo,
        ]  # fmt: skip
        self._dice.choice(changes)()

    def make(self) -> None:
        """Make up to twenty tickets by one statement."""
        due = self._dice.choice(["null::timestamptz", "r.at + interval '2 days'", "r.at + interval '9 days'"])
        owners = [self._dice.choice(self.projects), self._dice.choice(self.people)]
        reported = [self.now - self._dice.random() * timedelta(days=9) for _ in range(self._dice.randint(1, 20))]
        self.connection.execute(
            f"insert into tickets (source, ticket_type, title, project_id, assigned_to, reported_at, sla_due_at,"
            f" sla_next_check_at, fault_cause)"
            f" select 'ad_hoc', 'incident', 'By chance', %s, %s, r.at, {due}, {due} - interval '1 day', 'unknown'"
            f" from unnest(%s::timestamptz[]) as r (at)",
            [*owners, reported],
        )

    def move(self) -> None:
        """Move tickets of one status to another that the machine allows."""
        current = self._dice.choice([status for status in Status if TRANSITIONS[status]])
        target = self._dice.choice(sorted(TRANSITIONS[current]))
        closed_at = self.now + timedelta(hours=self._dice.randint(-300, 1)) if target == Status.CLOSED else None
        self._change("status = %s, closed_at = %s", [target.value, closed_at], f"status = '{current.value}'")

    def assign(self) -> None:
        """Give tickets to somebody, or to nobody."""
        self._change("assigned_to = %s", [self._dice.choice(self.people)])

    def move_project(self) -> None:
        """Move tickets to another project."""
        self._change("project_id = %s", [self._dice.choice(self.projects)])

    def report_anew(self) -> None:
        """Change when tickets were reported, over midnight and back."""
        self._change("reported_at = reported_at + %s", [timedelta(hours=self._dice.randint(-40, 40))])

    def set_due(self) -> None:
        """Set due times by hand, in the past or the future; the sweep looks at what it has not noted."""
        due = self._dice.choice([None, self.now + timedelta(hours=self._dice.randint(-50, 50))])
        check = "case when sla_breached then null else %s::timestamptz end"
        self._change(f"sla_due_at = %s, sla_next_check_at = {check}", [due, due], "sla_paused_at is null")

    def note_breach(self) -> None:
        """Note of tickets whose time ran out that it did, as the sweep does."""
        self._change(
            "sla_breached = true, sla_breached_at = sla_due_at, sla_next_check_at = null",
            [],
            "sla_due_at <= %s and sla_next_check_at is not null and status not in ('closed', 'cancelled')",
            [self.now],
        )

    def pause(self) -> None:
        """Stop clocks that run, or let stopped ones run."""
        if self._dice.random() < 0.5:
            change = "sla_paused_at = %s, sla_pause_reason = 'Rain', sla_next_check_at = null"
            self._change(change, [self.now], "sla_next_check_at > %s", [self.now])
        else:
            change = "sla_paused_at = null, sla_pause_reason = null, sla_next_check_at = sla_due_at"
            self._change(change, [], "sla_paused_at is not null")

    def excuse(self) -> None:
        """Say of tickets by hand that they are, or are not, breached."""
        is_breached = self._dice.random() < 0.5
        self._change(
            "sla_breached = %s, sla_breached_at = null, sla_next_check_at = null",
            [is_breached],
            "sla_due_at is not null",
        )

    def rename(self) -> None:
        """Change what no total depends on."""
        self._change("title = title || '.'", [])

    def undo(self) -> None:
        """Make and move tickets and think better of it: nothing of it may stay in the totals."""
        with self.connection.transaction(force_rollback=True):
            self.make()
            self.assign()

    def _change(self, change: str, values: list[Any], which: str = "true", asked: list[Any] | None = None) -> None:
        # Locked in one order, so that writers at the same time wait for each other and not in a circle.
        self.connection.execute(
            f"with chosen as materialized (select id from tickets where {which} order by id desc"
            f" offset %s limit %s for update)"
            f" update tickets set {change} from chosen where tickets.id = chosen.id and {which}",
            [*(asked or []), self._dice.randint(0, 12), self._dice.randint(1, 12), *values, *(asked or [])],
        )


def count_the_long_way(connection: Connection, now: datetime, days: Days, project: Any = None) -> dict[str, Any]:
    """The dashboard's figures, read from every ticket and counted in Python."""
    tickets = [
        row
        for row in connection.execute("select * from tickets")
        if (project is None or row["project_id"] == project)
        and (days.first is None or local_day(row["reported_at"]) >= days.first)
        and (days.last is None or local_day(row["reported_at"]) <= days.last)
    ]
    owing = [row for row in tickets if row["sla_due_at"] is not None and row["status"] != "cancelled"]
    closed = [row for row in tickets if row["closed_at"] is not None]
    waits = [max(round((row["closed_at"] - row["reported_at"]).total_seconds()), 0) for row in closed]
    return {
        "by_status": dict(Counter(row["status"] for row in tickets)),
        "total": len(owing),
        "met": sum(row["closed_at"] is not None and not _is_breached(row, now) for row in owing),
        "breached": sum(_is_breached(row, now) for row in owing),
        "overdue": sum(is_overdue(row, now) for row in tickets),
        "resolution_hours": round(sum(waits) / len(waits) / 3600, 2) if waits else None,
    }


def workload_the_long_way(connection: Connection, now: datetime, *, active_only: bool) -> dict[Any, tuple[int, int]]:
    """Who has how many tickets, and how many overdue ones, counted in Python."""
    rows = [
        row
        for row in connection.execute("select * from tickets")
        if not active_only or Status(row["status"]) not in TERMINAL_STATUSES
    ]
    people = {row["assigned_to"] for row in rows}
    return {
        person: (
            sum(row["assigned_to"] == person for row in rows),
            sum(row["assigned_to"] == person and is_overdue(row, now) for row in rows),
        )
        for person in people
    }


def is_overdue(row: Row, now: datetime) -> bool:
    """Whether a ticket is open, its due time past and its clock not paused."""
    return (
        row["status"] not in ("closed", "cancelled")
        and row["sla_paused_at"] is None
        and row["sla_due_at"] is not None
        and row["sla_due_at"] <= now
    )


def _is_breached(row: Row, now: datetime) -> bool:
    ended = row["closed_at"] if row["closed_at"] is not None else now
    late = row["sla_due_at"] < ended or (row["closed_at"] is None and row["sla_due_at"] == now)
    return bool(row["sla_breached"] or (row["sla_next_check_at"] is not None and late))
