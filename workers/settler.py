"""Writes down how attempts ended, many in one statement, and keeps trying while PostgreSQL is away."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

import psycopg
from psycopg_pool import PoolTimeout

from jobs import ledger
from jobs.ledger import LogLine, News, Settlement
from jobs.platform import Platform
from runtime.logging import get_logger

log = get_logger(__name__)

BATCH = 256


class Settler(threading.Thread):
    """A thread that settles attempts that wrote nothing themselves, in batches as large as came in meanwhile.

    A batch in flight delays nobody: the next one gathers behind it. When PostgreSQL is away the batch waits for it; if
    its worker is declared lost in the meantime the fence makes the late settlement void.
    """

    def __init__(self, platform: Platform, worker_id: UUID) -> None:
        super().__init__(name="settler", daemon=True)
        self._platform = platform
        self._worker_id = worker_id
        self._limited = platform.registry.limited()
        self._something = threading.Condition()
        self._settlements: list[Settlement] = []
        self._lines: list[LogLine] = []
        self._busy = False
        self._stopping = False

    def put(self, settlement: Settlement, lines: Sequence[LogLine] = ()) -> None:
        """Have an attempt settled soon."""
        with self._something:
            self._settlements.append(settlement)
            self._lines.extend(lines)
            self._something.notify_all()

    def keep(self, lines: Sequence[LogLine]) -> None:
        """Have log lines kept soon."""
        if lines:
            with self._something:
                self._lines.extend(lines)
                self._something.notify_all()

    def drain(self, timeout: float) -> bool:
        """Wait until everything is written; False when the time (seconds) ran out first."""
        with self._something:
            return self._something.wait_for(lambda: not (self._settlements or self._lines or self._busy), timeout)

    def stop(self) -> None:
        """End the thread after what it is writing."""
        with self._something:
            self._stopping = True
            self._something.notify_all()

    def run(self) -> None:
        """Write batches until stopped."""
        while True:
            with self._something:
                self._something.wait_for(lambda: self._settlements or self._lines or self._stopping)
                if self._stopping and not (self._settlements or self._lines):
                    return
                batch, self._settlements = self._settlements[:BATCH], self._settlements[BATCH:]
                lines, self._lines = self._lines, []
                self._busy = True
            try:
                self._write(batch, lines)
            finally:
                with self._something:
                    self._busy = False
                    self._something.notify_all()

    def _write(self, batch: list[Settlement], lines: list[LogLine]) -> None:
        delay = 0.1
        while True:
            try:
                self._write_once(batch, lines)
            except psycopg.DataError:
                self._write_one_by_one(batch)
                return
            except (psycopg.OperationalError, PoolTimeout) as error:
                log.warning("settling_waits", jobs=len(batch), error=type(error).__name__)
                if self._stopping:
                    return
                time.sleep(delay)
                delay = min(delay * 2, 2.0)
            else:
                return

    def _write_once(self, batch: list[Settlement], lines: list[LogLine]) -> None:
        with self._platform.database.transaction() as connection:
            if lines:
                ledger.keep_log_lines(connection, lines)
            settled = ledger.settle_many(connection, self._worker_id, batch) if batch else []
            news = [News(row["id"], row["queue"], row["priority"]) for row in settled if row["state"] == "available"]
        if len(settled) < len(batch):
            log.info("late_settlements_refused", refused=len(batch) - len(settled))
        self._platform.wire.tell(news + self._freed(batch))

    def _write_one_by_one(self, batch: list[Settlement]) -> None:
        """One settlement holds what PostgreSQL cannot store: settle the others, and that one as discarded."""
        for settlement in batch:
            try:
                self._write_once([settlement], [])
            except psycopg.DataError as error:
                log.exception("settlement_unstorable", job_id=str(settlement.claim.id))
                self._write_once([_unstorable(settlement, error)], [])

    def _freed(self, batch: Sequence[Settlement]) -> list[News]:
        """Tell what may run next where a limit was in the way."""
        limited = [settlement.claim for settlement in batch if settlement.claim.limited]
        return self.next_in_line({claim.queue for claim in limited}, len(limited)) if limited else []

    def next_in_line(self, queues: set[str], how_many: int) -> list[News]:
        """Return the jobs that limited queues would run next."""
        news: list[News] = []
        with self._platform.read() as connection:
            for queue in sorted(queues):
                news += ledger.head_of_queue(connection, queue, self._limited, how_many + 1)
        return news


def _unstorable(settlement: Settlement, error: psycopg.DataError) -> Settlement:
    return replace(
        settlement,
        state="discarded",
        outcome="discarded",
        result=None,
        error_class="UnstorableOutcome",
        error_message=f"The outcome cannot be stored: {type(error).__name__}",
        error_trace=None,
    )
