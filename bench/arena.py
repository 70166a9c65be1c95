"""Where the contenders meet: one PostgreSQL and one Redis of the bench's own, in a folder that goes away afterwards."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
import redis

from bench.tally import FOLDER_VARIABLE, Board
from bench.work import DATABASE_VARIABLE, REDIS_VARIABLE
from cli.embedded import EmbeddedServers
from runtime.settings import PREFIX, Settings, load_settings
from sql.migrate import migrate

EFFECTS = "create table if not exists bench_effects (n integer not null)"
ROOT = Path(__file__).absolute().parent.parent
PLAIN_DATABASE = "bench_plain"


@dataclass(frozen=True, slots=True)
class Arena:
    """The servers' addresses, the folder for logs, the tally and the environment of worker processes."""

    folder: Path
    settings: Settings
    board: Board
    environment: dict[str, str]
    plain_url: str

    @property
    def redis_url(self) -> str:
        """The address of Redis."""
        assert self.settings.redis_url is not None
        return self.settings.redis_url.get_secret_value()

    def flush_redis(self) -> None:
        """Empty Redis."""
        with redis.Redis.from_url(self.redis_url) as client:
            client.flushall()


@contextmanager
def arena() -> Iterator[Arena]:
    """Start the servers (everything durable) and lay the schema; stop them and delete their data on leaving."""
    folder = Path(tempfile.mkdtemp(prefix="fibreflow-bench-"))
    folder.chmod(0o755)
    try:
        base = load_settings({}, data_dir=folder, job_modules=("bench.ledger_kinds",))
        with EmbeddedServers(base) as servers:
            yield _furnish(folder, servers.settings, servers.postgres.url(PLAIN_DATABASE))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _furnish(folder: Path, settings: Settings, plain_url: str) -> Arena:
    assert settings.database_url is not None
    assert settings.redis_url is not None
    own_url = settings.database_url.get_secret_value()
    migrate(own_url)
    with psycopg.connect(own_url, autocommit=True) as connection:
        connection.execute(EFFECTS)
        connection.execute(f"create database {PLAIN_DATABASE}")
    with psycopg.connect(plain_url, autocommit=True) as connection:
        connection.execute(EFFECTS)
    (folder / "tally").mkdir()
    added = {
        FOLDER_VARIABLE: str(folder / "tally"),
        DATABASE_VARIABLE: plain_url,
        REDIS_VARIABLE: settings.redis_url.get_secret_value(),
    }
    os.environ.update(added)
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    environment = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    return Arena(folder, settings, Board(folder / "tally"), environment, plain_url)
