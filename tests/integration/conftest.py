"""Fixtures of the integration tests only."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from flask import Flask
from psycopg.rows import dict_row

from admin_api.app import create_app
from jobs.platform import Platform
from sql.database import Connection, Database
from tests.servers import TEMPLATE, TestServers


@pytest.fixture
def connection(platform: Platform) -> Iterator[Connection]:
    """A connection for looking at the platform's database, and for preparing it."""
    with platform.read() as connection:
        yield connection


@pytest.fixture
def app(platform: Platform) -> Flask:
    """The whole application on the test's platform."""
    return create_app(platform=platform)


@pytest.fixture(scope="module")
def module_connection(test_servers: TestServers, postgres_url: str) -> Iterator[Connection]:
    """A connection to a database that the tests of a module share: for what takes long to make and is only read."""
    name = test_servers.create(template=TEMPLATE)
    database = Database(test_servers.url(name))
    with database.connection() as connection:
        yield connection
    database.close()
    test_servers.drop(name)


@pytest.fixture(scope="module")
def _module_connection(test_servers: TestServers, postgres_url: str) -> Iterator[Connection]:
    name = test_servers.create(template=TEMPLATE)
    with psycopg.connect(test_servers.url(name), row_factory=dict_row) as connection:
        yield connection
    test_servers.drop(name)


@pytest.fixture
def scratch(_module_connection: Connection) -> Iterator[Connection]:
    """A transaction that is rolled back after the test, in a database of the module's own: for many small examples."""
    yield _module_connection
    _module_connection.rollback()
