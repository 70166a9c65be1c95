"""A sign of life a second, and with it: progress and log lines out, cancellations and lost claims in."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from uuid import UUID

import psutil
import psycopg
from psycopg_pool import PoolTimeout

from jobs import ledger
from jobs.attempt import Attempt
from jobs.ledger import Progress
from jobs.platform import Platform
from runtime.logging import get_logger
from sql.database import queries
from workers.board import Board
from workers.consumer import handed_back
from workers.interrupts import interrupt_overdue
from workers.settler import Key, Settler

log = get_logger(__name__)


class Heartbeat(threading.Thread):
    """A thread that beats until stopped. One statement a beat, however many jobs this process runs.

    `on_quiet(quiet)` is told whether an operator wants the process to take no new work; `on_exhausted(reason)` that the
    process should end and be replaced: its memory limit is reached, or a thread will not come back.
    """

    def __init__(
        self,
        platform: Platform,
        board: Board,
        settler: Settler,
        worker_id: UUID,
        *,
        on_quiet: Callable[[bool], None],
        on_exhausted: Callable[[str], None],
    ) -> None:
        super().__init__(name="heartbeat", daemon=True)
        self._platform = platform
        self._board = board
        self._settler = settler
        self._worker_id = worker_id
        self._on_quiet = on_quiet
        self._on_exhausted = on_exhausted
        self._process = psutil.Process()
        self._strays: set[Key] = set()
        self._ended = threading.Event()

    def stop(self) -> None:
        """End the thread after its current beat."""
        self._ended.set()

    def run(self) -> None:
        """Beat until stopped; a database that is away is waited for."""
        while not self._ended.wait(self._platform.settings.worker_heartbeat):
            attempts = self._board.attempts()
            self._watch_limits(attempts)
            try:
                self._beat(attempts)
            except (psycopg.OperationalError, psycopg.InterfaceError, PoolTimeout) as error:
                log.warning("heartbeat_missed", error=type(error).__name__)
            except Exception:
                # Whatever it is, a worker without a heartbeat would lose every job that it runs.
                log.exception("heartbeat_failed")

    def _beat(self, attempts: list[Attempt]) -> None:
        reported = [(attempt, attempt.take_progress()) for attempt in attempts]
        reported = [
            (attempt, progress)
            for attempt, progress in reported
            if progress or (attempt.started_at and not attempt.start_told)
        ]
        memory = self._process.memory_info().rss
        try:
            answers = self._tell(reported, memory)
        except BaseException:
            for attempt, progress in reported:
                attempt.put_back(progress)
            raise
        for attempt, _ in reported:
            attempt.start_told = attempt.started_at is not None
        for attempt in attempts:
            self._settler.keep(attempt.take_lines())
        self._follow(attempts, answers)
        self._guard_memory(memory)

    def _tell(self, reported: Sequence[tuple[Attempt, Progress | None]], memory: int) -> list[dict[str, Any]]:
        with self._platform.database.connection() as connection:
            return list(
                queries("workers").beat(
                    connection,
                    id=self._worker_id,
                    memory_bytes=memory,
                    running=self._board.running(),
                    ids=[attempt.claim.id for attempt, _ in reported],
                    fences=[attempt.claim.fence for attempt, _ in reported],
                    started_ats=[attempt.started_at for attempt, _ in reported],
                    dones=[progress and progress.done for _, progress in reported],
                    totals=[progress and progress.total for _, progress in reported],
                    phases=[progress and progress.phase for _, progress in reported],
                )
            )

    def _follow(self, attempts: list[Attempt], answers: list[dict[str, Any]]) -> None:
        """Do what the ledger says: rest when told to, stop what was cancelled, let go of what was given to others."""
        if not answers:
            self._on_exhausted("the ledger does not know this worker any more")
            return
        self._on_quiet(bool(answers[0]["quiet"]))
        held = {
            (row["job_id"], row["fence"]): bool(row["cancel_requested"]) for row in answers if row["job_id"] is not None
        }
        self._return_strays(held)
        for attempt in attempts:
            key = (attempt.claim.id, attempt.claim.fence)
            if key in held:
                attempt.cancel_requested = held[key]
            elif self._board.holds(attempt.claim):
                attempt.superseded = True

    def _return_strays(self, held: Mapping[Key, bool]) -> None:
        """Hand back what the ledger thinks we hold and nobody here knows: claims whose answer was lost on its way.

        What looks so only because it is between two hands right now does not look so twice.
        """
        known = {(attempt.claim.id, attempt.claim.fence) for attempt in self._board.attempts()}
        strays = set(held) - known - self._settler.pending()
        lost, self._strays = strays & self._strays, strays
        if lost:
            with self._platform.read() as connection:
                claims = ledger.find_claims(connection, self._worker_id, lost)
            for claim in claims:
                log.warning("stray_claim_handed_back", job_id=str(claim.id), kind=claim.kind)
                self._settler.put(handed_back(claim, self._platform.clock.now()))

    def _watch_limits(self, attempts: list[Attempt]) -> None:
        for attempt in attempts:
            if interrupt_overdue(attempt):
                log.warning("time_limit_reached", job_id=str(attempt.claim.id), kind=attempt.claim.kind)
            deadline = attempt.deadline
            if deadline is not None and time.monotonic() > deadline + self._platform.settings.worker_grace:
                self._on_exhausted(f"a thread does not leave job {attempt.claim.id} ({attempt.claim.kind})")

    def _guard_memory(self, memory: int) -> None:
        limit = self._platform.settings.worker_memory_limit
        if limit is not None and memory > limit:
            self._on_exhausted(f"memory {memory} bytes is over the limit of {limit}")
