"""Writes down how attempts ended, many in one statement, and keeps trying while PostgreSQL is away."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import psycopg
from psycopg_pool import PoolTimeout

from jobs import last_writes, ledger
from jobs.last_writes import LastWrite
from jobs.ledger import Claim, LogLine, News, Progress, Settlement
from jobs.outcomes import Superseded
from jobs.platform import Platform
from runtime.logging import get_logger
from sql.errors import is_outage
from workers.failing import failed

log = get_logger(__name__)

BATCH = 256

Key = tuple[UUID, int]


class Settler(threading.Thread):
    """A thread that settles attempts that wrote nothing themselves, in batches as large as came in meanwhile.

    Their last writes are run here, in the transaction that settles them all. A batch in flight delays nobody: the next
    one gathers behind it. When PostgreSQL is away the batch waits for it; if its worker is declared lost in the
    meantime the fence makes the late settlement void, and its last writes with it.
    """

    def __init__(self, platform: Platform, worker_id: UUID) -> None:
        super().__init__(name="settler", daemon=True)
        self._platform = platform
        self._worker_id = worker_id
        self._limited = platform.registry.limited()
        self._something = threading.Condition()
        self._settlements: dict[Key, Settlement] = {}
        self._in_flight: tuple[Key, ...] = ()
        self._lines: list[LogLine] = []
        self._progress: list[tuple[Claim, Progress]] = []
        self._busy = False
        self._stopping = False

    def put(self, settlement: Settlement, lines: Sequence[LogLine] = (), progress: Progress | None = None) -> None:
        """Have an attempt settled soon, with its last log lines and progress; a second settlement of it is ignored."""
        with self._something:
            key = (settlement.claim.id, settlement.claim.fence)
            self._settlements.setdefault(key, settlement)
            self._lines.extend(lines)
            if progress is not None:
                self._progress.append((settlement.claim, progress))
            self._something.notify_all()

    def pending(self) -> set[Key]:
        """Return (job id, fence) of the attempts whose settlement is not written yet."""
        with self._something:
            return {*self._settlements, *self._in_flight}

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
        while (bundle := self._next()) is not None:
            try:
                self._write(bundle)
            finally:
                with self._something:
                    self._in_flight = ()
                    self._busy = False
                    self._something.notify_all()

    def _next(self) -> _Bundle | None:
        """Wait for something to write; None when there is nothing left and the thread is to end."""
        with self._something:
            self._something.wait_for(lambda: self._settlements or self._lines or self._stopping)
            if not (self._settlements or self._lines):
                return None
            keys = tuple(itertools.islice(self._settlements, BATCH))
            bundle = _Bundle([self._settlements.pop(key) for key in keys], self._lines, self._progress)
            self._lines, self._progress, self._in_flight, self._busy = [], [], keys, True
            return bundle

    def _write(self, bundle: _Bundle) -> None:
        """Write a bundle; when PostgreSQL refuses it, each settlement alone, so that only the one at fault suffers."""
        try:
            self._write_through_outages(bundle)
        except (Exception, Superseded) as error:
            log.warning("settling_refused", jobs=len(bundle.settlements), exc_info=error)
            self._keep_what_was_said(bundle)
            for settlement in bundle.settlements:
                self._write_alone(settlement)

    def _keep_what_was_said(self, bundle: _Bundle) -> None:
        try:
            self._write_through_outages(replace(bundle, settlements=[]))
        except Exception:
            log.exception("log_lines_refused", lines=len(bundle.lines))

    def _write_alone(self, settlement: Settlement) -> None:
        candidates = [settlement, _unstorable(settlement)]
        while candidates:
            candidate = candidates.pop(0)
            try:
                self._write_through_outages(_Bundle([candidate]))
            except Superseded:
                log.warning("attempt_superseded", fence=settlement.claim.fence, job_id=str(settlement.claim.id))
                return
            except Exception as error:
                log.exception("settlement_refused", job_id=str(settlement.claim.id), state=candidate.state)
                if candidate.last_writes:
                    candidates.insert(0, self._failed(candidate, error))
            else:
                return

    def _failed(self, settlement: Settlement, error: Exception) -> Settlement:
        kind, now = self._platform.registry.get(settlement.claim.kind), self._platform.clock.now()
        return failed(kind, settlement.claim, error, started_at=settlement.started_at, now=now)

    def _write_through_outages(self, bundle: _Bundle) -> None:
        """Write a bundle, again and again while PostgreSQL is away (until the process ends)."""
        delay = 0.1
        while True:
            try:
                settled = self._write_once(bundle)
            except (psycopg.OperationalError, psycopg.InterfaceError, PoolTimeout) as error:
                if bundle.last_writes and not is_outage(error):
                    raise
                log.warning("settling_waits", jobs=len(bundle.settlements), error=type(error).__name__)
            else:
                self._announce(bundle, settled)
                return
            if self._stopping:
                return
            time.sleep(delay)
            delay = min(delay * 2, 2.0)

    def _write_once(self, bundle: _Bundle) -> list[dict[str, Any]]:
        with ledger.settling(self._platform.database) as connection:
            if bundle.lines:
                ledger.keep_log_lines(connection, bundle.lines)
            ledger.keep_progress(connection, bundle.progress)
            if not bundle.settlements:
                return []
            last_writes.run(connection, bundle.last_writes, bundle.limit)
            settled = ledger.settle_many(connection, self._worker_id, bundle.settlements)
            bundle.refuse_if_superseded(settled)
            return settled

    def _announce(self, bundle: _Bundle, settled: Sequence[dict[str, Any]]) -> None:
        if len(settled) < len(bundle.settlements):
            log.info("late_settlements_refused", refused=len(bundle.settlements) - len(settled))
        self._platform.wire.tell(
            News(row["id"], row["queue"], row["priority"]) for row in settled if row["state"] == "available"
        )
        self.announce_next([settlement.claim for settlement in bundle.settlements])

    def announce_next(self, claims: Sequence[Claim]) -> None:
        """Tell what may run next where a limit was in the way of others; should that fail, the relay tells it."""
        limited = [claim for claim in claims if claim.limited]
        if not limited:
            return
        try:
            with self._platform.read() as connection:
                for queue in sorted({claim.queue for claim in limited}):
                    head = ledger.head_of_queue(connection, queue, self._limited, len(limited) + 1)
                    self._platform.wire.tell(head)
        except (psycopg.OperationalError, psycopg.InterfaceError, PoolTimeout) as error:
            log.warning("next_in_line_untold", error=type(error).__name__)


@dataclass(frozen=True, slots=True)
class _Bundle:
    """What is written in one transaction."""

    settlements: list[Settlement]
    lines: list[LogLine] = field(default_factory=list)
    progress: list[tuple[Claim, Progress]] = field(default_factory=list)

    @property
    def last_writes(self) -> list[LastWrite]:
        """The last writes of all, in their order."""
        return [write for settlement in self.settlements for write in settlement.last_writes]

    @property
    def limit(self) -> timedelta:
        """How long each of them may take."""
        return last_writes.LIMIT if len(self.settlements) == 1 else last_writes.LIMIT_AMONG_OTHERS

    def refuse_if_superseded(self, settled: Sequence[dict[str, Any]]) -> None:
        """Raise Superseded when an attempt that has last writes is not among those that were still held."""
        held = {(row["id"], row["fence"]) for row in settled}
        for settlement in self.settlements:
            if settlement.last_writes and (settlement.claim.id, settlement.claim.fence) not in held:
                raise Superseded(f"job {settlement.claim.id}, fence {settlement.claim.fence}")


def _unstorable(settlement: Settlement) -> Settlement:
    return replace(
        settlement,
        state="discarded",
        outcome="discarded",
        result=None,
        error_class="UnstorableOutcome",
        error_message="The outcome cannot be stored; the worker's log says why",
        error_trace=None,
        error_place=None,
        reason=None,
        last_writes=(),
    )
