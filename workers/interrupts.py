"""Stops a body that runs past its time limit, by raising JobTimedOut in its thread, only while the body runs."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from dramatiq.middleware.threading import raise_thread_exception

from jobs.attempt import Attempt
from jobs.outcomes import JobTimedOut

_lock = threading.Lock()

# A sent exception is raised at the interpreter's next look, which comes with every one of these.
PENDING_CHECKS = 100


@contextmanager
def interruptible(attempt: Attempt, limit: float) -> Iterator[None]:
    """Let `interrupt_overdue` stop the calling thread inside this block once `limit` seconds have passed."""
    with _lock:
        attempt.deadline = time.monotonic() + limit
    try:
        yield
    except JobTimedOut:
        _disarm(attempt)
        raise
    except BaseException:
        _disarm_and_absorb(attempt)
        raise
    else:
        _disarm_and_absorb(attempt)


def _disarm(attempt: Attempt) -> None:
    with _lock:
        attempt.deadline = None


def _disarm_and_absorb(attempt: Attempt) -> None:
    """End the time in which the thread may be interrupted; an exception that was sent but not raised yet is taken here.

    It is waited for rather than revoked: revoking one leaves CPython 3.11 checking for it, in every thread, for good.
    """
    try:
        _disarm(attempt)
        if attempt.timed_out:
            for _ in range(PENDING_CHECKS):
                time.sleep(0)
    except JobTimedOut:
        _disarm(attempt)


def interrupt_overdue(attempt: Attempt) -> bool:
    """Raise JobTimedOut in the attempt's thread if its time is over; True when that was done now."""
    with _lock:
        overdue = attempt.deadline is not None and time.monotonic() > attempt.deadline and not attempt.timed_out
        if overdue and attempt.thread is not None:
            attempt.timed_out = True
            raise_thread_exception(attempt.thread, JobTimedOut)  # type: ignore[no-untyped-call]
            return True
    return False
