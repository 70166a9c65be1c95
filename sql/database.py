"""Connections to PostgreSQL, safe behind a transaction-mode pooler: no session state, only transactions."""

from __future__ import annotations

import functools
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
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


class Database:
    """A pool of connections.

    With `pinned`, a thread keeps the connection that it got first: worker threads live long and take a transaction per
    job, and a shared pool's lock costs them a fifth of their rate.
    """

    def __init__(self, url: str, *, connections: int = 16, prepare: bool = True, pinned: bool = False) -> None:
        self._pinned = pinned
        self._local = threading.local()
        self._prepare_after = PREPARE_AFTER if prepare else None
        self._pool: ConnectionPool[Connection] = ConnectionPool(
            url,
            connection_class=psycopg.Connection[DictRow],
            kwargs={"row_factory": dict_row, "autocommit": True, "prepare_threshold": self._prepare_after},
            min_size=0,
            max_size=connections,
            max_idle=60,
            timeout=10,
            reconnect_timeout=10,
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
        if self._pinned:
            yield self._pinned_connection()
        else:
            with self._pool.connection() as connection:
                yield connection

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """Lend a connection with a transaction open: committed on leaving, rolled back on an exception."""
        with self.connection() as connection, connection.transaction():
            yield connection

    def _pinned_connection(self) -> Connection:
        connection: Connection | None = getattr(self._local, "connection", None)
        if connection is not None and (connection.closed or connection.broken):
            self._pool.putconn(connection)
            connection = None
        if connection is None:
            connection = self._pool.getconn()
            self._local.connection = connection
        return connection

    def release_thread(self) -> None:
        """Give back the connection that the calling thread had pinned."""
        connection: Connection | None = getattr(self._local, "connection", None)
        if connection is not None:
            self._local.connection = None
            self._pool.putconn(connection)

    def statistics(self) -> dict[str, int]:
        """Return the pool's counters (size, available, waiting requests ...) for the metrics page."""
        return self._pool.get_stats()

    def close(self) -> None:
        """Close every connection. The database object cannot be used afterwards."""
        with suppress(psycopg.Error):
            self.release_thread()
        self._pool.close(timeout=5)
