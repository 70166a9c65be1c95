"""The dashboard beside a plain aggregate: `python -m bench.dashboard --tickets 1000000`.

Starts PostgreSQL of its own in a temporary folder, fills it with tickets of two years, and prints the milliseconds of
summary and workload as the service reads them, beside one aggregate over the tickets, and ratios. Then what the totals
cost those who write: an import, and eight writers at once, also with the plain way of totals: a row for each key, which
every writer updates.
"""

from __future__ import annotations

import argparse
import random
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path
from statistics import median
from typing import Any

import psycopg

from bench.many_tickets import NOW, References, Say, cost_of_writing, fill, running, tell, timed
from jobs.platform import Platform
from sql.database import Connection
from ticketing.dashboard import figures, lists, totals
from ticketing.dashboard.rules import Days
from ticketing.paging import PageRequest
from ticketing.people import SYSTEM

MONTH = Days(first=date(2026, 10, 25), last=date(2026, 11, 23))
EVER = Days()
ROUNDS = 15
PLAIN_ROUNDS = 5
WRITERS = 8
IN_ONE = 4
WRITING = 8.0

_LATE = "sla_due_at <= %(now)s and sla_paused_at is null and status not in ('closed', 'cancelled')"
_BREACHED = (
    "sla_due_at is not null and status <> 'cancelled' and (sla_breached or (sla_next_check_at is not null"
    " and (sla_due_at < closed_at or (closed_at is null and sla_due_at <= %(now)s))))"
)
_BOUNDS = (
    "(%(first)s::date is null or reported_at >= %(first)s::date::timestamp at time zone 'Africa/Johannesburg')"
    " and (%(last)s::date is null or reported_at < (%(last)s::date + 1)::timestamp at time zone 'Africa/Johannesburg')"
)
PLAIN_SUMMARY = (
    "select status, count(*), count(*) filter (where sla_due_at is not null and status <> 'cancelled'),"
    f" count(*) filter (where {_BREACHED}) as breached, count(*) filter (where {_LATE}) as overdue,"
    f" avg(extract(epoch from closed_at - reported_at)) from tickets where {_BOUNDS}"
    " and (%(project)s::uuid is null or project_id = %(project)s) group by status"
)
PLAIN_WORKLOAD = (
    f"select assigned_to, count(*) as tickets, count(*) filter (where {_LATE}) as overdue from tickets"
    " where status not in ('closed', 'cancelled') group by assigned_to"
)

# Totals as they are commonly kept: whoever changes a ticket updates the rows of its old and its new key.
PLAIN_TOTALS = """
create table plain_totals (project_id uuid, status text, tickets bigint, primary key (project_id, status));
insert into plain_totals select project_id, status, count(*) from tickets group by 1, 2;
create function plain_count() returns trigger language plpgsql as $$
begin
    insert into plain_totals values (old.project_id, old.status, -1)
    on conflict (project_id, status) do update set tickets = plain_totals.tickets + excluded.tickets;
    insert into plain_totals values (new.project_id, new.status, 1)
    on conflict (project_id, status) do update set tickets = plain_totals.tickets + excluded.tickets;
    return null;
end
$$;
create trigger tickets_plain_count after update of status on tickets for each row execute function plain_count();
"""


def compare(connection: Connection, found: References, say: Say) -> None:
    """Read each figure both ways, and make sure that they say the same."""
    say(f"{'milliseconds':<34}{'ours':>9}{'p95':>9}{'plain':>9}{'ratio':>9}")
    for label, days, project in (
        ("summary, of all tickets", EVER, None),
        ("summary, of 30 days", MONTH, None),
        ("summary, of one project", EVER, found.projects[0]),
    ):
        values = {"now": NOW, "first": days.first, "last": days.last, "project": project}
        text = str(project) if project else None
        ours, told = timed(lambda d=days, t=text: figures.summarise(connection, NOW, d, t), ROUNDS)  # type: ignore[misc]
        plain, rows = timed(lambda v=values: _rows(connection, PLAIN_SUMMARY, v), PLAIN_ROUNDS)  # type: ignore[misc]
        same = (told.overdue, told.sla.breached) == tuple(sum(row[name] for row in rows) for name in _TIMELY)
        tell(say, label, ours, plain, same=same)
    ours, load = timed(lambda: figures.list_workload(connection, NOW, active_only=True), ROUNDS)
    plain, rows = timed(lambda: _rows(connection, PLAIN_WORKLOAD, {"now": NOW}), PLAIN_ROUNDS)
    counted = {row["assigned_to"]: row["tickets"] for row in rows}
    tell(say, "workload, active", ours, plain, same=counted == {r["assigned_to"]: r["ticket_count"] for r in load.rows})
    for label, read in (("recent tickets", lists.list_recent), ("overdue tickets", lists.list_overdue)):
        ours, _ = timed(lambda r=read: r(connection, NOW, None, PageRequest()), ROUNDS)  # type: ignore[misc]
        tell(say, label, ours, None)


_TIMELY = ("overdue", "breached")


def _rows(connection: Connection, query: str, values: dict[str, Any]) -> list[dict[str, Any]]:
    return connection.execute(query.encode(), values, prepare=False).fetchall()


def contention(platform: Platform, say: Say) -> None:
    """Let eight writers change tickets of the same keys: without totals, with ours, and with plain ones."""
    with platform.read() as connection:
        rows = connection.execute("select id from tickets where status = 'open' order by id limit 40000").fetchall()
        ids = [row["id"] for row in rows]
        random.Random(47).shuffle(ids)
        say(f"{WRITERS} writers, {IN_ONE} tickets a transaction:")
        _switch(connection, "tickets_changed_added_up", on=False)
        _tell_writers(platform, ids[0::3], "without totals", say)
        _switch(connection, "tickets_changed_added_up", on=True)
        _tell_writers(platform, ids[1::3], "ours", say)
        connection.execute(PLAIN_TOTALS.encode())
        _tell_writers(platform, ids[2::3], "ours, and a row for each key that all update", say)
        connection.execute("drop trigger tickets_plain_count on tickets")
        connection.execute("select rebuild_ticket_totals()")


def _switch(connection: Connection, trigger: str, *, on: bool) -> None:
    connection.execute(f"alter table tickets {'enable' if on else 'disable'} trigger {trigger}".encode())


def _tell_writers(platform: Platform, ids: Sequence[Any], label: str, say: Say) -> None:
    started = time.perf_counter()
    with ThreadPoolExecutor(WRITERS) as pool:
        parts = [pool.submit(_change, platform, ids[number::WRITERS]) for number in range(WRITERS)]
        changed, deadlocks = (sum(counts) for counts in zip(*(part.result() for part in parts), strict=True))
    seconds = time.perf_counter() - started
    say(f"  {label:<46}{changed / seconds:>7,.0f} changes a second, {deadlocks:,} deadlocks")


def _change(platform: Platform, ids: Sequence[Any]) -> tuple[int, int]:
    """Change tickets until the time is over or all are changed; return how many, and how many deadlocks there were."""
    changed, deadlocks, until = 0, 0, time.monotonic() + WRITING
    with platform.read() as connection:
        for start in range(0, len(ids), IN_ONE):
            if time.monotonic() > until:
                break
            if _commit(connection, ids[start : start + IN_ONE]):
                changed += IN_ONE
            else:
                deadlocks += 1
    return changed, deadlocks


def _commit(connection: Connection, ids: Sequence[Any]) -> bool:
    try:
        with connection.transaction():
            for ticket_id in ids:
                connection.execute("update tickets set status = 'assigned' where id = %s", [ticket_id])
    except psycopg.errors.DeadlockDetected:
        return False
    return True


def run(tickets: int, say: Say) -> None:
    """Measure everything and print it."""
    with tempfile.TemporaryDirectory(prefix="fibreflow-bench-") as folder, running(Path(folder)) as platform:
        with platform.read() as connection:
            found = fill(connection, tickets)
            _fold(platform, say)
            say(f"{tickets:,} tickets; median of {ROUNDS}")
            compare(connection, found, say)
            _prove(connection, say)
            cost_of_writing(connection, found, tickets, say)
        contention(platform, say)
        with platform.read() as connection:
            _prove(connection, say)


def _fold(platform: Platform, say: Say) -> None:
    with platform.read() as connection:
        unfolded, _ = timed(lambda: figures.summarise(connection, NOW, EVER), PLAIN_ROUNDS)
    say(f"summary while nothing has been folded: {median(unfolded):.0f} ms")
    started = time.perf_counter()
    with platform.begin(SYSTEM) as work:
        folded = totals.fold(work)
    seconds = time.perf_counter() - started
    with platform.read() as connection:
        connection.execute("vacuum (analyze) ticket_totals, ticket_total_changes")
        row = connection.execute("select count(*) as n from ticket_totals").fetchone()
    assert row is not None
    say(f"{folded:,} rows folded into {row['n']:,} totals in {seconds:.2f} s")


def _prove(connection: Connection, say: Say) -> None:
    started = time.perf_counter()
    proof = totals.prove(connection, NOW)
    word = "hold" if proof.holds else "DO NOT HOLD"
    say(f"the totals {word}: proved against {proof.tickets:,} tickets in {time.perf_counter() - started:.2f} s")


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(description="The dashboard, measured beside plain aggregates.")
    parser.add_argument("--tickets", type=int, default=1_000_000)
    # Ended politely, it stops its servers.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    run(parser.parse_args(arguments).tickets, lambda line: print(line, flush=True))


if __name__ == "__main__":
    main()
