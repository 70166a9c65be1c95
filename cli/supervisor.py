"""Runs several programs as one: prefixed output, a fallen program is started again, one stop stops all."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from types import FrameType
from typing import IO

from rich.text import Text

from cli.console import notes

COLOURS = ("cyan", "green", "magenta", "yellow", "blue")
LOOK_EVERY = 0.1
RESTART_DELAY = 1.0
# A program that falls this often within this many seconds of its start will not stand the next time either.
GIVE_UP_AFTER = 3
YOUNG = 10.0


@dataclass(frozen=True, slots=True)
class Program:
    """A program to run: a short name for its lines, and its command."""

    name: str
    command: tuple[str, ...]


@dataclass(slots=True)
class _Child:
    program: Program
    colour: str
    process: subprocess.Popen[str]
    started: float
    falls: int = 0
    restart_at: float | None = None
    readers: list[threading.Thread] = field(default_factory=list)


class Supervisor:
    """Runs programs until SIGTERM, SIGINT (a second one stops waiting), or one of them cannot stand.

    `grace` is how many seconds they get to end once they are told to.
    """

    def __init__(self, programs: Sequence[Program], environment: Mapping[str, str], *, grace: float) -> None:
        self._programs = programs
        self._environment = environment
        self._grace = grace
        self._children: list[_Child] = []
        self._signals = 0
        self._failed = False
        self._width = max(len(program.name) for program in programs)

    @property
    def stopping(self) -> bool:
        """Whether the end has begun."""
        return self._failed or self._signals > 0

    def run(self) -> int:
        """Run to the end and return the exit code: 0 after an ordered stop, 1 when a program could not stand."""
        before = {number: signal.signal(number, self._on_signal) for number in (signal.SIGTERM, signal.SIGINT)}
        try:
            self._children = [
                _Child(program, COLOURS[index % len(COLOURS)], self._spawn(program), time.monotonic())
                for index, program in enumerate(self._programs)
            ]
            for child in self._children:
                self._read(child)
            while not self.stopping:
                time.sleep(LOOK_EVERY)
                for child in self._children:
                    self._look_after(child)
            return self._stop_all()
        finally:
            self._kill_all()
            for number, handler in before.items():
                signal.signal(number, handler)

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self._signals += 1

    def _spawn(self, program: Program) -> subprocess.Popen[str]:
        # Should this process be killed, the kernel tells the program to stop.
        leash = ("setpriv", "--pdeathsig", "TERM", "--") if shutil.which("setpriv") else ()
        return subprocess.Popen(
            [*leash, *program.command],
            env=dict(self._environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            errors="replace",
            start_new_session=True,
        )

    def _read(self, child: _Child) -> None:
        assert child.process.stdout is not None  # noqa: S101 - it was asked for as a pipe
        reader = threading.Thread(target=self._print_lines, args=(child, child.process.stdout), daemon=True)
        reader.start()
        child.readers.append(reader)

    def _print_lines(self, child: _Child, lines: IO[str]) -> None:
        with lines:
            for line in lines:
                self._print(child, Text.from_ansi(line.rstrip("\n")))

    def _print(self, child: _Child, line: Text | str) -> None:
        notes.print(Text.assemble((f"{child.program.name:>{self._width}} | ", child.colour), line), soft_wrap=True)

    def _look_after(self, child: _Child) -> None:
        """Start a program that fell again, unless it keeps falling."""
        code = child.process.poll()
        if code is None:
            return
        if child.restart_at is None:
            child.falls = child.falls + 1 if time.monotonic() - child.started < YOUNG else 1
            if child.falls >= GIVE_UP_AFTER:
                self._print(child, f"ended with {code} again and again: stopping everything")
                self._failed = True
                return
            self._print(child, f"ended with {code}: starting it again")
            child.restart_at = time.monotonic() + RESTART_DELAY
        elif time.monotonic() >= child.restart_at:
            child.restart_at, child.started = None, time.monotonic()
            child.process = self._spawn(child.program)
            self._read(child)

    def _stop_all(self) -> int:
        for child in self._children:
            if child.process.poll() is None:
                child.process.terminate()
        deadline = time.monotonic() + self._grace
        while any(child.process.poll() is None for child in self._children):
            if time.monotonic() > deadline or self._signals > 1:
                break
            time.sleep(LOOK_EVERY / 2)
        return 1 if self._failed or any(child.process.poll() is None for child in self._children) else 0

    def _kill_all(self) -> None:
        """Leave no process: whatever is left of a program's session goes, too."""
        for child in self._children:
            with suppress(ProcessLookupError):
                os.killpg(child.process.pid, signal.SIGKILL)
            child.process.wait()
            for reader in child.readers:
                reader.join(timeout=5)


def python_module(name: str, *arguments: str) -> tuple[str, ...]:
    """Return the command that runs a module with this very interpreter."""
    return (sys.executable, "-m", name, *arguments)
