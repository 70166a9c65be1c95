"""What a job does in every contender but ours: nothing, or one durable row over a connection of its own thread."""

from __future__ import annotations

import os
import threading

import psycopg

from bench.tally import tally

DATABASE_VARIABLE = "BENCH_DATABASE_URL"
REDIS_VARIABLE = "BENCH_REDIS_URL"
INSERT = "insert into bench_effects (n) values (%s)"

_local = threading.local()


def noop(n: int) -> None:
    """Do nothing."""
    counter = tally()
    counter.enter()
    counter.leave()


def insert(n: int) -> None:
    """Insert one row and commit it durably."""
    connection = _connection()
    counter = tally()
    counter.enter()
    connection.execute(INSERT, (n,))
    counter.leave()


def redis_url() -> str:
    """Return the address of the Redis to use."""
    return os.environ[REDIS_VARIABLE]


def database_url() -> str:
    """Return the address of the database to use."""
    return os.environ[DATABASE_VARIABLE]


def _connection() -> psycopg.Connection:
    found: tuple[int, psycopg.Connection] | None = getattr(_local, "connection", None)
    if found is None or found[0] != os.getpid():
        found = os.getpid(), psycopg.connect(database_url(), autocommit=True, prepare_threshold=2)
        _local.connection = found
    return found[1]
