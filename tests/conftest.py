"""Fixtures for everyone: real PostgreSQL and Redis, a fresh copy of the migrated database for each test, no network.

Services that cannot start fail the tests that need them; nothing is skipped because a server is missing.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import hypothesis
import pytest
import redis

from cli.main import main
from cli.system import environment_of
from runtime.clock import Clock, SystemClock
from runtime.settings import PREFIX, Settings, load_settings
from sql.database import Database
from tests.clocks import FixedClock
from tests.network import block_network
from tests.servers import TEMPLATE, TestServers, open_folder

if TYPE_CHECKING:
    from integrations.qcontact.sandbox import QContactSandbox
    from integrations.waha.sandbox import WahaSandbox
    from jobs.platform import Platform

# How long an example takes tells of the machine, not of the rule.
hypothesis.settings.register_profile("unhurried", hypothesis.settings(), deadline=None)
hypothesis.settings.load_profile("unhurried")


class Said(NamedTuple):
    """What a command said, and the code that it left with."""

    code: int
    out: str
    err: str


@pytest.fixture(scope="session", autouse=True)
def _sealed() -> Iterator[None]:
    """Keep the tests on this machine, and free of the settings of whoever runs them."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        for name in [name for name in os.environ if name.startswith(PREFIX)]:
            monkeypatch.delenv(name)
        block_network(monkeypatch)
        yield


@pytest.fixture(scope="session")
def test_servers(testrun_uid: str, worker_id: str) -> Iterator[TestServers]:
    """The run's PostgreSQL and Redis, shared by the xdist workers."""
    servers = TestServers(testrun_uid, worker_id)
    servers.start()
    try:
        yield servers
    finally:
        servers.stop()


@pytest.fixture(scope="session")
def postgres_url(test_servers: TestServers) -> str:
    """The migrated template database: look, do not connect for long; copies of it are made by `database_url`."""
    test_servers.make_template()
    return test_servers.url(TEMPLATE)


@pytest.fixture
def database_name(test_servers: TestServers, postgres_url: str) -> Iterator[str]:
    """The name of a fresh copy of the migrated database, dropped after the test."""
    name = test_servers.create(template=TEMPLATE)
    yield name
    test_servers.drop(name)


@pytest.fixture
def database_url(test_servers: TestServers, database_name: str) -> str:
    """The address of a fresh copy of the migrated database."""
    return test_servers.url(database_name)


@pytest.fixture
def database_tcp_url(test_servers: TestServers, database_name: str) -> str:
    """The same database over loopback TCP, for a pooler in front of it."""
    return test_servers.tcp_url(database_name)


@pytest.fixture
def empty_database_url(test_servers: TestServers) -> Iterator[str]:
    """The address of a database without any table, for the migrations' own tests."""
    name = test_servers.create()
    yield test_servers.url(name)
    test_servers.drop(name)


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """A pool of connections to a fresh copy of the migrated database."""
    database = Database(database_url)
    yield database
    database.close()


@pytest.fixture
def redis_url(test_servers: TestServers) -> str:
    """The address of an empty Redis database that no other worker uses."""
    url = test_servers.redis_url()
    with redis.Redis.from_url(url) as client:
        client.flushdb()
    return url


@pytest.fixture
def settings(database_url: str, redis_url: str, test_servers: TestServers, tmp_path: Path) -> Settings:
    """Settings of a system of its own: fresh database, empty Redis, files under the test's folder."""
    return load_settings(
        {},
        environment="test",
        database_url=database_url,
        redis_url=redis_url,
        redis_namespace=test_servers.namespace,
        data_dir=tmp_path,
    )


@pytest.fixture
def clock() -> Clock:
    """The platform's clock: the system's, unless a test file has one of its own."""
    return SystemClock()


@pytest.fixture
def platform(settings: Settings, clock: Clock) -> Iterator[Platform]:
    """The job platform on those settings and that clock, declared; closed at the end."""
    from jobs.platform import Platform

    platform = Platform.connect(settings, clock=clock)
    platform.declare()
    yield platform
    platform.close()


@pytest.fixture
def frozen_clock() -> FixedClock:
    """A clock that stands still at a Monday morning until the test advances it."""
    return FixedClock()


@pytest.fixture
def command(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Callable[..., Said]]:
    """Run `fibreflow ...` in this process, on the test's own system."""
    before = signal.getsignal(signal.SIGTERM)
    for name, value in environment_of(settings).items():
        monkeypatch.setenv(name, value)

    def run(*arguments: str) -> Said:
        monkeypatch.setattr(sys, "argv", ["fibreflow", *arguments])
        capsys.readouterr()
        try:
            main()
        except SystemExit as leaving:
            code = leaving.code
        else:
            code = 0
        out, err = capsys.readouterr()
        return Said(code if isinstance(code, int) else 1, out, err)

    yield run
    signal.signal(signal.SIGTERM, before)


@pytest.fixture
def own_folder() -> Iterator[Path]:
    """A folder for one test and its own servers, which PostgreSQL's account may enter."""
    with open_folder() as folder:
        yield folder


@pytest.fixture
def qcontact_sandbox() -> Iterator[QContactSandbox]:
    """A QContact on loopback without cases; `settings_values` points an installation at it."""
    from integrations.qcontact.sandbox import QContactSandbox

    with QContactSandbox().serving() as sandbox:
        yield sandbox


@pytest.fixture
def waha_sandbox() -> Iterator[WahaSandbox]:
    """A WAHA on loopback, its session working and everything quick; `settings_values` points an installation at it."""
    from tests.waha import quick_sandbox

    with quick_sandbox().serving() as sandbox:
        yield sandbox
