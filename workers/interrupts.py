"""Stops a body that runs past its time limit, by raising JobTimedOut in its thread, only while the body runs."""

from __future__ import annotations

import ctypes
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from dramatiq.middleware.threading import raise_thread_exception

from jobs.attempt import Attempt
from jobs.outcomes import JobTimedOut

_lock = threading.Lock()


@contextmanager
def interruptible(attempt: Attempt, limit: float) -> Iterator[None]:
    """Let `interrupt_overdue` stop the calling thread inside this block once `limit` seconds have passed."""
    with _lock:
        attempt.deadline = time.monotonic() + limit
    try:
        yield
    finally:
        with _lock:
            attempt.deadline = None
            if attempt.timed_out:
                _clear_pending(threading.get_ident())


def interrupt_overdue(attempt: Attempt) -> bool:
    """Raise JobTimedOut in the attempt's thread if its time is over; True when that was done now."""
    with _lock:
        overdue = attempt.deadline is not None and time.monotonic() > attempt.deadline and not attempt.timed_out
        if overdue and attempt.thread is not None:
            attempt.timed_out = True
            raise_thread_exception(attempt.thread, JobTimedOut)  # type: ignore[no-untyped-call]
            return True
    return False


def _clear_pending(thread: int) -> None:
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), None)
