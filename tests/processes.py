"""Real processes of the platform, started, signalled and ended with time-outs; and waiting for conditions."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil

from cli.server_process import gone
from runtime.settings import PREFIX, Settings

ROOT = Path(__file__).parents[1]
PATIENCE = 120.0
LOOK_EVERY = 0.02


def wait_until(condition: Callable[[], object], what: str, seconds: float = PATIENCE) -> float:
    """Wait for a condition and return how many seconds that took; fail saying what did not come true."""
    began = time.monotonic()
    while not condition():
        waited = time.monotonic() - began
        assert waited < seconds, f"not within {seconds:g} s: {what}"
        time.sleep(LOOK_EVERY)
    return time.monotonic() - began


def environment_of(settings: Settings, **more: str) -> dict[str, str]:
    """Return an environment for a child process that runs on these settings."""
    given = {name: getattr(settings, name) for name in settings.model_fields_set}
    values = {
        name: ",".join(value)
        if isinstance(value, tuple)
        else str(getattr(value, "get_secret_value", lambda v=value: v)())
        for name, value in given.items()
        if value is not None
    }
    return {**os.environ, **{PREFIX + name.upper(): value for name, value in values.items()}, **more}


class Processes:
    """Starts processes on the given settings; on leaving, all that still live are killed, with their children.

    Each process leads a group of its own. What they log goes to a file in `folder`.
    """

    def __init__(self, settings: Settings, folder: Path, **variables: str) -> None:
        self._environment = environment_of(settings, FIBREFLOW_JOB_MODULES="tests.job_kinds", **variables)
        self._folder = folder
        self._started: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in self._started:
            self.kill(process)

    def workers(self, count: int = 1, **variables: str) -> subprocess.Popen[bytes]:
        """Start a supervisor with `count` worker processes."""
        return self.start("workers", FIBREFLOW_WORKER_PROCESSES=str(count), **variables)

    def scheduler(self, **variables: str) -> subprocess.Popen[bytes]:
        """Start a scheduler."""
        return self.start("scheduler", **variables)

    def api(self, port: int, **variables: str) -> subprocess.Popen[bytes]:
        """Start the API as it is served, on a port of this machine."""
        served = ("--config", "python:admin_api.gunicorn_conf")
        return self.start("gunicorn", *served, FIBREFLOW_API_PORT=str(port), **variables)

    def start(self, module: str, *arguments: str, **variables: str) -> subprocess.Popen[bytes]:
        """Start `python -m module`."""
        log = self._folder / f"{module}-{len(self._started)}.log"
        with log.open("ab") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", module, *arguments],
                env={**self._environment, **variables},
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        self._started.append(process)
        return process

    def kill(self, process: subprocess.Popen[bytes]) -> None:
        """Kill a process and all its children at once, as a machine that loses its power would."""
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(PATIENCE)

    def end(self, process: subprocess.Popen[bytes], seconds: float = PATIENCE) -> float:
        """Ask a process to stop; return how many seconds it took."""
        began = time.monotonic()
        process.send_signal(signal.SIGTERM)
        process.wait(seconds)
        return time.monotonic() - began

    def log(self) -> str:
        """Return everything that was logged, for the message of a failing test."""
        return "\n".join(path.read_text(encoding="utf-8", errors="replace") for path in self._folder.glob("*.log"))


def children_of(process: subprocess.Popen[bytes]) -> list[psutil.Process]:
    """Return the living children of a process."""
    return [child for child in psutil.Process(process.pid).children() if not gone(child)]
