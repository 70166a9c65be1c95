"""A sync from QContact against reading one case after another: `python -m bench.qcontact_sync --cases 500`.

Starts PostgreSQL and Redis of its own in a temporary folder, and a stand-in of QContact as another process that takes
100 ms for each answer. Both ways read every page and every case as a whole and write the same tickets; the plain way
asks for one thing at a time and writes each case before it asks for the next. Prints seconds and the ratio.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cli.embedded import EmbeddedServers
from integrations.qcontact.mapping import to_case
from integrations.qcontact.sandbox import EMAIL, PASSWORD, QUEUE, QContactControl
from jobs import ledger
from jobs.kinds.sync_qcontact import sync_qcontact
from jobs.platform import Platform
from jobs.procedures.qcontact_reading import ROWS
from runtime.identifiers import uuid7
from runtime.settings import Settings, load_settings
from sql.migrate import migrate
from ticketing.people import SYSTEM
from ticketing.qcontact_sync.cases import Reading
from ticketing.qcontact_sync.inbound import apply_case
from workers.board import Board
from workers.runner import Runner
from workers.settler import Settler

LATENCY = 0.1


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure both ways and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=500)
    count = parser.parse_args(arguments).cases
    with _stand_in(count) as url:
        together = _measured(url, count, _sync)
        alone = _measured(url, count, _one_after_another)
    print(f"cases {count}, {LATENCY * 1000:.0f} ms for each answer")
    print(f"one after another  {alone:6.2f} s")
    print(f"the sync           {together:6.2f} s  ({together / alone:.1%} of it, {alone / together:.1f} times as fast)")


@contextmanager
def _stand_in(count: int) -> Iterator[str]:
    """Run the stand-in of QContact as a process of its own, with open cases; yields its address."""
    command = [sys.executable, "-m", "integrations.qcontact.sandbox", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            url = process.stdout.readline().split()[-1]
            with QContactControl(url) as control:
                for number in range(count):
                    control.create_case(f"Link Light FT{900_000 + number}", status="Assigned", description="No light")
                control.switches(latency=LATENCY)
            yield url
        finally:
            process.terminate()


def _measured(url: str, count: int, way: Callable[[Platform], None]) -> float:
    with tempfile.TemporaryDirectory() as folder, EmbeddedServers(_settings(url, folder)) as servers:
        assert servers.settings.database_url is not None
        migrate(servers.settings.database_url.get_secret_value())
        platform = Platform.connect(servers.settings)
        try:
            platform.declare()
            platform.outside.qcontact.me()
            began = time.perf_counter()
            way(platform)
            took = time.perf_counter() - began
            with platform.read() as connection:
                made: Any = connection.execute("select count(*) from tickets where source = 'qcontact'").fetchone()
            assert made["count"] == count, f"{made['count']} tickets of {count} cases"
        finally:
            platform.close()
    return took


def _settings(url: str, folder: str) -> Settings:
    return load_settings(
        {},
        data_dir=Path(folder),
        qcontact_url=url,
        qcontact_email=EMAIL,
        qcontact_password=PASSWORD,
        qcontact_queue=str(QUEUE),
    )


def _sync(platform: Platform) -> None:
    """Run the nightly sync's job, and nothing else, as a worker does."""
    with platform.begin(SYSTEM) as work:
        job = work.enqueue(sync_qcontact)
    worker_id, board = uuid7(), Board()
    settler = Settler(platform, worker_id)
    settler.start()
    try:
        claims = ledger.claim(platform.database, [job.id], worker_id, platform.registry.limited(), durable=True)
        board.put_up(claims)
        for claim in claims:
            Runner(platform, board, settler).run(claim)
        settler.drain(timeout=60)
    finally:
        settler.stop()
        settler.join()


def _one_after_another(platform: Platform) -> None:
    """Read a page, then each of its cases, and write it before the next is asked for."""
    client, number = platform.outside.qcontact, 1
    while True:
        page = client.list_cases(page=number, items=ROWS)
        for row in page.cases:
            began = platform.clock.now()
            reading = Reading(to_case(client.get_case(row.id)), began)
            with platform.begin(SYSTEM) as work:
                apply_case(work, reading)
        if page.is_last:
            return
        number += 1


if __name__ == "__main__":
    main()
