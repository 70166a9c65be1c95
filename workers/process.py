"""The life of one worker process: start, run until told to stop, finish or hand back within the grace period."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from types import FrameType
from uuid import UUID

import dramatiq
import psycopg
from dramatiq.worker import Worker
from psycopg_pool import PoolTimeout

from jobs import processes
from jobs.attempt import Attempt
from jobs.broker import LedgerBroker
from jobs.ledger import Settlement
from jobs.platform import Platform
from jobs.queues import QUEUES
from runtime.identifiers import uuid7
from runtime.logging import get_logger
from runtime.settings import Settings
from sql.database import Connection
from sql.migrate import check
from workers.board import Board
from workers.consumer import LedgerConsumer, handed_back
from workers.failing import failed, out_of_time
from workers.heartbeat import Heartbeat
from workers.runner import Runner
from workers.settler import Settler

log = get_logger(__name__)

EXIT_STOPPED = 0
EXIT_CANNOT_START = 2
EXIT_REPLACE_ME = 75
IDLE_WAIT = 1.0


class WorkerProcess:
    """Everything that one worker process consists of."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._queues = list(settings.worker_queues or QUEUES)
        unknown = set(self._queues) - set(QUEUES)
        if unknown:
            raise ValueError(f"FIBREFLOW_WORKER_QUEUES: no such queue: {', '.join(sorted(unknown))}")
        self.id: UUID = uuid7()
        self._platform = Platform.connect(settings, pinned=True)
        self._board = Board()
        self._settler = Settler(self._platform, self.id)
        self._resting = threading.Event()
        self._stop = threading.Event()
        self._exit_code = EXIT_STOPPED
        self._parent = os.getppid()
        self._heartbeat = Heartbeat(
            self._platform,
            self._board,
            self._settler,
            self.id,
            on_quiet=self._rest,
            on_exhausted=self._be_replaced,
        )
        self._worker = Worker(
            self._broker(), worker_timeout=int(IDLE_WAIT * 1000), worker_threads=settings.worker_threads
        )

    def run(self, *, follow_parent: bool = False) -> int:
        """Work until SIGTERM, SIGINT or `stop`; returns the exit code (75: start another in my place).

        With `follow_parent` the process also stops when the process that started it has died.
        """
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)
        self.start()
        while not self._stop.wait(0.5):
            if follow_parent and os.getppid() != self._parent:
                log.warning("parent_died")
                self._stop.set()
        self.shut_down()
        return self._exit_code

    def start(self) -> None:
        """Check the schema, register, and start taking work. Raises SchemaMismatch."""
        with self._platform.read() as connection:
            check(connection)
        self._platform.declare()
        self._register()
        self._settler.start()
        self._heartbeat.start()
        self._worker.start()
        log.info("worker_started", worker_id=str(self.id), queues=self._queues, threads=self._settings.worker_threads)

    def stop(self) -> None:
        """Begin a graceful stop."""
        self._stop.set()

    def shut_down(self) -> None:
        """Take no new work, let running jobs finish within the grace period, settle the others, say goodbye."""
        began = time.monotonic()
        self._stop.set()
        self._resting.set()
        self._note(processes.mark_stopping)
        self._worker.stop(timeout=int(self._settings.worker_grace * 1000))
        # One that its thread has just taken down is settled by that thread.
        left = [attempt for attempt in self._board.attempts() if self._board.take_down(attempt.claim) is not None]
        for attempt in left:
            self._settler.put(self._cut_short(attempt))
        drained = self._settler.drain(timeout=5.0)
        self._heartbeat.stop()
        self._settler.stop()
        if drained:
            self._note(processes.mark_stopped)
        returned = sum(not attempt.timed_out for attempt in left)
        log.info("worker_stopped", worker_id=str(self.id), handed_back=returned, seconds=time.monotonic() - began)

    def _cut_short(self, attempt: Attempt) -> Settlement:
        """The settlement of an attempt that ends with this process.

        One that ran out of time and could not be interrupted has failed: handed back, it would hang the next worker.
        """
        claim, now = attempt.claim, self._platform.clock.now()
        if not attempt.timed_out:
            return handed_back(claim, now)
        kind = self._platform.registry.get(claim.kind)
        log.warning("job_outlives_its_worker", job_id=str(claim.id), kind=claim.kind, attempt=claim.attempt)
        return failed(kind, claim, out_of_time(kind), started_at=attempt.started_at, now=now)

    def _broker(self) -> LedgerBroker:
        broker = LedgerBroker(self._platform.wire, self._consume, self._queues)
        dramatiq.set_broker(broker)
        runner = Runner(self._platform, self._board, self._settler)
        # Every kind, whatever its queue is today: a job that was enqueued before its kind moved stays in the old one.
        for kind in self._platform.registry.kinds():
            queue = kind.queue if kind.queue in self._queues else self._queues[0]
            broker.declare_kind(kind.name, queue, runner.run)
        return broker

    def _consume(self, queue: str, _dramatiq_prefetch: int, timeout: float) -> LedgerConsumer:
        limit = QUEUES[queue].prefetch or self._settings.worker_prefetch
        return LedgerConsumer(
            self._platform,
            self._board,
            self._settler,
            queue=queue,
            prefetch=limit,
            timeout=timeout,
            worker_id=self.id,
            resting=self._resting,
        )

    def _register(self) -> None:
        with self._platform.database.transaction() as connection:
            processes.register(
                connection,
                self.id,
                "worker",
                queues=self._queues,
                threads=self._settings.worker_threads,
                heartbeat_interval=self._settings.worker_heartbeat,
            )

    def _note(self, mark: Callable[[Connection, UUID], None]) -> None:
        try:
            with self._platform.database.transaction() as connection:
                mark(connection, self.id)
        except (psycopg.OperationalError, psycopg.InterfaceError, PoolTimeout) as error:
            log.warning("goodbye_unheard", error=type(error).__name__)

    def _rest(self, quiet: bool) -> None:
        if self._stop.is_set() or quiet == self._resting.is_set():
            return
        if quiet:
            self._resting.set()
        else:
            self._resting.clear()
        log.info("worker_quiet" if quiet else "worker_awake")

    def _be_replaced(self, reason: str) -> None:
        if not self._stop.is_set():
            log.warning("worker_wants_replacement", reason=reason)
            self._exit_code = EXIT_REPLACE_ME
            self._stop.set()

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        if self._stop.is_set():
            os._exit(128 + number)
        self._stop.set()
