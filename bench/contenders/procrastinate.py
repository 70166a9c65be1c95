"""Procrastinate: jobs in PostgreSQL, asynchronous tasks (its threads for plain functions are fewer than its slots)."""

from __future__ import annotations

import asyncio

import procrastinate
import psycopg
from procrastinate.types import JSONValue
from psycopg_pool import AsyncConnectionPool

from bench import work
from bench.arena import Arena
from bench.contenders import PROCESSES, THREADS, JobName, Plain, program
from bench.processes import Children
from bench.tally import tally

app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=work.database_url()))


class _Rows:
    """A pool of connections for the tasks' own rows, as many as there are slots."""

    pool: AsyncConnectionPool | None = None

    async def insert(self, n: int) -> None:
        """Insert one row and commit it."""
        assert self.pool is not None
        async with self.pool.connection() as connection:
            await connection.execute(work.INSERT, (n,))

    async def open(self) -> None:
        """Open the pool once."""
        if self.pool is None:
            options = {"autocommit": True, "prepare_threshold": 2}
            self.pool = AsyncConnectionPool(
                work.database_url(), min_size=THREADS, max_size=THREADS, kwargs=options, open=False
            )
            await self.pool.open(wait=True, timeout=30)


_rows = _Rows()


async def _enter() -> None:
    counter = tally()
    counter.note_entry()
    while not counter.is_open():
        await asyncio.sleep(0.01)


@app.task(name="noop")
async def noop(n: int) -> None:
    """Do nothing."""
    await _enter()
    tally().leave()


@app.task(name="insert")
async def insert(n: int) -> None:
    """Insert one row and commit it durably."""
    await _enter()
    await _rows.open()
    await _rows.insert(n)
    tally().leave()


TASKS = {"noop": noop, "insert": insert}


class Procrastinate(Plain):
    """Two worker processes with a concurrency of eight."""

    name = "Procrastinate"
    share = 0.4

    def __init__(self, arena: Arena) -> None:
        super().__init__(arena)
        app.open()
        app.schema_manager.apply_schema()

    def prepare(self) -> None:
        """Empty Redis and the tables."""
        super().prepare()
        with psycopg.connect(self.arena.plain_url, autocommit=True) as connection:
            connection.execute("truncate procrastinate_jobs cascade")

    def start_workers(self, children: Children) -> None:
        """Start the workers."""
        command = [program("procrastinate"), "--app", f"{__name__}.app", "worker", "-c", str(THREADS)]
        for _ in range(PROCESSES):
            children.start(command, self.arena.environment)

    def enqueue(self, job: JobName, n: int) -> None:
        """Defer one task."""
        TASKS[job].defer(n=n)

    def enqueue_many(self, job: JobName, how_many: int) -> None:
        """Defer tasks by Procrastinate's own bulk call."""
        for start in range(0, how_many, 1000):
            numbers = range(start, min(start + 1000, how_many))
            arguments: list[dict[str, JSONValue]] = [{"n": n} for n in numbers]
            TASKS[job].batch_defer(*arguments)

    def settled(self) -> bool:
        """Whether no job waits or runs."""
        with psycopg.connect(self.arena.plain_url) as connection:
            row = connection.execute(
                "select exists (select from procrastinate_jobs where status in ('todo', 'doing'))"
            ).fetchone()
        return row is not None and not row[0]
