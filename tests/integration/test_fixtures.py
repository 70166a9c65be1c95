"""The fixtures keep what they promise: tests do not see each other and do not leave the machine."""

from __future__ import annotations

import socket

import psycopg
import pytest
import redis

from runtime.settings import Settings
from sql.database import Database
from tests.network import NetworkBlocked


@pytest.mark.parametrize("run", [1, 2])
def test_each_test_has_a_database_of_its_own(database: Database, run: int) -> None:
    with database.transaction() as connection:
        connection.execute("create table left_by_a_test (run int)")
        connection.execute("insert into left_by_a_test values (%s)", [run])
    with database.connection() as connection:
        rows = connection.execute("select run from left_by_a_test").fetchall()
    assert rows == [{"run": run}]


@pytest.mark.parametrize("run", [1, 2])
def test_each_test_has_an_empty_redis(redis_url: str, run: int) -> None:
    with redis.Redis.from_url(redis_url) as client:
        assert client.incr("left_by_a_test") == 1, run


def test_database_is_reached_over_tcp_with_a_password(database_tcp_url: str) -> None:
    with psycopg.connect(database_tcp_url) as connection:
        assert connection.execute("select inet_server_addr()::text").fetchone() == ("127.0.0.1/32",)
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(database_tcp_url.replace("fibreflow:", "fibreflow:not-"))


def test_settings_belong_to_the_test(settings: Settings) -> None:
    assert settings.environment == "test"
    assert settings.redis_namespace.startswith("test-")


def test_network_is_blocked() -> None:
    with socket.socket() as outside, pytest.raises(NetworkBlocked):
        outside.connect(("192.0.2.1", 80))
    with pytest.raises(NetworkBlocked):
        socket.getaddrinfo("example.org", 443)
