"""Every page of the console on a full installation: `python -m bench.console --tickets 1000000 --jobs 1000000`.

Starts PostgreSQL and Redis of its own in a temporary folder and fills them: a made-up year as `fibreflow seed` writes
it, then plain tickets and jobs by SQL up to the numbers wanted. It walks the console along its links as an admin and
prints, for every page, the milliseconds on the server (the median and the worst of the rounds, rendering and
compression included) and the compressed kilobytes, beside the targets. Then the same of the slowest address that the
filters of each page lead to, and how many there were.
"""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from statistics import median
from urllib.parse import urlsplit

from flask.testing import FlaskClient

from admin_api.app import create_app
from bench import console_rows
from bench.console_filters import filtered
from bench.many_tickets import fill, running
from bench.ticket_search import index
from cli.seed import Wanted, write_history
from jobs import schedules, statistics
from jobs.platform import Platform
from runtime.logging import configure_logging
from tests.acceptance.browser.walk import walk
from tests.console import open_console
from tests.factories.access import make_api_key
from tests.running import run_jobs
from ticketing import sample_data
from ticketing.dashboard import totals
from ticketing.people import SYSTEM

MOST_MILLISECONDS = 100.0
MOST_KILOBYTES = 100.0
ROUNDS = 7
# Of the addresses that a page's filters lead to, each asked for once, so many of the slowest are measured.
CANDIDATES = 3
LIVES, PHOTOS = 2_000, 24
BATCH = 100_000

Say = Callable[[str], None]

# Jobs of thirty days: one in a thousand waits, one in fifty has failed in one of forty ways, the others are done.
JOBS = """
with made as (
    insert into jobs (
        kind, queue, state, max_attempts, attempt, actor_kind, actor_name, scheduled_at, created_at, claimed_at,
        started_at, finished_at, failed_at, error_class, error_message, fingerprint, tags
    )
    select
        (array['inspect_photo', 'make_pictures', 'send_notice', 'check_readiness', 'push_to_qcontact'])[n %% 5 + 1],
        (array['tickets', 'tickets', 'notifications', 'tickets', 'integrations'])[n %% 5 + 1],
        d.state, 5, 1, 'system', 'system', d.at, d.at,
        case when d.state <> 'available' then d.at + interval '1 second' end,
        case when d.state <> 'available' then d.at + interval '1 second' end,
        case when d.state in ('completed', 'discarded') then d.at + interval '2 seconds' end,
        case when d.state in ('retryable', 'discarded') then d.at + interval '2 seconds' end,
        case when d.state in ('retryable', 'discarded') then 'Error' || n %% 40 end,
        case when d.state in ('retryable', 'discarded') then 'No route to the mast' end,
        case when d.state in ('retryable', 'discarded') then md5('Error' || n %% 40)::uuid end,
        case when n %% 100 = 1 then array['bench'] else '{}' end
    from generate_series(%(first)s::integer + 1, %(first)s::integer + %(count)s::integer) as n
    cross join lateral (
        select
            now() - n * (interval '30 days' / %(jobs)s::integer) as at,
            case when n %% 1000 = 0 then 'available' when n %% 500 = 3 then 'retryable'
                when n %% 50 = 7 then 'discarded' else 'completed' end as state
    ) as d
    returning id, state, scheduled_at, started_at, error_class, error_message
)
insert into job_attempts (
    job_id, fence, attempt, outcome, scheduled_at, claimed_at, started_at, finished_at, error_class, error_message
)
select
    id, 1, 1, case state when 'completed' then 'done' when 'discarded' then 'discarded' else 'failed' end,
    scheduled_at, started_at, started_at, scheduled_at + interval '2 seconds', error_class, error_message
from made where state <> 'available'
"""


@dataclass(frozen=True, slots=True)
class Page:
    """What a page cost: milliseconds of each round, bytes as they travel."""

    address: str
    milliseconds: list[float]
    size: int

    @property
    def reached(self) -> bool:
        """Whether it is within both targets."""
        return median(self.milliseconds) < MOST_MILLISECONDS and self.size / 1024 < MOST_KILOBYTES

    def __str__(self) -> str:
        where = self.address if len(self.address) <= 70 else f"{self.address[:69]}…"
        middle, worst, size = median(self.milliseconds), max(self.milliseconds), self.size / 1024
        return f"{where:<72}{middle:>9.1f}{worst:>9.1f}{size:>9.1f}{'' if self.reached else '   NOT REACHED'}"


def furnish(platform: Platform, tickets: int, jobs: int, say: Say) -> None:
    """Fill an empty installation, and do what its workers would have done meanwhile."""
    started = time.perf_counter()
    platform.declare()
    with platform.begin(SYSTEM) as work:
        sample_data.add(work)
        schedules.declare(work.connection, platform.registry, work.now)
    write_history(platform, SYSTEM, Wanted(min(LIVES, tickets), photos=PHOTOS))
    run_jobs(platform)
    with platform.read() as connection:
        if tickets > LIVES:
            fill(connection, tickets - LIVES)
        for first in range(0, jobs, BATCH):
            connection.execute(JOBS.encode(), {"first": first, "count": min(BATCH, jobs - first), "jobs": jobs})
        console_rows.write(connection)
    with platform.begin(SYSTEM) as work:
        statistics.count_ended(work.connection, work.now)
        totals.fold(work)
    index(platform, say)
    with platform.read() as connection:
        connection.execute("vacuum (analyze)")
    say(f"{tickets:,} tickets and {jobs:,} jobs in {time.perf_counter() - started:.0f} s")


def measure(browser: FlaskClient, address: str) -> Page:
    """Ask for a page again and again, as a browser does that has nothing of it; the first time is not counted."""
    milliseconds, size = [], 0
    for _ in range(ROUNDS + 1):
        started = time.perf_counter()
        answer = browser.get(address, headers={"Accept-Encoding": "gzip"})
        size = len(answer.get_data())
        milliseconds.append((time.perf_counter() - started) * 1000)
    return Page(address, milliseconds[1:], size)


def filter_out(browser: FlaskClient, address: str) -> tuple[Page | None, int]:
    """Return the slowest address that a page's own filters lead to, and how many they lead to, itself included.

    None and 0 for a page that only sends one on, as that to sign in does.
    """
    took: dict[str, float] = {}

    def ask(wanted: str) -> str | None:
        started = time.perf_counter()
        answer = browser.get(wanted)
        text = answer.get_data(as_text=True)
        if answer.status_code != HTTPStatus.OK or answer.mimetype != "text/html":
            return None
        took[wanted] = time.perf_counter() - started
        return text

    asked = sum(1 for _ in filtered(address, ask))
    slow = sorted(took, key=lambda wanted: -took[wanted])[:CANDIDATES]
    measured = [measure(browser, wanted) for wanted in slow]
    return max(measured, key=lambda page: median(page.milliseconds), default=None), asked


def run(tickets: int, jobs: int, say: Say) -> bool:
    """Measure every page, and the slowest that its filters lead to; return whether all are within the targets."""
    with tempfile.TemporaryDirectory(prefix="fibreflow-bench-") as folder, running(Path(folder)) as platform:
        furnish(platform, tickets, jobs, say)
        app = create_app(platform=platform)
        browser = open_console(app, make_api_key(platform, "admin"))
        return measure_all(walk(app, browser), browser, say)


def measure_all(found: Mapping[str, Sequence[str]], browser: FlaskClient, say: Say) -> bool:
    """Measure the pages found, then what their filters lead to, and print it; return whether all reach the targets."""
    addresses = [address for of_one in found.values() for address in of_one]
    plain = tell([measure(browser, address) for address in addresses], "page", say)
    narrowed, asked = [], 0
    # A page that is only there with its query is asked as it was found; of all others the shortest address.
    for address in {urlsplit(one).path: one for one in sorted(addresses, key=len, reverse=True)}.values():
        slowest, number = filter_out(browser, address)
        asked += number
        if slowest and number > 1:
            narrowed.append(slowest)
    say(f"\nThe slowest of each page, narrowed by its filters and followed to its next rows: {asked:,} addresses")
    return tell(narrowed, "slowest address", say) and plain


def tell(measured: Sequence[Page], name: str, say: Say) -> bool:
    """Print pages, the slowest first; return whether all are within the targets."""
    say(f"{name:<72}{'ms':>9}{'worst':>9}{'KB':>9}")
    for page in sorted(measured, key=lambda page: -median(page.milliseconds)):
        say(str(page))
    missed = sum(not page.reached for page in measured)
    how_many = f"{missed} of them not" if missed else "all"
    say(f"{len(measured)} pages, {how_many} within {MOST_MILLISECONDS:.0f} ms and {MOST_KILOBYTES:.0f} KB")
    return not missed


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(description="Every page of the console, measured on a full installation.")
    parser.add_argument("--tickets", type=int, default=1_000_000)
    parser.add_argument("--jobs", type=int, default=1_000_000)
    wanted = parser.parse_args(arguments)
    # Ended politely, it stops its servers.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    configure_logging("error")
    run(wanted.tickets, wanted.jobs, lambda line: print(line, flush=True))


if __name__ == "__main__":
    main()
