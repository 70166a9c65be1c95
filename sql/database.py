"""Connections to PostgreSQL, safe behind a transaction-mode pooler: no session state, only transactions."""

from __future__ import annotations

import functools
import select
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import aiosql
import psycopg
from psycopg.errors import error_from_result
from psycopg.pq import DiagnosticField, ExecStatus
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


def bound(connection: Connection, query: str, parameters: Mapping[str, Any]) -> str:
    """Return the text of a query with its parameters written into it as literals, for `execute_at_once`."""
    return psycopg.ClientCursor(connection).mogrify(query.encode(), parameters)


def execute_at_once(connection: Connection, statements: str) -> None:
    """Send statements, separated by semicolons and without parameters, in one message and wait for the last one's end.

    One round trip however many they are, and libpq itself does the waiting: half of a cursor's processor time. Raises
    psycopg.Error; the statements after the one that failed are not run.
    """
    if _has_spoken(connection):
        # The server does not speak unasked but to say why it ends the connection, which libpq would not pass on.
        connection.execute(statements.encode(), prepare=False)
        return
    result = connection.pgconn.exec_(statements.encode())
    if result.status in _SUCCESS:
        return
    if result.error_field(DiagnosticField.SQLSTATE) is None:
        raise psycopg.OperationalError(connection.pgconn.get_error_message().strip())
    raise error_from_result(result)


@contextmanager
def joining_in_bulk(connection: Connection) -> Iterator[None]:
    """Have the statements of a block join by hash or merge only; part of an open transaction.

    For thousands of rows on either side: where the planner believes that there is one, it goes through all of the other
    side for each.
    """
    execute_at_once(connection, "set local enable_nestloop = off")
    yield
    execute_at_once(connection, "set local enable_nestloop = on")


_SUCCESS = frozenset({ExecStatus.COMMAND_OK, ExecStatus.TUPLES_OK})


def _has_spoken(connection: Connection) -> bool:
    poll = select.poll()
    poll.register(connection.pgconn.socket, select.POLLIN)
    return bool(poll.poll(0))


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

    @contextmanager
    def connection_apart(self) -> Iterator[Connection]:
        """Lend a connection of the pool in autocommit mode, even where each thread has its own.

        For threads that live briefly, and for what must commit whatever the thread's own connection is amid.
        """
        with self._pool.connection() as connection:
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
        self._is_closed = False

    def connection(self) -> Connection:
        """Return the calling thread's connection. Raises psycopg.OperationalError when there is none to be had."""
        connection: Connection | None = getattr(self._local, "connection", None)
        if connection is None or connection.closed:
            self.release()
            connection = self._connect()
            with self._lock:
                is_late = self._is_closed
                if not is_late:
                    self._all.add(connection)
            if is_late:
                connection.close()
                raise psycopg.OperationalError("the connections to the database are closed")
            self._local.connection = connection
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
            self._is_closed = True
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
