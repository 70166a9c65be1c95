"""Tells Redis what the ledger says: promotes what is due, and keeps the head of every queue announced.

Announcing is idempotent (a sorted set), so the relay needs no memory of what was told: after a lost message, an emptied
Redis or a crash between commit and announcement, the next round makes it good.
"""

from __future__ import annotations

import redis

from jobs import ledger
from jobs.platform import Platform
from runtime.logging import get_logger
from sql.database import queries

log = get_logger(__name__)

PROMOTE_AT_ONCE = 5_000
HEAD = 100
DEEP_HEAD = 5_000


class Relay:
    """One relay over all queues."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._limited = platform.registry.limited()

    def run(self) -> int:
        """Promote and announce once; returns how many jobs became available."""
        promoted = self._promote()
        self._announce_heads()
        return promoted

    def _promote(self) -> int:
        with self._platform.database.transaction() as connection:
            news = ledger.promote_due(connection, self._platform.clock.now(), PROMOTE_AT_ONCE)
        self._platform.wire.tell(news)
        return len(news)

    def _announce_heads(self) -> None:
        with self._platform.read() as connection:
            for row in queries("jobs").queues_with_work(connection):
                queue = row["name"]
                news = ledger.head_of_queue(connection, queue, self._limited, self._reach(queue))
                self._platform.wire.tell(news)

    def _reach(self, queue: str) -> int:
        """How far into the queue to announce: deep when Redis knows less of it than the next round would need."""
        try:
            return HEAD if self._platform.wire.depth(queue) >= DEEP_HEAD else DEEP_HEAD
        except redis.RedisError as error:
            log.warning("relay_cannot_reach_redis", queue=queue, error=type(error).__name__)
            return HEAD
