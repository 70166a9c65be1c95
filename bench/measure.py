"""One contender's turn: how soon an idle system starts a job, how fast jobs come in, how fast they are worked off."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from bench.arena import Arena
from bench.contenders import Contender, JobName
from bench.cpu import seconds_used, servers
from bench.processes import Children
from bench.tally import Board

JOBS: tuple[JobName, ...] = ("noop", "insert")
# The first tenth of a run is warming up: what was prefetched behind the gate, statements being prepared.
WARM_UP = 0.1
START_LIMIT = 60.0
SLOWEST_RATE = 50.0
ENTRY_LIMIT = 10.0
MORE_AFTER = 0.3


class BenchError(RuntimeError):
    """A contender did not do what it was asked to in time, or lost work."""


@dataclass(frozen=True, slots=True)
class Effort:
    """How much is measured: jobs a run (for the fast contenders), single enqueues, latency samples and their pause."""

    jobs: int
    singles: int
    samples: int
    pause: float


@dataclass(slots=True)
class Figures:
    """What was measured of one contender: rates a second, latencies in seconds; a value a round.

    `*_cpu` are seconds of processor time a job: in the workers and in the servers, the bench itself left out.
    """

    noop: list[float] = field(default_factory=list)
    insert: list[float] = field(default_factory=list)
    single: list[float] = field(default_factory=list)
    bulk: list[float] = field(default_factory=list)
    latency: list[float] = field(default_factory=list)
    noop_cpu: list[float] = field(default_factory=list)
    insert_cpu: list[float] = field(default_factory=list)


class Turn:
    """Measures one contender once. Its workers live as long as the turn."""

    def __init__(self, arena: Arena, contender: Contender, effort: Effort, figures: Figures) -> None:
        self._board: Board = arena.board
        self._contender = contender
        self._effort = effort
        self._figures = figures
        self._expected = 0
        self._rows = 0
        self._servers = servers(arena.folder)
        log = "".join(letter if letter.isalnum() else "-" for letter in contender.name)
        self._children = Children(arena.folder / f"{log}.log")

    def take(self) -> None:
        """Measure everything. Raises BenchError or ChildDied; no process is left either way."""
        self._board.clear()
        self._contender.prepare()
        self._time_enqueueing()
        self._contender.prepare()
        try:
            with self._children:
                self._contender.start_workers(self._children)
                for job in JOBS:
                    self._race(job, self._latencies if job == "noop" else None)
            self._check_effects()
        finally:
            self._board.open()

    def _race(self, job: JobName, once_warm: Callable[[], None] | None) -> None:
        """Let every slot run one job up to the gate, fill the queue behind it, open the gate."""
        self._occupy(job)
        if once_warm:
            self._board.open()
            self._finish(time.monotonic() + START_LIMIT)
            once_warm()
            self._occupy(job)
        how_many = max(int(self._effort.jobs * self._contender.share), 1)
        self._contender.enqueue_many(job, how_many)
        self._count(job, how_many)
        deadline = time.monotonic() + START_LIMIT + how_many / SLOWEST_RATE
        warm_from = self._expected - int(how_many * (1 - WARM_UP))
        self._board.open()
        began, done_then = self._wait(lambda: self._board.left() >= warm_from, deadline)
        used_before = self._cpu_seconds()
        ended, _ = self._finish(deadline)
        counted = self._expected - done_then
        getattr(self._figures, job).append(counted / (ended - began))
        getattr(self._figures, f"{job}_cpu").append((self._cpu_seconds() - used_before) / counted)

    def _cpu_seconds(self) -> float:
        return seconds_used([*self._children.process_ids(), *self._servers])

    def _occupy(self, job: JobName) -> None:
        """Have a job wait at the gate in every slot; more of them while one process hoards what another could run."""
        self._board.shut()
        deadline = time.monotonic() + START_LIMIT
        while self._board.waiting() < self._contender.slots:
            for n in range(self._contender.slots):
                self._contender.enqueue(job, n)
            self._count(job, self._contender.slots)
            self._wait(self._all_slots_wait_or_time_passes(), deadline)

    def _all_slots_wait_or_time_passes(self) -> Callable[[], bool]:
        soon = time.monotonic() + MORE_AFTER
        return lambda: self._board.waiting() >= self._contender.slots or time.monotonic() > soon

    def _count(self, job: JobName, how_many: int) -> None:
        self._expected += how_many
        self._rows += how_many if job == "insert" else 0

    def _finish(self, deadline: float) -> tuple[float, int]:
        """Wait until every job has run, and then until the contender's own books say so too."""
        self._wait(lambda: self._board.left() >= self._expected, deadline)
        return self._wait(self._contender.settled, deadline, every=0.005)

    def _time_enqueueing(self) -> None:
        """Enqueue one by one and in bulk; no worker runs yet."""
        singles, many = self._effort.singles, max(int(self._effort.jobs * self._contender.share), 1)
        one_by_one = partial(self._enqueue_singly, "noop", singles)
        self._figures.single.append(singles / _seconds(one_by_one))
        if self._contender.has_bulk:
            self._figures.bulk.append(many / _seconds(partial(self._contender.enqueue_many, "noop", many)))

    def _enqueue_singly(self, job: JobName, how_many: int) -> None:
        for n in range(how_many):
            self._contender.enqueue(job, n)

    def _latencies(self) -> None:
        """From the call that enqueues to the first line of the body, one job at a time, in an otherwise idle system."""
        for n in range(self._effort.samples):
            time.sleep(self._effort.pause * random.uniform(0.5, 1.5))
            self._count("noop", 1)
            asked = time.time_ns()
            self._contender.enqueue("noop", n)
            self._wait(lambda: self._board.left() >= self._expected, time.monotonic() + ENTRY_LIMIT)
            self._figures.latency.append((self._board.last_entry() - asked) / 1e9)

    def _wait(self, come_true: Callable[[], bool], deadline: float, every: float = 0.002) -> tuple[float, int]:
        """Wait; returns the time and how many jobs had run then."""
        look_after = time.monotonic() + 1
        while not come_true():
            now = time.monotonic()
            if now > look_after:
                self._children.check()
                look_after = now + 1
            if now > deadline:
                done = f"{self._board.left()} of {self._expected} jobs run"
                raise BenchError(f"{self._contender.name}: not in time, {done}\n{self._children.log_tail()}")
            time.sleep(every)
        return time.monotonic(), self._board.left()

    def _check_effects(self) -> None:
        rows = self._contender.effects()
        if rows != self._rows:
            raise BenchError(f"{self._contender.name}: {self._rows} jobs left {rows} rows")


def _seconds(action: Callable[[], object]) -> float:
    began = time.perf_counter()
    action()
    return time.perf_counter() - began
