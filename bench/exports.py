"""Exports and guarantee sweeps of a large table: `python -m bench.exports --tickets 100000`.

Starts PostgreSQL and Redis of its own in a temporary folder, makes tickets with drops, people and companies, and prints
seconds, bytes and by how much the peak of this process's memory rose. It writes where a request or a job would.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.weekly_import import MEGABYTE, _high_water
from cli.embedded import EmbeddedServers
from jobs.platform import Platform
from jobs.procedures import exporting
from runtime.settings import load_settings
from sql.migrate import migrate
from ticketing.exports.reports import TICKETS, Reader
from ticketing.guarantee import sweep
from ticketing.people import SYSTEM
from ticketing.ticket_views import TicketFilter
from ticketing.vocabulary import ExportFormat

TICKETS_SQL = """
    insert into tickets (
        source, external_id, ticket_type, title, description, dr_number, pole_number, pon_number, zone, address,
        project_id, assigned_contractor_id, fault_cause, guarantee_status, reported_at, created_at
    )
    select
        'ad_hoc', 'FT' || n, 'maintenance', 'No light at home ' || n,
        'Client reports a red LOS light since this morning', 'DR' || (1000000 + n), 'LAW.P.A' || n % 999, n % 400 + 1,
        n % 30 + 1, n || ' Main Road, Lawley', (select id from projects), (select id from contractors),
        (array['workmanship', 'client_damage', 'material_failure'])[n % 3 + 1], null,
        '2026-01-01'::timestamptz + n * interval '1 minute', '2026-01-01'::timestamptz + n * interval '1 minute'
    from generate_series(1, {count}) as n
"""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tickets", type=int, default=100_000)
    count = parser.parse_args().tickets
    with (
        tempfile.TemporaryDirectory() as folder,
        EmbeddedServers(load_settings({}, data_dir=Path(folder))) as servers,
    ):
        assert servers.settings.database_url is not None
        migrate(servers.settings.database_url.get_secret_value())
        platform = Platform.connect(servers.settings)
        try:
            platform.declare()
            _measure(platform, count)
        finally:
            platform.close()


def _measure(platform: Platform, count: int) -> None:
    with platform.read() as connection:
        connection.execute("insert into projects (code, name) values ('LAW', 'Lawley')")
        connection.execute("insert into contractors (name) values ('Fibre & Sons')")
        connection.execute(
            "insert into drops (dr_number, project_id, installed_on)"
            " select 'DR' || (1000000 + n), (select id from projects), '2026-10-01'"
            f" from generate_series(1, {count}) as n"
        )
        _timed("make tickets", lambda: connection.execute(TICKETS_SQL.format(count=count)))
        connection.execute("analyze")
    _timed("first classification", lambda: _sweep(platform))
    _timed("sweep with nothing to do", lambda: _sweep(platform))
    reader = Reader(platform.read, SYSTEM, platform.clock.now())
    started = time.perf_counter()
    next(exporting.csv_of(TICKETS, reader, TicketFilter()))
    print(f"{'first bytes of the .csv':<28}{time.perf_counter() - started:>9.2f} s")
    for kind in ExportFormat.CSV, ExportFormat.XLSX:
        with tempfile.TemporaryFile() as file:
            _timed(f"tickets.{kind}", lambda: exporting.write(TICKETS, reader, TicketFilter(), kind, file))  # noqa: B023
            print(f"{'':<28}{file.seek(0, 2) / MEGABYTE:>9.1f} MB of file")


def _sweep(platform: Platform) -> int:
    """Classify what nobody classified, as the nightly job does; returns how many."""
    total = 0
    for part in (sweep.classify_run_out, sweep.classify_unclassified):
        more = True
        while more:
            with platform.begin(SYSTEM) as work:
                batch = part(work)
            total, more = total + batch.looked_at, batch.after is not None
    return total


def _timed(name: str, act: Callable[[], Any]) -> None:
    before, started, busy = _high_water(_pid()), time.perf_counter(), time.process_time()
    act()
    seconds, rise = time.perf_counter() - started, (_high_water(_pid()) - before) / MEGABYTE
    own = time.process_time() - busy
    print(f"{name:<28}{seconds:>9.2f} s, {own:.2f} s of them our own, peak memory up by {rise:.1f} MB")


def _pid() -> int:
    return int(Path("/proc/self").resolve().name)


if __name__ == "__main__":
    main()
