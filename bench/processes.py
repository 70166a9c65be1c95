"""Child processes that never outlive the bench: each has a group of its own, which is ended politely, then by force."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

POLITE = 20.0
FORCED = 5.0


class ChildDied(RuntimeError):
    """A worker process ended by itself."""


class Children:
    """Starts processes; on leaving all of them, and whatever they started, are gone."""

    def __init__(self, log: Path) -> None:
        self._log = log
        self._processes: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        """Start a process in a new process group; what it prints goes to the log."""
        with self._log.open("ab") as log:
            self._processes.append(
                subprocess.Popen(
                    command,
                    env=dict(environment),
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
            )

    def process_ids(self) -> list[int]:
        """Return the ids of the processes that were started here."""
        return [process.pid for process in self._processes]

    def check(self) -> None:
        """Raise ChildDied, with the end of the log, if a process has ended."""
        for process in self._processes:
            code = process.poll()
            if code is not None:
                raise ChildDied(f"{process.args!r} ended with {code}:\n{self.log_tail()}")

    def stop(self) -> None:
        """Ask every process to end, wait, and kill what is left of their groups."""
        try:
            for process in self._processes:
                if process.poll() is None:
                    process.terminate()
            deadline = time.monotonic() + POLITE
            for process in self._processes:
                with suppress(subprocess.TimeoutExpired):
                    process.wait(max(deadline - time.monotonic(), 0.1))
        finally:
            for process in self._processes:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait(FORCED)
            self._processes.clear()

    def log_tail(self) -> str:
        """Return the last lines that the processes printed."""
        return "\n".join(self._log.read_text(errors="replace").splitlines()[-20:])
