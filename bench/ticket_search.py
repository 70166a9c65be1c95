"""Searching a million tickets beside a plain ILIKE: `python -m bench.ticket_search --tickets 1000000`.

Starts PostgreSQL of its own in a temporary folder, writes tickets in statements of 5,000 as an import does, once with
the search's trigger and once without, indexes them as the job does, and asks for the same things in both ways. The
plain way is the containment search without an index: `ILIKE` on each column, newest first, the same bounded count.
"""

from __future__ import annotations

import argparse
import random
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from cli.embedded import EmbeddedServers
from jobs.platform import Platform
from runtime.settings import load_settings
from sql.database import Connection
from sql.migrate import migrate
from ticketing import ticket_search, ticket_views
from ticketing.paging import PageRequest
from ticketing.people import SYSTEM
from ticketing.ticket_search import MAX_COUNTED
from ticketing.ticket_views import TicketFilter

STATEMENT = 5_000
IMPORT = 100_000
WORDS = 4_000
ROUNDS = 7
PLAIN_ROUNDS = 2

# The words are as unevenly used as words are: few of them nearly everywhere, most of them seldom.
INSERT = """
with words as materialized (select array_agg(word order by place) as list from bench_words)
insert into tickets (source, external_id, ticket_type, title, description, dr_number, address, created_at, updated_at)
select
    'weekly_report', 'BENCH' || n, 'maintenance',
    initcap(w[1] || ' ' || w[2]) || ' at home ' || n,
    'Client reports ' || w[3] || ' ' || w[4] || ' since this morning, ' || w[5] || ' ' || w[6]
        || ' near pole LAW.P.A' || n %% 999,
    'DR' || 1000000 + (n::bigint * 7919) %% 900000,
    n %% 300 || ' ' || initcap(w[7]) || ' Street, ' || initcap(w[8]),
    '2026-01-01'::timestamptz + n * interval '20 seconds', now()
from generate_series(%(first)s::integer, %(last)s::integer) as n
cross join lateral (
    select array_agg(list[1 + (power((hashint8extended(n, nth) & 65535) / 65536::float8, 3) * 3999)::integer]) as w
    from words, generate_series(1, 8) as nth
) as chosen
"""
PLAIN = """
with found as (
    select id, created_at from tickets
    where not exists (
        select 1 from unnest(%(words)s::text[]) as word
        where not (ticket_uid ilike word or dr_number ilike word or title ilike word
            or coalesce(description, '') ilike word or coalesce(address, '') ilike word)
    )
)
select (select count(*) from (select 1 from found limit %(most)s)),
    array(select id from found order by created_at desc, id desc limit 51)
"""


def fill(connection: Connection, tickets: int, say: Callable[[str], None]) -> None:
    """Make the words, then the tickets; the last two imports are timed without the trigger and with it."""
    chance = random.Random(47)
    words = ["fibre", "break", "light", "signal", *(_word(chance) for _ in range(WORDS - 4))]
    connection.execute("create table bench_words (place integer primary key, word text)")
    with connection.cursor() as cursor:
        cursor.executemany("insert into bench_words values (%s, %s)", list(enumerate(words)))
    connection.execute("analyze bench_words")
    imports = max(2, tickets // IMPORT)
    size = tickets // imports
    seconds = [_import(connection, number * size, size) for number in range(imports - 1)]
    connection.execute("alter table tickets disable trigger tickets_made_searchable")
    plain = _import(connection, (imports - 1) * size, size)
    connection.execute("alter table tickets enable trigger tickets_made_searchable")
    connection.execute(
        "insert into ticket_search_notes (ticket_ids) select array_agg(id) from (select id, n / 1000 as part from"
        " (select id, row_number() over (order by id) as n from tickets order by created_at desc limit %s) as a) as b"
        " group by part",
        [size],
    )
    say(f"{size:,} tickets written in statements of {STATEMENT:,}: {seconds[-1]:.2f} s; without search {plain:.2f} s")


def _word(chance: random.Random) -> str:
    return "".join(chance.choice("bcdfghklmnprstvwz") + chance.choice("aeiou") for _ in range(chance.randint(2, 4)))


def _import(connection: Connection, first: int, size: int) -> float:
    started = time.perf_counter()
    for begin in range(first, first + size, STATEMENT):
        connection.execute(INSERT, {"first": begin + 1, "last": min(begin + STATEMENT, first + size)})
    return time.perf_counter() - started


def index(platform: Platform, say: Callable[[str], None]) -> None:
    """Index what was noted, as the job does, and let the planner know the tables."""
    started, indexed = time.perf_counter(), 0
    while True:
        with platform.begin(SYSTEM) as work:
            taken = ticket_search.learn(work)
        if taken is None:
            break
        indexed += taken
    with platform.begin(SYSTEM) as work:
        ticket_search.tidy(work)
    say(f"indexed in the background: {indexed:,} tickets, {indexed / (time.perf_counter() - started):,.0f} a second")
    with platform.read() as connection:
        for table in ("tickets", "ticket_documents", "search_trigrams"):
            connection.execute(f"vacuum (analyze) {table}")


def compare(connection: Connection, say: Callable[[str], None]) -> None:
    """Ask for each thing both ways; print medians, ratios, and the slowest of twenty."""
    say(f"{'search':<32}{'found':>8}{'ours ms':>10}{'ILIKE ms':>10}{'ratio':>9}  ILIKE finds")
    everything: list[float] = []
    for name, search in _questions(connection):
        ours = []
        for _ in range(ROUNDS):
            started = time.perf_counter()
            page = ticket_views.list_tickets(connection, SYSTEM, TicketFilter(search=search), PageRequest())
            ours.append((time.perf_counter() - started) * 1000)
        everything += ours
        plain, plainly = _plain(connection, search)
        total = f"{page.total:,}{'+' if page.total_is_capped else ''}"
        ratio = plain / statistics.median(ours)
        say(f"{name:<32}{total:>8}{statistics.median(ours):>10.1f}{plain:>10.0f}{ratio:>8.0f}x  {plainly:,}")
    p95 = statistics.quantiles(everything, n=20)[-1]
    say(f"ours over all searches: median {statistics.median(everything):.1f} ms, p95 {p95:.1f} ms")


def _questions(connection: Connection) -> Sequence[tuple[str, str]]:
    row = connection.execute(
        "select ticket_uid, dr_number, title from tickets order by created_at desc offset 7777 limit 1"
    ).fetchone()
    rare = connection.execute("select word from bench_words where place = 3000").fetchone()
    middle = connection.execute("select word from bench_words where place = 1200").fetchone()
    assert row
    assert rare
    assert middle
    return [
        ("a whole DR number", row["dr_number"]),
        ("five digits of a DR number", row["dr_number"][4:]),
        ("a uid", row["ticket_uid"]),
        ("a title", row["title"]),
        ("a rare word", rare["word"]),
        ("a rare word, misspelt", rare["word"][:2] + "x" + rare["word"][2:]),
        ("a part of a rare word", rare["word"][1:]),
        ("two words", f"{middle['word']} {rare['word']}"),
        ("a word everywhere", "client"),
        ("a frequent word", "fibre"),
        ("two frequent words", "fibre break"),
        ("two frequent words, misspelt", "fibr brek"),
        ("frequent, and a number", "home 4711"),
        ("nothing", "zzzzqq"),
    ]


def _plain(connection: Connection, search: str) -> tuple[float, int]:
    values = {"words": [f"%{word}%" for word in search.split()], "most": MAX_COUNTED + 1}
    times, found = [], 0
    for _ in range(PLAIN_ROUNDS):
        started = time.perf_counter()
        row = connection.execute(PLAIN, values, prepare=False).fetchone()
        times.append((time.perf_counter() - started) * 1000)
        assert row
        found = row["count"]
    return min(times), found


def run(tickets: int, say: Callable[[str], None]) -> None:
    """Measure everything and print it."""
    with (
        tempfile.TemporaryDirectory(prefix="fibreflow-bench-") as folder,
        EmbeddedServers(load_settings({}, data_dir=Path(folder))) as servers,
    ):
        assert servers.settings.database_url is not None
        migrate(servers.settings.database_url.get_secret_value())
        platform = Platform.connect(servers.settings)
        try:
            with platform.read() as connection:
                fill(connection, tickets, say)
            index(platform, say)
            with platform.read() as connection:
                compare(connection, say)
        finally:
            platform.close()


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(description="Ticket search, measured beside a plain ILIKE.")
    parser.add_argument("--tickets", type=int, default=1_000_000)
    # Ended politely, it stops its servers.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    run(parser.parse_args(arguments).tickets, lambda line: print(line, flush=True))


if __name__ == "__main__":
    main()
