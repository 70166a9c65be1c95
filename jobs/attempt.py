"""One attempt as its worker process sees it while it runs: shared by the thread that runs it and the heartbeat."""

from __future__ import annotations

import threading
import time
from datetime import datetime
from typing import Any

from jobs.ledger import Claim, LogLine, Progress
from jobs.outcomes import JobCancelled, Superseded

MAX_LOG_LINES = 500
MAX_LOG_LINE_LENGTH = 2_000


class Attempt:
    """The live state of a claim. Writes are single assignments or guarded by the lock."""

    def __init__(self, claim: Claim) -> None:
        self.claim = claim
        self.thread: int | None = None
        self.started_at: datetime | None = None
        self.start_told = False
        self.deadline: float | None = None
        self.cancel_requested = False
        self.superseded = False
        self.timed_out = False
        self._lock = threading.Lock()
        self._progress: Progress | None = None
        self._lines: list[LogLine] = []
        self._line_count = 0

    def checkpoint(self) -> None:
        """Raise Superseded or JobCancelled when the attempt should go no further."""
        if self.superseded:
            raise Superseded(f"job {self.claim.id}, fence {self.claim.fence}")
        if self.cancel_requested:
            raise JobCancelled(f"job {self.claim.id}")

    def time_left(self, limit: float) -> float:
        """Return how many seconds a body that may run for `limit` seconds has left; 0 when its time is over."""
        deadline = self.deadline
        return limit if deadline is None else max(deadline - time.monotonic(), 0.0)

    def report(self, progress: Progress) -> None:
        """Keep the newest progress until the next heartbeat takes it along."""
        with self._lock:
            self._progress = progress

    def take_progress(self) -> Progress | None:
        """Return the progress that was not taken along yet."""
        with self._lock:
            progress, self._progress = self._progress, None
        return progress

    def put_back(self, progress: Progress | None) -> None:
        """Keep progress that could not be taken along, unless there is newer."""
        with self._lock:
            self._progress = self._progress or progress

    def log(self, now: datetime, message: str, fields: dict[str, Any]) -> None:
        """Keep a log line; beyond the cap one line says that the rest is left out."""
        with self._lock:
            self._line_count += 1
            if self._line_count > MAX_LOG_LINES:
                return
            if self._line_count == MAX_LOG_LINES:
                message, fields = f"log capped at {MAX_LOG_LINES} lines", {}
            self._lines.append(
                LogLine(self.claim.id, self.claim.fence, self._line_count, now, message[:MAX_LOG_LINE_LENGTH], fields)
            )

    def take_lines(self) -> list[LogLine]:
        """Return the log lines that were not taken yet."""
        with self._lock:
            lines, self._lines = self._lines, []
        return lines
