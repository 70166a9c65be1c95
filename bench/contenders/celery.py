"""Celery's prefork pool over Redis, with its defaults."""

from __future__ import annotations

import sys

from celery import Celery
from redis import Redis

from bench import work
from bench.arena import Arena
from bench.contenders import PROCESSES, THREADS, JobName, Plain
from bench.processes import Children

app = Celery("bench", broker=work.redis_url().replace("unix://", "redis+socket://").replace("?db=", "?virtual_host="))
app.conf.update(task_ignore_result=True, broker_connection_retry_on_startup=True, worker_hijack_root_logger=False)
TASKS = {"noop": app.task(work.noop), "insert": app.task(work.insert)}


class CeleryPrefork(Plain):
    """Two nodes of eight processes each. Celery has no bulk call."""

    name = "Celery, prefork"
    share = 0.4
    has_bulk = False

    def __init__(self, arena: Arena) -> None:
        super().__init__(arena)
        self._redis = Redis.from_url(arena.redis_url)

    def start_workers(self, children: Children) -> None:
        """Start the nodes."""
        for number in range(PROCESSES):
            options = ["-P", "prefork", "-c", str(THREADS), "-n", f"node{number}@bench", "-l", "WARNING"]
            command = [sys.executable, "-m", "celery", "-A", __name__, "worker", *options]
            children.start(command, self.arena.environment | {"C_FORCE_ROOT": "1"})

    def enqueue(self, job: JobName, n: int) -> None:
        """Send one task."""
        TASKS[job].delay(n)

    def enqueue_many(self, job: JobName, how_many: int) -> None:
        """Send tasks one after the other."""
        for n in range(how_many):
            TASKS[job].delay(n)

    def settled(self) -> bool:
        """Whether every task is acknowledged."""
        return not self._redis.exists("celery", "unacked")
