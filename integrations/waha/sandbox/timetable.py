"""What the sandbox does later by itself: one thread that runs things when they are due."""

from __future__ import annotations

import heapq
import itertools
import threading
import time
from collections.abc import Callable
from typing import NamedTuple

Action = Callable[[], object]


class _Due(NamedTuple):
    at: float
    number: int
    action: Action
    background: bool


class Timetable:
    """Runs actions in the order of their times; they must be quick. Safe for any number of threads.

    What is in the background (a code that expires, say) is nothing for which anybody waits.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._due: list[_Due] = []
        self._numbers = itertools.count()
        self._changed = threading.Condition()
        self._awaited = 0
        self._stopped = True
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to run what is due."""
        self._stopped = False
        self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Forget what is not due yet, and wait for what runs."""
        with self._changed:
            self._stopped = True
            self._due.clear()
            self._awaited = 0
            self._changed.notify_all()
        if self._thread:
            self._thread.join()

    def after(self, seconds: float, action: Action, *, background: bool = False) -> None:
        """Run an action so many seconds from now."""
        with self._changed:
            heapq.heappush(self._due, _Due(time.monotonic() + seconds, next(self._numbers), action, background))
            self._awaited += not background
            self._changed.notify_all()

    @property
    def awaited(self) -> int:
        """How many actions are still to run or run now, those in the background not counted."""
        with self._changed:
            return self._awaited

    def _run(self) -> None:
        while (due := self._next()) is not None:
            try:
                due.action()
            finally:
                with self._changed:
                    self._awaited -= not (due.background or self._stopped)

    def _next(self) -> _Due | None:
        with self._changed:
            while not self._stopped:
                left = self._due[0].at - time.monotonic() if self._due else None
                if left is not None and left <= 0:
                    return heapq.heappop(self._due)
                self._changed.wait(left)
            return None
