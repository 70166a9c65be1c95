"""RQ with workers that run jobs in their own process (the others fork for each job and are slower)."""

from __future__ import annotations

from redis import Redis
from rq import Queue

from bench import work
from bench.arena import Arena
from bench.contenders import JobName, Plain, program
from bench.processes import Children

FUNCTIONS = {"noop": work.noop, "insert": work.insert}


class RqSimple(Plain):
    """One process a slot: RQ has no threads."""

    name = "RQ, simple workers"
    share = 0.25

    def __init__(self, arena: Arena) -> None:
        super().__init__(arena)
        self._queue = Queue("bench", connection=Redis.from_url(arena.redis_url))

    def start_workers(self, children: Children) -> None:
        """Start the pool of workers."""
        options = ["-n", str(self.slots), "-w", "rq.SimpleWorker", "-u", self.arena.redis_url, "-q"]
        children.start([program("rq"), "worker-pool", "bench", *options], self.arena.environment)

    def enqueue(self, job: JobName, n: int) -> None:
        """Enqueue one job."""
        self._queue.enqueue(FUNCTIONS[job], n)

    def enqueue_many(self, job: JobName, how_many: int) -> None:
        """Enqueue jobs by RQ's own bulk call."""
        for start in range(0, how_many, 1000):
            numbers = range(start, min(start + 1000, how_many))
            self._queue.enqueue_many([Queue.prepare_data(FUNCTIONS[job], (n,)) for n in numbers])

    def settled(self) -> bool:
        """Whether no job waits or runs."""
        return self._queue.count == 0 and self._queue.started_job_registry.count == 0
