"""The weekly import beside the plain way: `python -m bench.weekly_import --rows 100000`.

Starts PostgreSQL and Redis of its own in a temporary folder and a real worker process, uploads workbooks, waits for
their jobs, and prints seconds, rows per second, the worker's peak memory, and ratios. The plain way is what a request
handler would do: openpyxl rows, a look-up, an insert and its 12 steps for each, a commit for each; on a sample, scaled.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import openpyxl
import psutil
import psycopg

from bench import cpu
from bench.processes import Children
from cli.embedded import EmbeddedServers
from jobs.kinds.import_weekly_report import Upload, submit
from jobs.platform import Platform
from runtime.settings import PREFIX, Settings, load_settings
from sql.migrate import migrate
from ticketing.people import SYSTEM

MEGABYTE = 1024 * 1024
PLAIN_SAMPLE = 1_000
PATIENCE = 600.0
HEADERS = [
    *("FT Ref", "Title", "Description", "Type", "Area", "Zone", "Priority", "Status", "DR Number", "Pole Number"),
    *("PON Number", "Address", "Assigned To", "Date Logged", "ONT Serial", "ONT RX"),
]
MONDAY = datetime(2026, 11, 2, 8)  # noqa: DTZ001 - as a sheet has it


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured import: seconds of the upload's request, of upload to completed job, and of processor time.

    `worker_cpu` and `database_cpu` tell the work apart from other programs on the machine.
    """

    name: str
    rows: int
    upload: float
    total: float
    worker_cpu: float
    database_cpu: float
    counts: dict[str, int]

    def line(self) -> str:
        """Return the figure as a line of the table."""
        told = ", ".join(f"{count:,} {name}" for name, count in self.counts.items() if count and name != "total_rows")
        speed = self.rows / self.total
        seconds = f"{self.upload:>10.2f}{self.total:>9.2f}{self.worker_cpu:>12.2f}{self.database_cpu:>14.2f}"
        return f"{self.name:<28}{self.rows:>9,}{seconds}{speed:>10,.0f}  {told}"


def write_report(path: Path, rows: int, *, first: int, moved: float = 0.0) -> bytes:
    """Write a workbook of 16 columns; with `moved`, that share of the rows says another priority and address."""
    chance = random.Random(47)
    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet("Weekly Tickets")
    sheet.append(HEADERS)
    for number in range(rows):
        sheet.append(_row(chance, first + number, changed=number < rows * moved))
    book.save(path)
    return path.read_bytes()


def _row(chance: random.Random, number: int, *, changed: bool) -> list[Any]:
    logged = MONDAY + timedelta(minutes=chance.randrange(20_000))
    priority = chance.choice(("Low", "Medium", "High"))
    return [
        f"FT{number}",
        f"No light at home {number}",
        "Client reports a red LOS light since this morning",
        chance.choice(("Maintenance", "Fault", "Incident")),
        "LAW",
        chance.randint(1, 30),
        "Critical" if changed else priority,
        "Open",
        f"DR{1_000_000 + number}",
        f"LAW.P.A{number % 999:03d}",
        chance.randint(1, 400),
        f"{number} {'Second' if changed else 'Main'} Road, Lawley",
        "Thabo Mokoena",
        logged,
        f"ALCLB{number:08d}",
        round(-chance.uniform(14, 29), 2),
    ]


class Bench:
    """The running system: servers, a worker, and the platform through which this process uploads."""

    def __init__(self, settings: Settings, platform: Platform, worker: int) -> None:
        self.settings = settings
        self.platform = platform
        self._worker = worker

    def measure(self, name: str, data: bytes, rows: int) -> Figure:
        """Upload a workbook and wait until its import is complete."""
        worker, database = self._processor_time()
        started = time.perf_counter()
        with self.platform.begin(SYSTEM) as work:
            submitted = submit(work, self.settings, Upload(data=data, filename="bench.xlsx"), preview=False)
        uploaded = time.perf_counter()
        result = self._wait(submitted.job.id)
        total = time.perf_counter() - started
        worker_after, database_after = self._processor_time()
        return Figure(name, rows, uploaded - started, total, worker_after - worker, database_after - database, result)

    def _processor_time(self) -> tuple[float, float]:
        servers = cpu.servers(self.settings.data_dir)
        return cpu.seconds_used([self._worker]), cpu.seconds_used(servers[:1])

    def peak_memory(self) -> int:
        """Return the highest resident memory, in bytes, that any process of the worker ever had."""
        tree = [psutil.Process(self._worker), *psutil.Process(self._worker).children(recursive=True)]
        return max(_high_water(process.pid) for process in tree)

    def _wait(self, job_id: UUID) -> dict[str, int]:
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            with self.platform.read() as connection:
                job = connection.execute(
                    "select state, result, error_message from jobs where id = %s", [job_id]
                ).fetchone()
            if job is not None and job["state"] == "completed":
                counts: dict[str, int] = job["result"]
                return counts
            if job is None or job["state"] in ("discarded", "cancelled", "retryable"):
                raise RuntimeError(f"the import ended as {job}")
            time.sleep(0.01)
        raise RuntimeError(f"no end after {PATIENCE:g} s")


def _high_water(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))


@contextmanager
def running(folder: Path) -> Iterator[Bench]:
    """Start servers and one worker process under the folder; stop everything on leaving."""
    with EmbeddedServers(load_settings({}, data_dir=folder, worker_processes=1, worker_queues=("imports",))) as servers:
        settings = servers.settings
        migrate(_url(settings))
        platform = Platform.connect(settings)
        try:
            platform.declare()
            _make_references(platform)
            with Children(folder / "worker.log") as children:
                children.start([sys.executable, "-m", "workers"], _environment(settings))
                worker = _worker_pid(platform)
                yield Bench(settings, platform, worker)
        finally:
            platform.close()


def _make_references(platform: Platform) -> None:
    """Make what the workbooks name, so that rows are matched as they are in earnest."""
    with platform.begin(SYSTEM) as work:
        work.connection.execute("insert into projects (code, name) values ('LAW', 'Lawley')")
        work.connection.execute("insert into users (name) values ('Thabo Mokoena')")


def _url(settings: Settings) -> str:
    assert settings.database_url is not None
    return settings.database_url.get_secret_value()


def _environment(settings: Settings) -> dict[str, str]:
    assert settings.redis_url is not None
    values = {
        "DATABASE_URL": _url(settings),
        "REDIS_URL": settings.redis_url.get_secret_value(),
        "DATA_DIR": str(settings.data_dir),
        "WORKER_PROCESSES": "1",
        "WORKER_QUEUES": "imports",
        "LOG_LEVEL": "warning",
    }
    return {**os.environ, **{PREFIX + name: value for name, value in values.items()}}


def _worker_pid(platform: Platform) -> int:
    """Wait until a worker has registered, and return its process id."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        with platform.read() as connection:
            row = connection.execute("select pid from workers where role = 'worker'").fetchone()
        if row is not None:
            return int(row["pid"])
        time.sleep(0.05)
    raise RuntimeError("no worker started")


def plain_import(url: str, path: Path, rows: int) -> float:
    """Import a workbook as a plain request handler would; returns the seconds."""
    started = time.perf_counter()
    with psycopg.connect(url, autocommit=True) as connection:
        sheet = openpyxl.load_workbook(path, read_only=True, data_only=True).worksheets[0]
        for cells in sheet.iter_rows(min_row=2, max_row=rows + 1, values_only=True):
            with connection.transaction():
                _plain_row(connection, dict(zip(HEADERS, cells, strict=True)))
    return time.perf_counter() - started


def _plain_row(connection: psycopg.Connection, row: dict[str, Any]) -> None:
    reference = f"PLAIN-{row['FT Ref']}"
    if connection.execute("select id from tickets where external_id = %s", [reference]).fetchone():
        return
    ticket = connection.execute(
        "insert into tickets (source, external_id, ticket_type, title, description, dr_number, pole_number, pon_number,"
        " zone, address, ont_serial, ont_rx_level) values ('weekly_report', %s, 'maintenance', %s, %s, %s, %s, %s, %s,"
        " %s, %s, %s) returning id",
        [
            reference,
            *(row[name] for name in ("Title", "Description", "DR Number", "Pole Number")),
            *(str(row[name]) for name in ("PON Number", "Zone")),
            *(row[name] for name in ("Address", "ONT Serial", "ONT RX")),
        ],
    ).fetchone()
    assert ticket is not None
    for number in range(1, 13):
        connection.execute(
            "insert into verification_steps (ticket_id, step_number) values (%s, %s)", [ticket[0], number]
        )
    connection.execute(
        "insert into ticket_events (ticket_id, event_type, actor_kind, actor_name) values (%s, 'ticket_created',"
        " 'system', 'plain')",
        [ticket[0]],
    )


def run(rows: int, say: Callable[[str], None]) -> None:
    """Measure everything and print it."""
    with tempfile.TemporaryDirectory(prefix="fibreflow-bench-") as name, running(Path(name)) as bench:
        folder = Path(name)
        say(f"{'':<28}{'rows':>9}{'upload s':>10}{'total s':>9}{'worker cpu':>12}{'database cpu':>14}{'rows/s':>10}")
        bench.measure("warm up", write_report(folder / "warm.xlsx", 10, first=1), 10)
        growth = _new_rows(bench, folder, rows, say)
        data = (folder / f"{rows}.xlsx").read_bytes()
        unchanged = bench.measure("the same file again", data, rows)
        say(unchanged.line())
        changed = write_report(folder / "changed.xlsx", rows, first=_first(rows), moved=0.01)
        say(bench.measure("another file, 1 % changed", changed, rows).line())
        say(f"worker's peak memory: {bench.peak_memory() / MEGABYTE:,.0f} MB")
        _compare(bench, folder, rows, growth, unchanged, say)


def _first(rows: int) -> int:
    """Return the first FT number of a workbook of so many rows: workbooks of different sizes share no row."""
    return rows * 10


def _new_rows(bench: Bench, folder: Path, rows: int, say: Callable[[str], None]) -> list[Figure]:
    figures = []
    for size in sorted({100, max(rows // 10, 100), rows}):
        data = write_report(folder / f"{size}.xlsx", size, first=_first(size))
        figures.append(bench.measure("new rows", data, size))
        say(figures[-1].line())
    return figures


def _compare(
    bench: Bench, folder: Path, rows: int, growth: list[Figure], unchanged: Figure, say: Callable[[str], None]
) -> None:
    sample = min(PLAIN_SAMPLE, rows)
    plain = plain_import(_url(bench.settings), folder / f"{rows}.xlsx", sample) / sample * rows
    new = growth[-1]
    say(f"the plain way, scaled from {sample:,} rows: {plain:,.1f} s")
    say(f"new rows: {plain / new.total:.1f} times as fast; unchanged: {plain / unchanged.total:.1f} times")
    if len(growth) > 1:
        before = growth[-2]
        say(f"growth: {new.rows / before.rows:.0f} times the rows take {new.total / before.total:.1f} times as long")


def main() -> None:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(description="The weekly import, measured beside the plain way.")
    parser.add_argument("--rows", type=int, default=100_000)
    # Ended politely, it stops its servers and its worker.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    run(parser.parse_args().rows, lambda line: print(line, flush=True))


if __name__ == "__main__":
    main()
