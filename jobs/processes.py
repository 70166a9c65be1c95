"""The processes that take part, as the ledger knows them: who they are, their signs of life, their end."""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence
from importlib.metadata import version
from typing import Literal
from uuid import UUID

import psutil

from sql.database import Connection, queries


def register(
    connection: Connection,
    process_id: UUID,
    role: Literal["worker", "scheduler"],
    *,
    queues: Sequence[str],
    threads: int,
    heartbeat_interval: float,
) -> None:
    """Note that this process has started; it promises a sign of life every `heartbeat_interval` seconds."""
    queries("workers").register_worker(
        connection,
        id=process_id,
        role=role,
        host=socket.gethostname(),
        pid=os.getpid(),
        version=version("fibreflow-ticketing"),
        queues=list(queues),
        threads=threads,
        heartbeat_interval=heartbeat_interval,
    )


def memory_in_use() -> int:
    """Return the resident memory of this process in bytes."""
    used: int = psutil.Process().memory_info().rss
    return used


def mark_stopping(connection: Connection, process_id: UUID) -> None:
    """Note that this process takes no new work."""
    queries("workers").mark_stopping(connection, id=process_id)


def mark_stopped(connection: Connection, process_id: UUID) -> None:
    """Note that this process has ended in order."""
    queries("workers").mark_stopped(connection, id=process_id)
