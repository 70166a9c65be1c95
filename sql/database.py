"""Connections to PostgreSQL, safe behind a transaction-mode pooler: no session state, only transactions."""

from __future__ import annotations

import functools
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import aiosql
import psycopg
from psycopg.rows import DictRow, dict_row
from psycopg_pool import ConnectionPool

from runtime.settings import Settings

Connection = psycopg.Connection[DictRow]

QUERIES = Path(__file__).parent / "queries"

# Behind a transaction-mode pooler a prepared statement would outlive the server connection it was made on.
PREPARE_AFTER = 2


@functools.cache
def queries(concept: str) -> Any:
    """Return the named queries of `sql/queries/<concept>.sql`: `queries("jobs").claim_jobs(connection, ...)`."""
    return aiosql.from_path(QUERIES / f"{concept}.sql", "psycopg", mandatory_parameters=True)


# How long a caller waits for a server that is away, and how often it is tried meanwhile, in seconds.
CONNECT_WITHIN = 10.0
CONNECT_EVERY = 0.2


class Database:
    """A pool of connections.

    With `pinned`, each thread has a connection of its own: worker threads live long and take a transaction per job, and
    a shared pool's lock costs them a fifth of their rate.
    """

    def __init__(self, url: str, *, connections: int = 16, prepare: bool = True, pinned: bool = False) -> None:
        options: dict[str, Any] = {
            "row_factory": dict_row,
            "autocommit": True,
            "prepare_threshold": PREPARE_AFTER if prepare else None,
        }
        self._pinned = _Pinned(url, options) if pinned else None
        self._pool: ConnectionPool[Connection] = ConnectionPool(
            url,
            connection_class=psycopg.Connection[DictRow],
            kwargs=options,
            min_size=0,
            max_size=connections,
            max_idle=60,
            timeout=CONNECT_WITHIN,
            reconnect_timeout=CONNECT_WITHIN,
            open=True,
        )

    @classmethod
    def from_settings(cls, settings: Settings, *, pinned: bool = False) -> Database:
        """Connect as the settings say; `database_url` must be set (the embedded servers set it)."""
        if settings.database_url is None:
            raise ValueError("settings.database_url is empty: start the embedded servers first")
        return cls(
            settings.database_url.get_secret_value(),
            connections=settings.database_connections,
            prepare=settings.prepares_statements,
            pinned=pinned,
        )

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        """Lend a connection in autocommit mode: each statement is its own transaction."""
        if self._pinned is not None:
            yield self._pinned.connection()
        else:
            with self._pool.connection() as connection:
                yield connection

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """Lend a connection with a transaction open: committed on leaving, rolled back on an exception."""
        with self.connection() as connection, connection.transaction():
            yield connection

    def release_thread(self) -> None:
        """Close the connection that the calling thread had to itself; for threads that come to their end."""
        if self._pinned is not None:
            self._pinned.release()

    def statistics(self) -> dict[str, int]:
        """Return the pool's counters (size, available, waiting requests ...) for the metrics page."""
        return self._pool.get_stats()

    def close(self) -> None:
        """Close every connection. The database object cannot be used afterwards."""
        if self._pinned is not None:
            self._pinned.close()
        self._pool.close(timeout=5)


class _Pinned:
    """One connection a thread, made by the thread itself.

    A pool waits ever longer between its attempts to reach a server that is away. Here the server is tried at a steady
    pace: a worker whose heartbeat came seconds after the server's return would have lost its jobs to others by then.
    """

    def __init__(self, url: str, options: dict[str, Any]) -> None:
        self._url = url
        self._options = options
        self._local = threading.local()
        self._lock = threading.Lock()
        self._all: set[Connection] = set()

    def connection(self) -> Connection:
        """Return the calling thread's connection. Raises psycopg.OperationalError when there is none to be had."""
        connection: Connection | None = getattr(self._local, "connection", None)
        if connection is None or connection.closed:
            self.release()
            connection = self._local.connection = self._connect()
            with self._lock:
                self._all.add(connection)
        return connection

    def release(self) -> None:
        """Close the calling thread's connection."""
        connection: Connection | None = getattr(self._local, "connection", None)
        if connection is not None:
            self._local.connection = None
            with self._lock:
                self._all.discard(connection)
            connection.close()

    def close(self) -> None:
        """Close the connections of all threads."""
        with self._lock:
            connections, self._all = self._all, set()
        for connection in connections:
            connection.close()

    def _connect(self) -> Connection:
        give_up = time.monotonic() + CONNECT_WITHIN
        while True:
            try:
                return psycopg.Connection[DictRow].connect(self._url, **self._options)
            except psycopg.OperationalError:
                if time.monotonic() > give_up:
                    raise
            time.sleep(CONNECT_EVERY)
