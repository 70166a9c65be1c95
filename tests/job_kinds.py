"""Job kinds for tests: load them with `job_modules=("tests.job_kinds",)`.

What a job did in the database is a row of `effects` for each time that it took effect, so a job that took effect twice
has two.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

from jobs.context import JobContext
from jobs.outcomes import Discard, Outcome, cancel, done, snooze
from jobs.registry import Backoff, JobArgs, NoArgs, job
from ticketing.events import Event, TicketEvent

EFFECTS = """
create table if not exists effects (
    job_id uuid not null, attempt integer not null, note text, pid integer not null,
    at timestamptz not null default clock_timestamp()
)
"""


def take_effect(context: JobContext, note: str = "") -> None:
    """Leave a trace in the transaction that completes the job."""
    context.work.connection.execute(
        "insert into effects (job_id, attempt, note, pid) values (%s, %s, %s, %s)",
        (context.id, context.attempt, note, os.getpid()),
    )


class Effect(JobArgs):
    """Take effect `milliseconds` after the start."""

    note: str = ""
    milliseconds: int = 0


@job("test_effect", queue="tickets", max_attempts=20, backoff=Backoff(base=0.2, cap=1))
def effect(args: Effect, context: JobContext) -> Outcome:
    """Take some time, then effect."""
    time.sleep(args.milliseconds / 1000)
    take_effect(context, args.note)
    return done({"note": args.note})


class Last(JobArgs):
    """What a job leaves in the message that completes it, and whether it has written something else before."""

    note: str = ""
    milliseconds: int = 0
    opened: bool = False
    progress: int | None = None
    statement: str = "insert into effects (job_id, attempt, note, pid) values (%(job)s, %(attempt)s, %(note)s, 0)"


@job("test_last", queue="tickets", max_attempts=20, backoff=Backoff(base=10, jitter=0))
def last(args: Last, context: JobContext) -> Outcome:
    """Effect at the very end."""
    time.sleep(args.milliseconds / 1000)
    if args.opened:
        take_effect(context, "first")
    if args.progress is not None:
        context.progress(args.progress)
    context.write_last(args.statement, job=context.id, attempt=context.attempt, note=args.note)
    return done({"note": args.note})


class Scene(JobArgs):
    """What a job does, for the tests of outcomes."""

    plot: Literal[
        "done", "nothing", "snooze", "cancel", "fail", "discard", "exit", "nonsense", "unspeakable", "zero", "surrogate"
    ]
    effect: bool = False
    until: datetime = datetime(2030, 1, 1, tzinfo=UTC)


class Unspeakable(Exception):
    """An error that cannot say what it is."""

    def __str__(self) -> str:
        """Fail."""
        raise RuntimeError("no words")


@job("test_scene", queue="tickets", max_attempts=3, backoff=Backoff(base=10, jitter=0))
def scene(args: Scene, context: JobContext) -> Outcome | None:
    """Play the plot."""
    if args.effect:
        take_effect(context, args.plot)
    return _play(args, context)


def _play(args: Scene, context: JobContext) -> Outcome | None:
    match args.plot:
        case "fail":
            raise RuntimeError(f"attempt {context.attempt} failed for +27 82 555 0199")
        case "discard":
            raise Discard("this can never work")
        case "exit":
            sys.exit("the body wants to leave")
        case "unspeakable":
            raise Unspeakable
        case "zero" | "surrogate":
            unstorable = "\x00" if args.plot == "zero" else "\ud800"
            context.log(f"line {unstorable}", field=unstorable)
            context.progress(1, 1, phase=f"phase {unstorable}")
            return done({"text": f"a{unstorable}b", "deep": [{unstorable: float("nan")}]})
    return ENDINGS[args.plot](args)


ENDINGS: dict[str, Callable[[Scene], Outcome | None]] = {
    "done": lambda _: done({"answer": 42}),
    "nothing": lambda _: None,
    "snooze": lambda args: snooze(args.until, "not yet"),
    "cancel": lambda _: cancel("nothing left to do"),
    "nonsense": lambda _: {"not": "an outcome"},  # type: ignore[dict-item, return-value]  # wrong on purpose
}


class Broken(JobArgs):
    """What the message of the error holds."""

    text: str


@job("test_broken_text", queue="tickets", max_attempts=1)
def broken_text(args: Broken, context: JobContext) -> Outcome:
    """Fail with a message that PostgreSQL cannot store."""
    raise RuntimeError("zero \x00, lone \ud800")


class Key(JobArgs):
    """A unique key."""

    key: str
    other: int = 0


@job("test_unique", queue="tickets", unique_by=("key",), subjects=(("key", "key"),), tags=("of the kind",), priority=4)
def unique(args: Key, context: JobContext) -> Outcome | None:
    """Do nothing; only one unfinished job for each key."""
    return None


@dataclass(frozen=True, kw_only=True)
class Noticed(TicketEvent):
    """Something happened to a ticket in a test."""

    name = "test_noticed"


@dataclass(frozen=True, kw_only=True)
class Ignored(Event):
    """Something happened that has no ticket and does not concern whoever reacts to it."""

    name = "test_ignored"


class React(JobArgs):
    """Arguments that are made out of an event."""

    ticket_id: str

    @classmethod
    def from_event(cls, event: Event) -> React | None:
        """Concern tickets only."""
        return cls(ticket_id=str(event.ticket_id)) if isinstance(event, Noticed) else None


@job("test_reaction", queue="notifications", on=(Noticed, Ignored), subjects=(("ticket", "ticket_id"),))
def reaction(args: React, context: JobContext) -> Outcome | None:
    """React to what was noticed."""
    return None


@job("test_limited", queue="tickets", concurrency=2, max_attempts=20)
def limited(args: Effect, context: JobContext) -> Outcome | None:
    """Take some time; two at once at the most."""
    time.sleep(args.milliseconds / 1000)
    take_effect(context, args.note)
    return None


@job("test_rated", queue="tickets", rate="60/minute")
def rated(args: Effect, context: JobContext) -> Outcome | None:
    """Take effect, once a second at the most."""
    take_effect(context, args.note)
    return snooze(context.now - timedelta(seconds=1), "again") if args.note == "again" else None


class Steps(JobArgs):
    """How many steps, and a file whose appearance lets the job go on past the first."""

    steps: int = 1
    gate: str | None = None


@job("test_steps", queue="imports", max_attempts=5, backoff=Backoff(base=0.2, cap=1), time_limit=60)
def steps(args: Steps, context: JobContext) -> Outcome:
    """Take effect in steps of their own, with a checkpoint after each."""
    for number in range(args.steps):
        with context.step() as work:
            work.connection.execute(
                "insert into effects (job_id, attempt, note, pid) values (%s, %s, %s, %s)",
                (context.id, context.attempt, f"step {number}", os.getpid()),
            )
        context.log("step done", number=number)
        context.progress(number + 1, args.steps, phase="stepping")
        while args.gate is not None and not Path(args.gate).exists():
            context.checkpoint()
            time.sleep(0.02)
    return done({"steps": args.steps})


class Stall(JobArgs):
    """A file to make once the effect is written, and one to wait for before completing."""

    reached: str
    gate: str


@job("test_stall", queue="tickets", max_attempts=5, backoff=Backoff(base=0.1, cap=1))
def stall(args: Stall, context: JobContext) -> Outcome | None:
    """Take effect in the open transaction, tell so, and complete when the gate is open (for a first attempt)."""
    take_effect(context, f"attempt {context.attempt}")
    if context.attempt == 1:
        Path(args.reached).touch()
        while not Path(args.gate).exists():
            time.sleep(0.02)
    return None


@job("test_endless", queue="tickets", time_limit=0.5, max_attempts=2, backoff=Backoff(base=0.1, cap=0.1))
def endless(args: NoArgs, context: JobContext) -> Outcome | None:
    """Never come to an end by itself."""
    take_effect(context)
    while True:
        time.sleep(0.01)


LET_GO = threading.Event()


@job("test_deaf", queue="tickets", time_limit=0.3, max_attempts=2, backoff=Backoff(base=0.1, cap=0.1))
def deaf(args: NoArgs, context: JobContext) -> Outcome | None:
    """Wait in a call that no exception of another thread ends; tests let it go when they are done."""
    LET_GO.wait()
    return None


class Statement(JobArgs):
    """Where the endless statement runs."""

    in_step: bool


@job("test_endless_statement", queue="tickets", time_limit=0.5, max_attempts=1)
def endless_statement(args: Statement, context: JobContext) -> Outcome | None:
    """Wait inside PostgreSQL, where no exception reaches the thread."""
    if args.in_step:
        with context.step() as work:
            work.connection.execute("select pg_sleep(600)")
    context.work.connection.execute("select pg_sleep(600)")
    return None


class Hunger(JobArgs):
    """How many megabytes to keep for good."""

    megabytes: int


_eaten: list[bytearray] = []


@job("test_hungry", queue="maintenance", max_attempts=5)
def hungry(args: Hunger, context: JobContext) -> Outcome | None:
    """Take effect and keep memory."""
    _eaten.append(bytearray(os.urandom(1024) * 1024 * args.megabytes))
    take_effect(context, str(os.getpid()))
    return None


@job("test_tick", queue="tickets")
def tick(args: NoArgs, context: JobContext) -> Outcome | None:
    """Take effect at a tick."""
    take_effect(context)
    return None
