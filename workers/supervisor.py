"""Keeps several worker processes running: starts them, replaces those that die, passes a stop on and waits for it."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from types import FrameType

from runtime.logging import get_logger
from workers.process import EXIT_CANNOT_START, EXIT_REPLACE_ME

log = get_logger(__name__)

CHECK_EVERY = 0.2
RESTART_DELAY = 0.5
LONGEST_RESTART_DELAY = 10.0
STABLE_AFTER = 30.0


class Supervisor:
    """Runs `processes` copies of `python -m workers --child` until told to stop."""

    def __init__(self, processes: int, grace: float) -> None:
        self._count = processes
        self._grace = grace
        self._children: list[_Child] = []
        self._stop = threading.Event()

    def run(self) -> int:
        """Supervise until SIGTERM or SIGINT; returns 0 when every child stopped in order.

        A child that cannot start as things are (settings, schema) ends them all: the answer is its exit code then.
        """
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)
        self._children = [_Child() for _ in range(self._count)]
        while not self._stop.wait(CHECK_EVERY):
            if any(child.process.poll() == EXIT_CANNOT_START for child in self._children):
                self._shut_down()
                return EXIT_CANNOT_START
            for child in self._children:
                child.keep_running()
        return self._shut_down()

    def _shut_down(self) -> int:
        for child in self._children:
            child.process.terminate()
        deadline = time.monotonic() + self._grace + 10
        codes = [child.wait(deadline - time.monotonic()) for child in self._children]
        return 0 if all(code in (0, EXIT_REPLACE_ME) for code in codes) else 1

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self._stop.set()


class _Child:
    """One worker process and its successors."""

    def __init__(self) -> None:
        self._delay = RESTART_DELAY
        self._restart_at: float | None = None
        self._start()

    def _start(self) -> None:
        self.process = subprocess.Popen([sys.executable, "-m", "workers", "--child"])
        self._started = time.monotonic()
        self._restart_at = None

    def keep_running(self) -> None:
        """Start a successor if the process has died; ever later while it keeps dying young."""
        code = self.process.poll()
        if code is None:
            return
        if self._restart_at is None:
            lived = time.monotonic() - self._started
            calm = code in (0, EXIT_REPLACE_ME) or lived > STABLE_AFTER
            self._delay = RESTART_DELAY if calm else min(self._delay * 2, LONGEST_RESTART_DELAY)
            self._restart_at = time.monotonic() + self._delay
            log.warning("worker_died", pid=self.process.pid, code=code, restart_in=self._delay)
        elif time.monotonic() >= self._restart_at:
            self._start()

    def wait(self, timeout: float) -> int:
        """Wait for the end of a process that was told to stop; kill it when the time (seconds) is over."""
        try:
            return self.process.wait(max(timeout, 0.1))
        except subprocess.TimeoutExpired:
            log.warning("worker_killed", pid=self.process.pid)
            self.process.kill()
            return self.process.wait()
