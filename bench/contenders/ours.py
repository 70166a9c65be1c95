"""Our ledger: jobs written down in PostgreSQL, announced in Redis, their effects and completion in one commit."""

from __future__ import annotations

import sys

from bench.arena import Arena
from bench.contenders import PROCESSES, THREADS, JobName
from bench.ledger_kinds import Number, insert, insert_in_work, noop
from bench.processes import Children
from jobs.platform import Platform
from ticketing.people import SYSTEM

KINDS = {"noop": noop, "insert": insert}
IN_WORK = {"noop": noop, "insert": insert_in_work}
UNFINISHED = "select exists (select from jobs where state in ('available', 'running')) as unfinished"


class Ours:
    """Workers and scheduler as in production, with the given prefetch.

    The row of an insert is a job's last write; `in_work`, the body writes it itself in its unit of work.
    """

    slots = PROCESSES * THREADS
    share = 1.0
    has_bulk = True

    def __init__(self, arena: Arena, prefetch: int, *, in_work: bool = False) -> None:
        self.name = f"ours, prefetch {prefetch}{', in work' if in_work else ''}"
        self._kinds = IN_WORK if in_work else KINDS
        self._arena = arena
        self._prefetch = prefetch
        self._platform = Platform.connect(arena.settings)
        self._platform.declare()

    def prepare(self) -> None:
        """Empty Redis and the tables."""
        self._arena.flush_redis()
        with self._platform.read() as connection:
            connection.execute("truncate jobs, workers cascade")
            connection.execute("truncate bench_effects")

    def start_workers(self, children: Children) -> None:
        """Start two worker processes under their supervisor, and the scheduler."""
        settings = self._arena.settings
        assert settings.database_url is not None
        environment = self._arena.environment | {
            "FIBREFLOW_DATABASE_URL": settings.database_url.get_secret_value(),
            "FIBREFLOW_REDIS_URL": self._arena.redis_url,
            "FIBREFLOW_DATA_DIR": str(settings.data_dir),
            "FIBREFLOW_JOB_MODULES": "bench.ledger_kinds",
            "FIBREFLOW_WORKER_PROCESSES": str(PROCESSES),
            "FIBREFLOW_WORKER_THREADS": str(THREADS),
            "FIBREFLOW_WORKER_PREFETCH": str(self._prefetch),
            "FIBREFLOW_LOG_LEVEL": "warning",
        }
        children.start([sys.executable, "-m", "scheduler"], environment)
        children.start([sys.executable, "-m", "workers"], environment)

    def enqueue(self, job: JobName, n: int) -> None:
        """Enqueue one job in a unit of work of its own."""
        with self._platform.begin(SYSTEM) as work:
            work.enqueue(self._kinds[job], Number(n=n))

    def enqueue_many(self, job: JobName, how_many: int) -> None:
        """Enqueue jobs a thousand to a unit of work."""
        for start in range(0, how_many, 1000):
            numbers = range(start, min(start + 1000, how_many))
            with self._platform.begin(SYSTEM) as work:
                work.enqueue_many(self._kinds[job], [Number(n=n) for n in numbers])

    def settled(self) -> bool:
        """Whether every job is completed in the ledger."""
        with self._platform.read() as connection:
            row = connection.execute(UNFINISHED).fetchone()
        return row is not None and not row["unfinished"]

    def effects(self) -> int:
        """Return how many rows the jobs have written."""
        with self._platform.read() as connection:
            row = connection.execute("select count(*) as n from bench_effects").fetchone()
        return int(row["n"]) if row else 0
