"""Processes of the embedded servers: finding, waiting for and ending one without trusting a stale pid file."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import stat
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import psutil

from runtime.errors import FibreflowError

ACCOUNT = "pgserver"
SERVERS = {"postgres", "redis-server", "valkey-server"}
LOG_LIMIT = 8 * 1024 * 1024
POLL = 0.02
_TRAVERSE = stat.S_IXGRP | stat.S_IXOTH
_READ = stat.S_IRGRP | stat.S_IROTH


class EmbeddedServerError(FibreflowError):
    """An embedded server cannot be found, started or stopped."""

    code = "EMBEDDED_SERVER"


@dataclass(frozen=True, slots=True)
class Account:
    """The system account that a server runs as when the caller is root (PostgreSQL refuses to run as root)."""

    uid: int
    gid: int


def server_account() -> Account | None:
    """Return the account for PostgreSQL: None for a normal user (itself), `pgserver` for root, made when missing.

    Where no account can be added (no `useradd`), `nobody` serves.
    """
    if os.geteuid() != 0:
        return None
    for name in (ACCOUNT, "nobody"):
        if name == ACCOUNT and not _account_exists(name) and shutil.which("useradd"):
            subprocess.run(
                ["useradd", "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", name],
                check=False,
                capture_output=True,
            )
        if _account_exists(name):
            entry = pwd.getpwnam(name)
            return Account(entry.pw_uid, entry.pw_gid)
    raise EmbeddedServerError("PostgreSQL does not run as root and there is no other account: add one named pgserver")


def _account_exists(name: str) -> bool:
    return any(entry.pw_name == name for entry in pwd.getpwall())


def package_folder(package: str) -> Path | None:
    """Return the folder of an installed package without importing it, or None when it is not installed."""
    spec = find_spec(package)
    return Path(spec.origin).parent if spec is not None and spec.origin else None


def open_path_to(folder: Path) -> None:
    """Let the server's account walk to a folder: adds the traverse bit (not read) to those parents that lack it.

    Needed only for root, whose home is closed to everyone else.
    """
    for parent in folder.resolve().parents:
        mode = parent.stat().st_mode
        if mode & stat.S_IXOTH == 0:
            parent.chmod(mode | _TRAVERSE)


def open_folder(folder: Path) -> None:
    """Let everyone read a program's folder, if its installation was made under a strict umask."""
    if folder.stat().st_mode & stat.S_IXOTH:
        return
    for path in (folder, *folder.rglob("*")):
        mode = path.stat().st_mode
        path.chmod(mode | _READ | (_TRAVERSE if path.is_dir() or mode & stat.S_IXUSR else 0))


def give_to(account: Account | None, path: Path, mode: int) -> None:
    """Set the mode of a file or folder and hand it to the account (None: leave the owner)."""
    path.chmod(mode)
    if account is not None:
        os.chown(path, account.uid, account.gid)


def run_quietly(command: Sequence[str], *, cwd: Path, account: Account | None = None, timeout: float = 120) -> str:
    """Run a short command in a session of its own, so that Ctrl-C does not reach it, and return what it printed.

    Output goes through a file: a daemon left behind by the command would keep a pipe open for ever.
    Raises EmbeddedServerError with the command's own words when it fails.
    """
    try:
        with tempfile.TemporaryFile() as sink:
            result = subprocess.run(
                list(command),
                cwd=cwd,
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=subprocess.STDOUT,
                env=_clean_environment(),
                start_new_session=True,
                timeout=timeout,
                check=False,
                user=account.uid if account else None,
                group=account.gid if account else None,
                extra_groups=[] if account else None,
            )
            sink.seek(0)
            said = sink.read().decode("utf-8", errors="replace").strip()
    except (OSError, subprocess.TimeoutExpired) as error:
        raise EmbeddedServerError(f"{Path(command[0]).name}: {error}") from error
    if result.returncode != 0:
        raise EmbeddedServerError(f"{Path(command[0]).name} failed with {result.returncode}: {said[-2000:]}")
    return said


def _clean_environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "LC_", "LANG"))}
    return {**kept, "LC_ALL": "C", "TZ": "UTC"}


def find_server(pid_file: Path, folder: Path) -> psutil.Process | None:
    """Return the living server whose pid the file tells, or None.

    A pid file outlives a `kill -9` and its number may be another program's by now, so the process must also work in
    the server's own data folder.
    """
    try:
        process = psutil.Process(int(pid_file.read_text(encoding="utf-8").split()[0]))
        return process if not gone(process) and _works_in(process, folder) else None
    except (FileNotFoundError, IndexError, ValueError, psutil.NoSuchProcess):
        return None
    except PermissionError as error:
        raise EmbeddedServerError(
            f"{folder} belongs to another account: use that account, or choose another FIBREFLOW_DATA_DIR"
        ) from error


def _works_in(process: psutil.Process, folder: Path) -> bool:
    try:
        return Path(process.cwd()) == folder.resolve()
    except psutil.AccessDenied:
        # Root in a container may not look into another account's process; its name and account are open to all.
        return process.name() in SERVERS and process.uids().effective == folder.stat().st_uid


def gone(process: psutil.Process) -> bool:
    """Tell whether a process has ended (a zombie has: in a container nobody may reap it)."""
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def end(process: psutil.Process, steps: Sequence[tuple[signal.Signals, float]]) -> None:
    """Send each signal in turn, waiting its seconds for the process to end.

    Raises EmbeddedServerError when even the last one does not help.
    """
    for number, seconds in steps:
        try:
            process.send_signal(number)
        except psutil.NoSuchProcess:
            return
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if gone(process):
                return
            time.sleep(POLL)
    raise EmbeddedServerError(f"process {process.pid} does not end")


def rotate_log(log: Path) -> None:
    """Keep a server's log from growing for ever: past 8 MiB it becomes `<name>.1` and a new one starts."""
    if log.exists() and log.stat().st_size > LOG_LIMIT:
        log.replace(log.with_name(log.name + ".1"))


def log_tail(log: Path, lines: int = 12) -> str:
    """Return the last lines of a server's log, for an error message."""
    if not log.exists():
        return "(no log)"
    return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])
