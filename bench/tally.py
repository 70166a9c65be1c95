"""Counts what job bodies do, without a network: each process writes to a small mapped file, the bench adds them up.

A counter in Redis or PostgreSQL would cost as much as the job that it counts. A slot belongs to one thread, so nothing
is locked. The gate holds jobs back until every slot of a contender is inside one: start-up is not part of any figure.
"""

from __future__ import annotations

import fcntl
import itertools
import mmap
import os
import threading
import time
from pathlib import Path

FOLDER_VARIABLE = "BENCH_TALLY"
SLOTS = 64
FIELDS = 3  # entered, left, nanoseconds of the last entry
SIZE = SLOTS * FIELDS * 8


class Tally:
    """The side of the worker processes: `enter` and `leave` around a body, each well below a microsecond."""

    def __init__(self, folder: Path) -> None:
        with (folder / f"{os.getpid()}.slots").open("w+b") as file:
            file.truncate(SIZE)
            self._values = memoryview(mmap.mmap(file.fileno(), SIZE)).cast("Q")
        self._gate = folder / "gate"
        with self._gate.open("rb") as file:
            self._open = mmap.mmap(file.fileno(), 1, prot=mmap.PROT_READ)
        self._free = itertools.count()
        self._local = threading.local()

    def enter(self) -> None:
        """Note that a body starts, and hold it back while the gate is shut."""
        self.note_entry()
        if not self.is_open():
            with self._gate.open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_SH)

    def note_entry(self) -> None:
        """Note that a body starts."""
        base = self._base()
        self._values[base + 2] = time.time_ns()
        self._values[base] += 1

    def is_open(self) -> bool:
        """Whether bodies may go on."""
        return self._open[0] == 1

    def leave(self) -> None:
        """Note that a body has done its work."""
        self._values[self._base() + 1] += 1

    def _base(self) -> int:
        base: int | None = getattr(self._local, "base", None)
        if base is None:
            base = self._local.base = next(self._free) * FIELDS
        return base


class _OfThisProcess:
    """The tally of the running process; a fork begins one of its own."""

    tally: Tally | None = None

    def get(self) -> Tally:
        """Return the tally, made on first use."""
        if self.tally is None:
            self.tally = Tally(Path(os.environ[FOLDER_VARIABLE]))
        return self.tally

    def forget(self) -> None:
        """Have the next `get` make another one."""
        self.tally = None


_of_this_process = _OfThisProcess()
_made = threading.Lock()
os.register_at_fork(after_in_child=_of_this_process.forget)


def tally() -> Tally:
    """Return the tally of this process."""
    found = _of_this_process.tally
    if found is None:
        with _made:
            found = _of_this_process.get()
    return found


class Board:
    """The side of the bench: reads all slots, shuts and opens the gate."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._maps: dict[Path, memoryview] = {}
        gate = folder / "gate"
        gate.write_bytes(b"\1")
        self._gate = gate.open("r+b")

    def clear(self) -> None:
        """Forget every process; only while none of them lives."""
        self._maps.clear()
        for path in self._folder.glob("*.slots"):
            path.unlink()

    def shut(self) -> None:
        """Hold back every body that starts from now on."""
        fcntl.flock(self._gate, fcntl.LOCK_EX)
        self._write_gate(b"\0")

    def open(self) -> None:
        """Let the bodies go on."""
        self._write_gate(b"\1")
        fcntl.flock(self._gate, fcntl.LOCK_UN)

    def entered(self) -> int:
        """Return how many bodies have started."""
        return sum(sum(values[0::FIELDS]) for values in self._slots())

    def left(self) -> int:
        """Return how many bodies have ended."""
        return sum(sum(values[1::FIELDS]) for values in self._slots())

    def waiting(self) -> int:
        """Return how many bodies are held at the gate (or run, while it is open)."""
        return self.entered() - self.left()

    def last_entry(self) -> int:
        """Return when a body started last, in nanoseconds since 1970."""
        return max((max(values[2::FIELDS]) for values in self._slots()), default=0)

    def _slots(self) -> list[memoryview]:
        for path in self._folder.glob("*.slots"):
            if path not in self._maps and path.stat().st_size == SIZE:
                with path.open("rb") as file:
                    self._maps[path] = memoryview(mmap.mmap(file.fileno(), SIZE, prot=mmap.PROT_READ)).cast("Q")
        return list(self._maps.values())

    def _write_gate(self, state: bytes) -> None:
        self._gate.seek(0)
        self._gate.write(state)
        self._gate.flush()
