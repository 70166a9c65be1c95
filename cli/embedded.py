"""PostgreSQL and Redis without installing either: they start under `data_dir` for whatever has no URL set.

Several processes may use the same servers. Each holds a shared lock while it does, the kernel lets go of it even after
`kill -9`, and whoever leaves last stops the servers; so a second terminal joins the servers of the first one, and
servers that a killed process left behind are taken over by the next start.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from pydantic import SecretStr

from cli.embedded_postgres import EmbeddedPostgres
from cli.embedded_redis import EmbeddedRedis
from cli.server_process import EmbeddedServerError, give_to, server_account
from runtime.settings import Settings

# A unix socket's whole path must fit 107 bytes; PostgreSQL's longest name there is `.s.PGSQL.65535.lock`.
LONGEST_SOCKET_FOLDER = 107 - len("/.s.PGSQL.65535.lock")


class EmbeddedServers:
    """The embedded servers that these settings need: none when both URLs are set.

    `tcp` makes PostgreSQL listen on a free loopback port too (for a pooler in front of it); `durable=False` trades
    safety against power cuts for speed (for tests).
    """

    def __init__(self, settings: Settings, *, tcp: bool = False, durable: bool = True) -> None:
        self._settings = settings
        self._root = settings.data_dir.resolve()
        self._tcp = tcp
        self._durable = durable
        self._use: IO[bytes] | None = None
        self._postgres: EmbeddedPostgres | None = None
        self._redis: EmbeddedRedis | None = None
        self._sockets: Path | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def needed(self) -> bool:
        """Whether any server would start."""
        return self._settings.database_url is None or self._settings.redis_url is None

    def start(self) -> Settings:
        """Start or join the servers and return the settings with their addresses filled in.

        Raises EmbeddedServerError; nothing that this call started is left running then.
        """
        if not self.needed:
            return self._settings
        self._make_folder(self._root)
        with self._one_at_a_time():
            self._hold()
            try:
                self._start_servers()
            except BaseException:
                self._release_and_stop()
                raise
        return self.settings

    def stop(self) -> bool:
        """Stop using the servers, and stop them unless another process uses them. Tells whether they were stopped."""
        if not self.needed or not self._root.exists():
            return False
        with self._one_at_a_time():
            return self._release_and_stop()

    def stop_for_all(self) -> None:
        """Stop the servers even if other processes use them."""
        if self._root.exists():
            with self._one_at_a_time():
                self._make_servers()
                self._stop_servers()

    @property
    def settings(self) -> Settings:
        """The settings with the addresses of the running servers."""
        addresses: dict[str, object] = {"data_dir": self._root}
        if self._postgres is not None:
            addresses["database_url"] = SecretStr(self._postgres.url())
        if self._redis is not None:
            addresses["redis_url"] = SecretStr(self._redis.url())
        return self._settings.model_copy(update=addresses)

    @property
    def postgres(self) -> EmbeddedPostgres:
        """The embedded PostgreSQL; raises EmbeddedServerError when the settings name another one."""
        if self._postgres is None:
            raise EmbeddedServerError("there is no embedded PostgreSQL: FIBREFLOW_DATABASE_URL is set")
        return self._postgres

    @property
    def redis(self) -> EmbeddedRedis:
        """The embedded Redis; raises EmbeddedServerError when the settings name another one."""
        if self._redis is None:
            raise EmbeddedServerError("there is no embedded Redis: FIBREFLOW_REDIS_URL is set")
        return self._redis

    def _make_servers(self) -> None:
        self._sockets = sockets = self._socket_folder()
        if self._settings.database_url is None:
            self._postgres = EmbeddedPostgres(self._root, sockets, tcp=self._tcp, durable=self._durable)
        if self._settings.redis_url is None:
            self._redis = EmbeddedRedis(self._root, sockets, durable=self._durable)

    def _start_servers(self) -> None:
        self._make_servers()
        if self._postgres is not None:
            self._postgres.start()
        if self._redis is not None:
            self._redis.start()

    def _stop_servers(self) -> None:
        if self._redis is not None:
            self._redis.stop()
        if self._postgres is not None:
            self._postgres.stop()
        if self._sockets is not None and self._sockets.parent != self._root:
            shutil.rmtree(self._sockets, ignore_errors=True)

    def _socket_folder(self) -> Path:
        """Return a folder that only we (and, for root, PostgreSQL's account) can enter, short enough for a socket."""
        folder = self._root / "run"
        if len(os.fsencode(folder)) > LONGEST_SOCKET_FOLDER:
            name = hashlib.sha256(os.fsencode(self._root)).hexdigest()[:12]
            folder = Path(tempfile.gettempdir()) / f"fibreflow-{os.geteuid()}-{name}"
        self._make_folder(folder)
        account = server_account()
        owner = folder.stat().st_uid
        if owner not in {os.geteuid(), account.uid if account else os.geteuid()} or folder.is_symlink():
            raise EmbeddedServerError(
                f"{folder} belongs to another account: remove it, or choose another FIBREFLOW_DATA_DIR"
            )
        give_to(account, folder, 0o700)
        return folder

    @staticmethod
    def _make_folder(folder: Path) -> None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise EmbeddedServerError(f"cannot make {folder}: {error.strerror}; set FIBREFLOW_DATA_DIR") from error

    @contextmanager
    def _one_at_a_time(self) -> Iterator[None]:
        with self._open("servers.lock") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _hold(self) -> None:
        if self._use is None:
            self._use = self._open("servers.use")
            fcntl.flock(self._use, fcntl.LOCK_SH)

    def _release_and_stop(self) -> bool:
        if self._use is not None:
            fcntl.flock(self._use, fcntl.LOCK_UN)
            self._use.close()
            self._use = None
        with self._open("servers.use") as use:
            try:
                fcntl.flock(use, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
            self._make_servers()
            self._stop_servers()
            return True

    def _open(self, name: str) -> IO[bytes]:
        try:
            return (self._root / name).open("ab")
        except PermissionError as error:
            raise EmbeddedServerError(
                f"{self._root} belongs to another account: use that account, or choose another FIBREFLOW_DATA_DIR"
            ) from error
