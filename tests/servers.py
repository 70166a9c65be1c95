"""The PostgreSQL and Redis of one test run, shared by its xdist workers, and a database for each test."""

from __future__ import annotations

import fcntl
import itertools
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from psycopg import sql

from cli.embedded import EmbeddedServers
from runtime.settings import Settings, load_settings

TEMPLATE = "fibreflow_template"
# A file system in memory. By its size, not by what is free just now: all workers of a run must come to the same folder.
MEMORY = "/dev/shm"  # noqa: S108 - the run makes a folder of its own there
ROOM = 8 * 2**30
_numbers = itertools.count(1)


class TestServers:
    """Servers under a folder of the run: the first worker starts them, the last one to leave stops and removes them."""

    __test__ = False

    def __init__(self, run: str, worker: str) -> None:
        self._home = home()
        self._folder = self._home / run
        self._worker = worker
        self._servers = EmbeddedServers(
            load_settings({}, environment="test", data_dir=self._folder), tcp=True, durable=False
        )

    def start(self) -> None:
        """Start or join the servers; those that a killed run left behind are stopped and removed first."""
        self._home.mkdir(mode=0o755, exist_ok=True)
        with self._locked():
            sweep(but=self._folder)
            self._servers.start()

    def stop(self) -> None:
        """Leave the servers; the last to leave takes the folder along."""
        with self._locked():
            if self._servers.stop():
                shutil.rmtree(self._folder)

    def url(self, database: str) -> str:
        """Return the address of a database over the unix socket."""
        return self._servers.postgres.url(database)

    def tcp_url(self, database: str) -> str:
        """Return the address of a database over loopback TCP."""
        return self._servers.postgres.tcp_url(database)

    def redis_url(self) -> str:
        """Return the address of this worker's own Redis database."""
        digits = "".join(filter(str.isdigit, self._worker))
        return self._servers.redis.url(int(digits or 0) % 64)

    @property
    def namespace(self) -> str:
        """The worker's own Redis namespace: pub/sub channels are shared by all databases of a server."""
        return f"test-{self._worker}"

    def make_template(self) -> None:
        """Migrate the template database, once per run."""
        from sql.migrate import migrate

        with self._locked():
            if not self._exists(TEMPLATE):
                self.create("fibreflow_unfinished")
                migrate(self.url("fibreflow_unfinished"))
                self._administer(
                    sql.SQL("alter database fibreflow_unfinished rename to {}").format(sql.Identifier(TEMPLATE))
                )

    def create(self, name: str | None = None, template: str = "template0") -> str:
        """Create a database and return its name. Copying files is five times as fast as logging them, without fsync."""
        if name:
            self.drop(name)
        name = name or f"test_{self._worker}_{os.getpid()}_{next(_numbers)}"
        self._administer(
            sql.SQL("create database {} template {} strategy file_copy").format(
                sql.Identifier(name), sql.Identifier(template)
            )
        )
        return name

    def drop(self, name: str) -> None:
        """Drop a database, whoever is still connected to it."""
        self._administer(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name)))

    def _exists(self, name: str) -> bool:
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            return connection.execute("select 1 from pg_database where datname = %s", [name]).fetchone() is not None

    def _administer(self, statement: sql.Composed) -> None:
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(statement)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with (self._home / "lock").open("ab") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def home() -> Path:
    """The folder in which every test run of this account has a folder of its own: in memory where there is room.

    A database is a thousand files. ext4 makes the first in microseconds each; amid the many that were deleted in the
    last minute it takes a millisecond for one, and most of a run went by in that.
    """
    return Path(MEMORY if _has_room(MEMORY) else tempfile.gettempdir()) / f"fibreflow-tests-{os.geteuid()}"


def _has_room(folder: str) -> bool:
    return os.access(folder, os.W_OK | os.X_OK) and shutil.disk_usage(folder).total >= ROOM


@contextmanager
def open_folder() -> Iterator[Path]:
    """Make a folder whose `data` may hold servers; they are stopped and it is removed, whatever became of them.

    Not in pytest's own folder: that is closed to PostgreSQL's account whenever another run begins.
    """
    folder = Path(tempfile.mkdtemp(prefix="fibreflow-"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        EmbeddedServers(Settings(environment="test", data_dir=folder / "data")).stop_for_all()
        shutil.rmtree(folder)


def sweep(but: Path | None = None) -> None:
    """Stop the servers that killed runs left behind, and remove their folders; those in use stay."""
    for folder in home().iterdir() if home().exists() else ():
        if folder.is_dir() and folder != but and EmbeddedServers(Settings(environment="test", data_dir=folder)).stop():
            shutil.rmtree(folder)


if __name__ == "__main__":
    sweep()
