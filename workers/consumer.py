"""How Dramatiq gets its messages here: hear news in Redis, claim a batch in the ledger, hand it out."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import dramatiq
import psycopg
import redis
from dramatiq.broker import Consumer, MessageProxy
from psycopg_pool import PoolTimeout

from jobs import ledger
from jobs.ledger import Claim, Settlement
from jobs.platform import Platform
from runtime.logging import get_logger
from workers.board import Board
from workers.settler import Settler

log = get_logger(__name__)

POLL_WITHOUT_REDIS = 1.0
RETRY_UNKNOWN_KIND = timedelta(seconds=30)


class ClaimMessage(MessageProxy):
    """A Dramatiq message that carries its claim."""

    def __init__(self, claim: Claim) -> None:
        message: dramatiq.Message[Any] = dramatiq.Message(
            queue_name=claim.queue,
            actor_name=claim.kind,
            args=(claim,),
            kwargs={},
            options={},
            message_id=str(claim.id),
            message_timestamp=0,
        )
        super().__init__(message)
        self.claim = claim


class LedgerConsumer(Consumer):
    """Iterates over the claims of one queue; None when there is nothing for a while.

    It never holds more than `prefetch` unfinished claims, and pops no news that it could not act on.
    """

    def __init__(
        self,
        platform: Platform,
        board: Board,
        settler: Settler,
        *,
        queue: str,
        prefetch: int,
        timeout: float,
        worker_id: UUID,
        resting: threading.Event,
    ) -> None:
        self._platform = platform
        self._board = board
        self._settler = settler
        self._queue = queue
        self._prefetch = prefetch
        self._timeout = timeout
        self._worker_id = worker_id
        self._resting = resting
        self._limited = platform.registry.limited()
        # One claim costs as much as ten, so it is made once nothing waits any more, for all that may wait.
        self._batch = max(prefetch - platform.settings.worker_threads, 1)
        self._ready: deque[Claim] = deque()
        self._room = threading.Condition()
        self._deaf = False
        self._held = 0

    def __next__(self) -> MessageProxy | None:
        """Return the next claim as a message, or None after a quiet moment."""
        if self._resting.is_set():
            self._hand_back(self._ready)
            self._ready.clear()
            time.sleep(0.05)
            return None
        if not self._ready:
            self._ready.extend(self._fetch())
        return ClaimMessage(self._ready.popleft()) if self._ready else None

    def ack(self, message: MessageProxy) -> None:  # noqa: ARG002 - which one it was does not matter
        """Make room for another claim; the ledger has settled this one."""
        with self._room:
            # A consumer that took over from one that failed gets the other's acknowledgements, too.
            self._held = max(self._held - 1, 0)
            if self._held <= self._prefetch - self._batch:
                self._room.notify()

    nack = ack

    def requeue(self, messages: Iterable[MessageProxy]) -> None:
        """Hand back claims that were never started; another worker may take them at once."""
        self._hand_back([message.claim for message in messages if isinstance(message, ClaimMessage)])

    def close(self) -> None:
        """Hand back what was fetched and not handed out."""
        self._hand_back(self._ready)
        self._ready.clear()

    def _fetch(self) -> Sequence[Claim]:
        free = self._wait_for_room()
        if free == 0:
            return ()
        ids = self._hear(free)
        if not ids or self._resting.is_set():
            return ()
        try:
            claims = ledger.claim(self._platform.database, ids, self._worker_id, self._limited)
        except (psycopg.OperationalError, psycopg.InterfaceError, PoolTimeout) as error:
            log.warning("claim_failed", queue=self._queue, error=type(error).__name__)
            time.sleep(0.2)
            return ()
        self._board.put_up(claims)
        try:
            return self._admit(claims)
        except (psycopg.OperationalError, psycopg.InterfaceError, PoolTimeout) as error:
            log.warning("admission_failed", queue=self._queue, error=type(error).__name__)
            self._hand_back(claims)
            return ()

    def _wait_for_room(self) -> int:
        with self._room:
            if self._held > self._prefetch - self._batch:
                self._room.wait(self._timeout)
            return max(self._prefetch - self._held, 0)

    def _hear(self, free: int) -> list[UUID]:
        try:
            heard = self._platform.wire.hear(self._queue, free, self._timeout)
        except redis.RedisError as error:
            self._tell_of_redis(type(error).__name__)
        else:
            self._tell_of_redis(None)
            return heard
        time.sleep(min(POLL_WITHOUT_REDIS, self._timeout))
        try:
            with self._platform.read() as connection:
                head = ledger.head_of_queue(connection, self._queue, self._limited, free)
                return [news.id for news in head[:free]]
        except (psycopg.OperationalError, psycopg.InterfaceError, PoolTimeout):
            return []

    def _tell_of_redis(self, problem: str | None) -> None:
        """Log that Redis went away or came back, once each: a line a second would bury all others."""
        if problem and not self._deaf:
            log.warning("polling_without_redis", queue=self._queue, error=problem)
        elif self._deaf and not problem:
            log.info("redis_answers_again", queue=self._queue)
        self._deaf = problem is not None

    def _admit(self, claims: Sequence[Claim]) -> list[Claim]:
        """Put off what this process does not know and what its rate does not allow yet; count the rest as held."""
        known = []
        for claim in claims:
            if claim.kind in self._platform.registry:
                known.append(claim)
            else:
                until = self._platform.clock.now() + RETRY_UNKNOWN_KIND
                self._put_off(claim, until, f"this worker has no job kind {claim.kind!r}")
        admitted = self._within_rates(known)
        with self._room:
            self._held += len(admitted)
        return admitted

    def _within_rates(self, claims: Sequence[Claim]) -> list[Claim]:
        rated = [claim for claim in claims if self._platform.registry.get(claim.kind).rate]
        if not rated:
            return list(claims)
        now = self._platform.clock.now()
        fresh = [claim for claim in rated if claim.rate_slot_at is None]
        late = []
        with self._platform.database.transaction() as connection:
            for name in {claim.kind for claim in fresh}:
                of_kind = [claim for claim in fresh if claim.kind == name]
                slots = ledger.reserve_rate_slots(connection, self._platform.registry.get(name), len(of_kind), now)
                late += [
                    replace(claim, rate_slot_at=slot) for claim, slot in zip(of_kind, slots, strict=True) if slot > now
                ]
            ledger.keep_rate_slots(connection, late)
        for claim in late:
            self._put_off(claim, claim.rate_slot_at or now, "rate limit")
        put_off = {claim.id for claim in late}
        return [claim for claim in claims if claim.id not in put_off]

    def _put_off(self, claim: Claim, until: Any, reason: str) -> None:
        self._board.take_down(claim)
        self._settler.put(
            Settlement(
                claim=claim,
                state="scheduled",
                outcome="snoozed",
                finished_at=self._platform.clock.now(),
                scheduled_at=until,
                burned=False,
                reason=reason,
            )
        )

    def _hand_back(self, claims: Iterable[Claim]) -> None:
        for claim in claims:
            if self._board.take_down(claim) is not None:
                self._settler.put(handed_back(claim, self._platform.clock.now()))


def handed_back(claim: Claim, now: Any) -> Settlement:
    """The settlement of a claim that a stopping worker gives back; it does not count as an attempt."""
    return Settlement(
        claim=claim,
        state="available",
        outcome="handed_back",
        finished_at=now,
        burned=False,
        reason="the worker was stopping",
    )
