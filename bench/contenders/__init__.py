"""The contenders: one file each, with its workers' entry point and its side of the race."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Literal, Protocol

import psycopg

from bench.arena import Arena
from bench.processes import Children

JobName = Literal["noop", "insert"]

PROCESSES = 2
THREADS = 8


class Contender(Protocol):
    """One job system in one configuration. Every one runs 16 jobs at a time: 2 x 8 threads or its nearest to that."""

    name: str
    slots: int
    share: float
    has_bulk: bool

    def prepare(self) -> None:
        """Empty the queue and the tables; no worker runs."""

    def start_workers(self, children: Children) -> None:
        """Start the worker processes."""

    def enqueue(self, job: JobName, n: int) -> None:
        """Enqueue one job."""

    def enqueue_many(self, job: JobName, how_many: int) -> None:
        """Enqueue many jobs in the fastest way that the system has."""

    def settled(self) -> bool:
        """Whether every job is completed in the system's own books; asked once every body has run."""

    def effects(self) -> int:
        """Return how many rows the jobs have written."""


class Plain:
    """What the contenders other than ours share: a database for the rows, and nothing else."""

    slots = PROCESSES * THREADS
    share = 1.0
    has_bulk = True

    def __init__(self, arena: Arena) -> None:
        self.arena = arena

    def prepare(self) -> None:
        """Empty Redis and the table of rows."""
        self.arena.flush_redis()
        with psycopg.connect(self.arena.plain_url, autocommit=True) as connection:
            connection.execute("truncate bench_effects")

    def effects(self) -> int:
        """Return how many rows the jobs have written."""
        with psycopg.connect(self.arena.plain_url) as connection:
            row = connection.execute("select count(*) from bench_effects").fetchone()
        return int(row[0]) if row else 0


def program(name: str) -> str:
    """Return the path of a program that is installed beside this Python."""
    return str(Path(sys.executable).with_name(name))
