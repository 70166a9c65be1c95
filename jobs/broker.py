"""How news of jobs travels: a sorted set per queue in Redis, and the Dramatiq broker that hears it.

Keys (all under the settings' namespace): `<namespace>:queue:<name>` is a sorted set of job ids, scored so that the most
urgent and then the oldest comes first. Telling the same news twice changes nothing, losing it costs a second: the
scheduler's relay tells again whatever the ledger says is available.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any
from uuid import UUID

import dramatiq
import redis
from dramatiq.errors import QueueNotFound

from jobs.ledger import News
from runtime.logging import get_logger

log = get_logger(__name__)

# A priority outweighs any age: milliseconds since 1970 stay below this until the year 2286.
PRIORITY_WEIGHT = 10**13
SILENCE_AFTER_FAILURE = 0.5


class Wire:
    """The Redis side of the news. Every method is best effort for the teller and honest for the listener."""

    def __init__(self, url: str, namespace: str) -> None:
        # Whoever tells is answering a person; whoever hears has time (and waits inside Redis for up to a second or so).
        self._redis = redis.Redis.from_url(url, socket_connect_timeout=0.5, socket_timeout=1.0, decode_responses=True)
        self._ears = redis.Redis.from_url(url, socket_connect_timeout=0.5, socket_timeout=10.0, decode_responses=True)
        self._prefix = f"{namespace}:queue:"
        self._silent_until = 0.0

    def key(self, queue: str) -> str:
        """Return the Redis key of a queue's news."""
        return self._prefix + queue

    def tell(self, news: Iterable[News]) -> bool:
        """Announce available jobs; returns False (and stays silent for a moment) when Redis cannot be reached."""
        by_queue: dict[str, dict[str, float]] = {}
        stamp = time.time_ns() // 1_000_000
        for item in news:
            by_queue.setdefault(item.queue, {})[str(item.id)] = item.priority * PRIORITY_WEIGHT + stamp
        if not by_queue or time.monotonic() < self._silent_until:
            return not by_queue
        try:
            for queue, scores in by_queue.items():
                self._redis.zadd(self.key(queue), scores, nx=True)
        except redis.RedisError as error:
            self._silent_until = time.monotonic() + SILENCE_AFTER_FAILURE
            log.warning("redis_unreachable", error=type(error).__name__, untold=sum(map(len, by_queue.values())))
            return False
        return True

    def hear(self, queue: str, at_most: int, timeout: float) -> list[UUID]:
        """Wait up to `timeout` seconds for news of a queue and return up to `at_most` job ids, most urgent first.

        Raises redis.RedisError when Redis cannot be reached.
        """
        # A busy queue answers the first question, an idle one the second at once when something comes.
        several: Any = self._ears.zpopmin(self.key(queue), at_most)
        if several:
            return [UUID(member) for member, _ in several]
        one: Any = self._ears.bzpopmin(self.key(queue), timeout=timeout)
        return [] if one is None else [UUID(one[1])]

    def depth(self, queue: str) -> int:
        """Return how many announcements wait in Redis. Raises redis.RedisError."""
        return int(self._redis.zcard(self.key(queue)))

    def ping(self) -> None:
        """Raise redis.RedisError unless Redis answers."""
        self._redis.ping()

    def close(self) -> None:
        """Close the connections."""
        self._redis.close()
        self._ears.close()


# Makes the consumer of a queue: its name, Dramatiq's prefetch, and how many seconds it may idle. Workers provide it.
Consumes = Callable[[str, int, float], dramatiq.Consumer]


class LedgerBroker(dramatiq.Broker):
    """Dramatiq's broker over the ledger: a message is news of a job, and consuming is claiming."""

    def __init__(self, wire: Wire, consumes: Consumes, queues: Sequence[str]) -> None:
        super().__init__(middleware=[])
        self._wire = wire
        self._consumes = consumes
        self.queues = {}
        for queue in queues:
            self.declare_queue(queue)

    def declare_queue(self, queue_name: str) -> None:
        """Make a queue known to the middleware, once."""
        if queue_name not in self.queues:
            self.emit_before("declare_queue", queue_name)
            self.queues[queue_name] = None
            self.emit_after("declare_queue", queue_name)

    def consume(self, queue_name: str, prefetch: int = 1, timeout: int = 1000) -> dramatiq.Consumer:
        """Return the consumer of a declared queue; `timeout` is milliseconds. Raises QueueNotFound."""
        if queue_name not in self.queues:
            raise QueueNotFound(queue_name)  # type: ignore[no-untyped-call]
        return self._consumes(queue_name, prefetch, timeout / 1000)

    def enqueue(self, message: dramatiq.Message[Any], *, delay: int | None = None) -> dramatiq.Message[Any]:
        """Tell the news of a job that is written down already; delays belong to the ledger."""
        if delay is not None:
            raise ValueError("delays are rows of the ledger: enqueue through a unit of work with `at`")
        self._wire.tell([News(UUID(message.message_id), message.queue_name, message.options.get("priority", 5))])
        return message

    def declare_kind(self, name: str, queue: str, run: Callable[..., None]) -> None:
        """Declare the Dramatiq actor that runs the jobs of a kind."""
        dramatiq.actor(actor_name=name, queue_name=queue, broker=self)(run)
