"""Running jobs here and now, with the worker's own runner and settler but without processes or Redis between."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from uuid import UUID

from jobs import ledger
from runtime.identifiers import uuid7
from scheduler.relay import Relay
from workers.board import Board
from workers.runner import Runner
from workers.settler import Settler

if TYPE_CHECKING:
    from jobs.platform import Platform

PATIENCE = 240.0


def run_jobs(platform: Platform) -> list[dict[str, Any]]:
    """Run every job that is available, and those that they make available; return their rows, oldest first."""
    worker_id, board = uuid7(), Board()
    settler = Settler(platform, worker_id)
    settler.start()
    runner, ran, deadline = Runner(platform, board, settler), list[UUID](), time.monotonic() + PATIENCE
    try:
        while ids := _available(platform):
            assert time.monotonic() < deadline, f"still available after {PATIENCE:g} s: {ids}"
            claims = ledger.claim(platform.database, ids, worker_id, platform.registry.limited(), durable=True)
            board.put_up(claims)
            for claim in claims:
                runner.run(claim)
                ran.append(claim.id)
            assert settler.drain(timeout=PATIENCE)
    finally:
        settler.stop()
        settler.join()
    return [job_row(platform, job_id) for job_id in ran]


@contextmanager
def jobs_running(platform: Platform) -> Iterator[None]:
    """Run jobs beside the test as they become due, those put off and tried again too, as scheduler and worker would."""
    stop, relay = threading.Event(), Relay(platform)

    def work() -> None:
        while not stop.wait(0.05):
            relay.run()
            run_jobs(platform)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def job_row(platform: Platform, job_id: UUID | str) -> dict[str, Any]:
    """Return a job's row as the ledger has it."""
    with platform.read() as connection:
        row = connection.execute("select * from jobs where id = %s", [job_id]).fetchone()
    assert row is not None
    return row


def _available(platform: Platform) -> list[UUID]:
    with platform.read() as connection:
        rows = connection.execute("select id from jobs where state = 'available' order by id").fetchall()
    return [row["id"] for row in rows]
