"""Fixtures of the acceptance tests: systems whose servers and processes a test may kill."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import redis
from psycopg import sql
from pydantic import SecretStr

from cli.embedded import EmbeddedServers
from runtime.settings import Settings, load_settings
from sql.migrate import migrate
from tests.factories import unique
from tests.servers import open_folder

TEMPLATE = "migrated"


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    """Where processes log."""
    folder = tmp_path / "logs"
    folder.mkdir()
    return folder


@pytest.fixture(scope="module")
def _module_servers() -> Iterator[EmbeddedServers]:
    with open_folder() as folder:
        settings = load_settings({}, environment="test", data_dir=folder / "data")
        with EmbeddedServers(settings, durable=False) as servers:
            administer(servers, sql.SQL("create database {}").format(sql.Identifier(TEMPLATE)))
            migrate(servers.postgres.url(TEMPLATE))
            yield servers


@pytest.fixture
def own_servers(_module_servers: EmbeddedServers) -> EmbeddedServers:
    """A PostgreSQL and a Redis for the test to stop and start; their addresses stay the same."""
    _module_servers.postgres.start()
    _module_servers.redis.start()
    return _module_servers


@pytest.fixture
def own_settings(own_servers: EmbeddedServers, tmp_path: Path) -> Settings:
    """Settings of a system on those servers: a migrated database of its own and an empty Redis."""
    name = unique("system")
    administer(
        own_servers,
        sql.SQL("create database {} template {}").format(sql.Identifier(name), sql.Identifier(TEMPLATE)),
    )
    with redis.Redis.from_url(own_servers.redis.url()) as client:
        client.flushall()
    url = SecretStr(own_servers.postgres.url(name))
    return own_servers.settings.model_copy(update={"database_url": url, "data_dir": tmp_path})


def administer(servers: EmbeddedServers, statement: sql.Composed) -> None:
    """Make a database."""
    with psycopg.connect(servers.postgres.url("postgres"), autocommit=True) as connection:
        connection.execute(statement)
