"""Huey with threads over Redis, with its defaults. What it takes from the queue it forgets: nothing is acknowledged."""

from __future__ import annotations

from huey import RedisHuey
from redis import ConnectionPool

from bench import work
from bench.contenders import PROCESSES, THREADS, JobName, Plain, program
from bench.processes import Children

app = RedisHuey("bench", connection_pool=ConnectionPool.from_url(work.redis_url()))
TASKS = {"noop": app.task()(work.noop), "insert": app.task()(work.insert)}


class HueyThreads(Plain):
    """Two consumers of eight threads. Huey has no bulk call."""

    name = "Huey, threads"
    has_bulk = False

    def start_workers(self, children: Children) -> None:
        """Start the consumers."""
        for _ in range(PROCESSES):
            options = ["-w", str(THREADS), "-k", "thread", "-q"]
            children.start([program("huey_consumer"), f"{__name__}.app", *options], self.arena.environment)

    def enqueue(self, job: JobName, n: int) -> None:
        """Enqueue one task."""
        TASKS[job](n)

    def enqueue_many(self, job: JobName, how_many: int) -> None:
        """Enqueue tasks one after the other."""
        for n in range(how_many):
            TASKS[job](n)

    def settled(self) -> bool:
        """Whether nothing waits; Huey keeps no book of what runs."""
        return len(app) == 0
