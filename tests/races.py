"""Callers that race: all start at once, each on a thread of its own; and who waits for another one's lock."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from runtime.errors import FibreflowError
from tests.processes import wait_until

if TYPE_CHECKING:
    from jobs.platform import Platform

WAIT = 60


def at_once(moves: Sequence[Callable[[], Any]]) -> list[Any]:
    """Make all moves at once; return what each got, or what it was told."""
    start = threading.Barrier(len(moves), timeout=WAIT)

    def run(move: Callable[[], Any]) -> Any:
        start.wait()
        try:
            return move()
        except FibreflowError as error:
            return error

    with ThreadPoolExecutor(len(moves)) as pool:
        return [future.result(WAIT) for future in [pool.submit(run, move) for move in moves]]


def race(moves: Sequence[Callable[[], Any]]) -> tuple[list[Any], list[FibreflowError]]:
    """Make all moves at once; return what the winners got and what the others were told."""
    ends = at_once(moves)
    lost = [end for end in ends if isinstance(end, FibreflowError)]
    return [end for end in ends if not isinstance(end, FibreflowError)], lost


def race_of_requests(*requests: Callable[[], Any]) -> list[int]:
    """Send all requests at once; return the statuses of their answers, lowest first."""
    return sorted(int(answer.status_code) for answer in at_once(requests))


def somebody_waits(platform: Platform) -> bool:
    """Tell whether a transaction waits for another one's lock; in this database, for others wait in their own."""
    waiting = "select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
    with platform.read() as connection:
        return connection.execute(waiting).fetchone() is not None


def wait_until_somebody_waits(platform: Platform) -> None:
    """Return as soon as a transaction waits for another one's lock."""
    wait_until(lambda: somebody_waits(platform), "somebody waits")
