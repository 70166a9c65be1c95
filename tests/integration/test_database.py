"""Connections: pooled for most, one a thread for workers, and made again when the server went away."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from sql import database as module
from sql.database import Connection, Database, bound, execute_at_once, joining_in_bulk

HOSTILE = """it's "quoted" \\ -- ; drop table noted; %(n)s é"""


def test_statements_go_together_and_stop_at_the_one_that_fails(database: Database) -> None:
    with database.connection() as connection:
        execute_at_once(connection, "create table noted (n integer, what text); begin")
        insert = bound(
            connection, "insert into noted values (%(n)s::integer, %(what)s::text)", {"n": 1, "what": HOSTILE}
        )
        execute_at_once(connection, f"{insert}; commit")
        with pytest.raises(psycopg.errors.UndefinedTable) as raised:
            execute_at_once(connection, "begin; insert into nowhere values (1); insert into noted values (2)")
        assert raised.value.sqlstate == "42P01"
        connection.rollback()
        assert connection.execute("select n, what from noted").fetchall() == [{"n": 1, "what": HOSTILE}]


def test_statements_that_go_together_say_why_the_server_hung_up(database: Database) -> None:
    with database.connection() as connection, database.connection() as other:
        other.execute("select pg_terminate_backend(%s, 5000)", [connection.info.backend_pid])
        with pytest.raises(psycopg.errors.AdminShutdown):
            execute_at_once(connection, "begin; commit")
        with pytest.raises(psycopg.OperationalError):
            execute_at_once(connection, "begin; commit")


def plan_of_a_join(connection: Connection) -> str:
    rows = connection.execute(
        "explain select * from (select 1 as n limit 1) as one join unnest(array[1, 2]) as two (n) on two.n = one.n"
    ).fetchall()
    return "\n".join(row["QUERY PLAN"] for row in rows)


def test_joins_in_bulk_go_through_neither_side_again_and_again(database: Database) -> None:
    with database.transaction() as connection:
        assert "Nested Loop" in plan_of_a_join(connection)
        with joining_in_bulk(connection):
            assert "Nested Loop" not in plan_of_a_join(connection)
        assert "Nested Loop" in plan_of_a_join(connection)


@pytest.fixture
def pinned(database_url: str) -> Iterator[Database]:
    database = Database(database_url, pinned=True)
    yield database
    database.close()


def backend(database: Database) -> int:
    with database.connection() as connection:
        return connection.info.backend_pid


def test_a_transaction_is_committed_on_leaving_and_rolled_back_on_an_error(database: Database) -> None:
    with database.connection() as connection:
        connection.execute("create table noted (n integer)")
    with database.transaction() as connection:
        connection.execute("insert into noted values (1)")

    def fail() -> None:
        with database.transaction() as connection:
            connection.execute("insert into noted values (2)")
            raise RuntimeError("no")

    with pytest.raises(RuntimeError, match="no"):
        fail()
    with database.connection() as connection:
        assert connection.execute("select n from noted").fetchall() == [{"n": 1}]
    assert database.statistics()["requests_num"] >= 4


def test_a_thread_has_a_connection_to_itself(pinned: Database) -> None:
    seen: list[int] = []

    def look() -> None:
        seen.extend([backend(pinned), backend(pinned)])
        pinned.release_thread()
        pinned.release_thread()

    thread = threading.Thread(target=look)
    thread.start()
    thread.join(20)
    assert seen[0] == seen[1] != backend(pinned)


def test_a_connection_that_was_cut_is_made_again(pinned: Database, database: Database) -> None:
    cut = backend(pinned)
    with database.connection() as connection:
        connection.execute("select pg_terminate_backend(%s)", [cut])
    with pytest.raises(psycopg.OperationalError), pinned.connection() as connection:
        connection.execute("select 1")
    assert backend(pinned) != cut


def test_connections_of_all_threads_are_closed(database_url: str) -> None:
    database = Database(database_url, pinned=True)
    held: list[Connection] = []

    def hold() -> None:
        with database.connection() as connection:
            held.append(connection)

    threads = [threading.Thread(target=hold) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert [connection.closed for connection in held] == [False] * 3
    database.close()
    assert [connection.closed for connection in held] == [True] * 3


def test_a_connection_made_while_all_are_closed_is_closed_too(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    database, made = Database(database_url, pinned=True), list[Connection]()
    connect = psycopg.Connection.connect

    def connect_while_closing(*args: Any, **options: Any) -> Any:
        made.append(connect(*args, **options))
        database.close()
        return made[-1]

    monkeypatch.setattr(psycopg.Connection, "connect", connect_while_closing)
    with pytest.raises(psycopg.OperationalError, match="closed"):
        backend(database)
    assert [connection.closed for connection in made] == [True]


class HeldTime:
    """The module `time` for somebody who sleeps: only sleeping makes it later."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def test_a_server_that_is_away_is_tried_again_until_patience_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    tries, held = list[float](), HeldTime()

    def refuse(*_: object, **__: object) -> None:
        tries.append(held.now)
        raise psycopg.OperationalError("refused")

    monkeypatch.setattr(module, "time", held)
    monkeypatch.setattr(module, "CONNECT_WITHIN", 1.0)
    monkeypatch.setattr(module, "CONNECT_EVERY", 0.25)
    monkeypatch.setattr(psycopg.Connection, "connect", refuse)
    with pytest.raises(psycopg.OperationalError, match="refused"):
        module._Pinned("postgresql:///nowhere", {}).connection()
    assert tries == [0, 0.25, 0.5, 0.75, 1, 1.25]
