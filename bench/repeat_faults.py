"""The scan for repeat faults beside a plain loop of counts: `python -m bench.repeat_faults --tickets 1000000`.

Starts PostgreSQL of its own in a temporary folder, fills it with tickets of a year, and prints the seconds of a full
scan, of a scan of the places of 1,000 tickets and of one, and ratios. The plain way is what a service would do: a count
for each pole, PON, zone and drop that has a fault in the window, one after the other; on a sample of each, scaled.
"""

from __future__ import annotations

import argparse
import random
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any

from cli.embedded import EmbeddedServers
from runtime.settings import load_settings
from sql.database import Connection, Database
from sql.migrate import migrate
from ticketing.repeat_faults.scan import Question, scan

NOW = datetime(2026, 11, 23, tzinfo=UTC)
ROUNDS = 5
CHANGED = 1_000
PLAIN_SAMPLE = 200
WINDOW = timedelta(days=30)

# Three projects of 100,000 homes: 12 to a pole, 96 to a PON, 960 to a zone. Three tickets in five report a fault, one
# in a hundred of them at one of 40 homes that fail again and again.
FILL = """
with projects as (
    insert into projects (code, name) select 'P' || n, 'Project ' || n from generate_series(0, 2) as n returning id
), ids as (
    select array_agg(id) as ids from projects
), drawn as (
    select
        n,
        case when n %% 97 = 0 then n %% 40 * 5000 else n::bigint * 7919 %% 300000 end as home,
        %(now)s::timestamptz - random() * interval '365 days' as at
    from generate_series(1, %(tickets)s::integer) as n
)
insert into tickets (
    source, ticket_type, status, title, dr_number, pole_number, pon_number, zone, project_id, reported_at, created_at,
    updated_at
)
select
    'weekly_report',
    (array['maintenance', 'maintenance', 'incident', 'new_installation', 'modification'])[n %% 5 + 1],
    case when n %% 50 = 0 then 'cancelled' else 'open' end,
    'No light at home ' || home,
    'DR' || 1000000 + home,
    'P' || home %% 3 || '.P.A' || home / 12,
    home / 96 + 1,
    home / 960 + 1,
    ids.ids[home %% 3 + 1],
    at,
    at,
    at
from drawn
cross join ids
"""

_IS_FAULT = "ticket_type in ('maintenance', 'incident') and status <> 'cancelled' and escalation_id is null"
_COUNT = f"select count(*) from tickets where {_IS_FAULT} and reported_at > %s and "
PLAIN_COUNTS = {
    ("pole_number",): _COUNT + "pole_number = %s",
    ("project_id", "pon_number"): _COUNT + "project_id = %s and pon_number = %s",
    ("project_id", "zone"): _COUNT + "project_id = %s and zone = %s",
    ("dr_number",): _COUNT + "dr_number = %s",
}

Place = tuple[Any, ...]
Say = Callable[[str], None]


@contextmanager
def filled(folder: Path, tickets: int) -> Iterator[Connection]:
    """Start a database with so many tickets under the folder; stop it on leaving."""
    with EmbeddedServers(load_settings({}, data_dir=folder), durable=False) as servers:
        url = servers.postgres.url()
        migrate(url)
        database = Database(url)
        try:
            with database.connection() as connection:
                connection.execute(FILL, {"now": NOW, "tickets": tickets})
                # As autovacuum leaves it: an index tells what is in it without a look into the table.
                connection.execute("vacuum (analyze) tickets")
                yield connection
        finally:
            database.close()


def measure(connection: Connection, question: Question) -> tuple[float, int]:
    """Return the median seconds of a scan, and how many places it tells."""
    seconds, places = [], 0
    for _ in range(ROUNDS):
        started = time.perf_counter()
        places = len(scan(connection, NOW, question))
        seconds.append(time.perf_counter() - started)
    return median(seconds), places


def plain(connection: Connection, tickets: Sequence[dict[str, Any]]) -> float:
    """Return the seconds that a count at each place of the tickets takes, one query after the other."""
    return sum(_plain_kind(connection, names, query, tickets) for names, query in PLAIN_COUNTS.items())


def _plain_kind(connection: Connection, names: Place, query: str, tickets: Sequence[dict[str, Any]]) -> float:
    places = sorted({tuple(str(ticket[name]) for name in names) for ticket in tickets})
    sample = random.Random(47).sample(places, min(PLAIN_SAMPLE, len(places)))
    started = time.perf_counter()
    for place in sample:
        connection.execute(query, [NOW - WINDOW, *place]).fetchone()
    return (time.perf_counter() - started) / len(sample) * len(places)


def run(tickets: int, say: Say) -> None:
    """Measure everything and print it."""
    with tempfile.TemporaryDirectory(prefix="fibreflow-bench-") as name, filled(Path(name), tickets) as connection:
        recent = connection.execute(
            f"select id, project_id, pole_number, pon_number, zone, dr_number from tickets"
            f" where {_IS_FAULT} and reported_at > %s order by id",
            [NOW - WINDOW],
        ).fetchall()
        say(f"{tickets:,} tickets, {len(recent):,} faults in the window; median of {ROUNDS}")
        _tell_fresh(connection, recent, say)
        _escalate_everything(connection)
        _tell(say, "full, every place escalated", *measure(connection, Question(everywhere=True)))


def _tell_fresh(connection: Connection, recent: list[dict[str, Any]], say: Say) -> None:
    changed = random.Random(48).sample(recent, min(CHANGED, len(recent)))
    for label, question, tickets in (
        ("full scan", Question(everywhere=True), recent),
        (f"places of {len(changed):,} tickets", Question(tickets=[row["id"] for row in changed]), changed),
        ("places of one ticket", Question(tickets=[changed[0]["id"]]), changed[:1]),
    ):
        seconds, places = measure(connection, question)
        _tell(say, label, seconds, places)
        loop = plain(connection, tickets)
        say(f"{'  a loop of counts':<32}{loop:>9.3f} s, {loop / seconds:,.1f} times as long")


def _escalate_everything(connection: Connection) -> None:
    """Open an escalation for every place that needs one, with its faults: the night after."""
    for finding in scan(connection, NOW, Question(everywhere=True), listed=True):
        row = connection.execute(
            "insert into repeat_fault_escalations (scope_type, scope_value, project_id, fault_count, fault_threshold)"
            " values (%s, %s, %s, %s, %s) returning id",
            [
                finding.place.scope,
                finding.place.value,
                finding.place.project_id,
                finding.pattern.fault_count,
                finding.pattern.threshold,
            ],
        ).fetchone()
        assert row is not None
        connection.execute(
            "insert into escalation_tickets (escalation_id, ticket_id) select %s, unnest(%s::uuid[])",
            [row["id"], list(finding.ticket_ids)],
        )
    connection.execute("analyze repeat_fault_escalations, escalation_tickets")


def _tell(say: Say, label: str, seconds: float, places: int) -> None:
    say(f"{label:<32}{seconds:>9.3f} s, {places:,} places to act on")


def main() -> None:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(description="The scan for repeat faults, measured beside a loop of counts.")
    parser.add_argument("--tickets", type=int, default=1_000_000)
    # Ended politely, it stops its server.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    run(parser.parse_args().tickets, lambda line: print(line, flush=True))


if __name__ == "__main__":
    main()
