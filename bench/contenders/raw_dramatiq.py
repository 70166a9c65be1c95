"""Dramatiq over its own Redis broker, with the middleware that it has by default."""

from __future__ import annotations

from typing import Any

import dramatiq
from dramatiq.brokers.redis import RedisBroker

from bench import work
from bench.arena import Arena
from bench.contenders import PROCESSES, THREADS, JobName, Plain, program
from bench.processes import Children

QUEUE = "bench"

broker = RedisBroker(url=work.redis_url())  # type: ignore[no-untyped-call]
ACTORS = {
    "noop": dramatiq.actor(queue_name=QUEUE, broker=broker)(work.noop),
    "insert": dramatiq.actor(queue_name=QUEUE, broker=broker)(work.insert),
}


class RawDramatiq(Plain):
    """Raw Dramatiq; `prefetch` 0 is its default (two messages a thread)."""

    def __init__(self, arena: Arena, prefetch: int = 0) -> None:
        super().__init__(arena)
        self.name = f"dramatiq, prefetch {prefetch or f'default ({THREADS * 2})'}"
        self._prefetch = prefetch

    def start_workers(self, children: Children) -> None:
        """Start Dramatiq's command."""
        environment = self.arena.environment | {"dramatiq_queue_prefetch": str(self._prefetch)}
        command = [program("dramatiq"), f"{__name__}:broker", "-p", str(PROCESSES), "-t", str(THREADS)]
        children.start([*command, "--skip-logging"], environment)

    def enqueue(self, job: JobName, n: int) -> None:
        """Send one message."""
        ACTORS[job].send(n)

    def enqueue_many(self, job: JobName, how_many: int) -> None:
        """Send messages as Dramatiq's broker lays them down, in pipelines: it has no bulk call of its own."""
        for start in range(0, how_many, 1000):
            messages = [ACTORS[job].message(n) for n in range(start, min(start + 1000, how_many))]
            encoded = {message.options["redis_message_id"]: message.encode() for message in map(_addressed, messages)}
            with broker.client.pipeline(transaction=False) as pipe:
                pipe.hset(f"dramatiq:{QUEUE}.msgs", mapping=encoded)
                pipe.rpush(f"dramatiq:{QUEUE}", *encoded)
                pipe.execute()

    def settled(self) -> bool:
        """Whether every message is acknowledged."""
        return not broker.client.exists(f"dramatiq:{QUEUE}.msgs")


def _addressed(message: dramatiq.Message[Any]) -> dramatiq.Message[Any]:
    return message.copy(options={"redis_message_id": message.message_id})
