"""What the body of a job is given: its arguments' surroundings, its transactions, its progress and its log."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg

from jobs import ledger
from jobs.attempt import Attempt
from jobs.last_writes import LastWrite
from jobs.ledger import Claim, Progress, Settlement
from jobs.platform import Platform
from jobs.storable import storable
from jobs.work import Work
from runtime.logging import mask, mask_text
from runtime.settings import Settings
from sql.database import Connection, execute_at_once
from ticketing.people import Actor

# What a stopped process has locked must not keep the next attempt waiting for ever.
IDLE_LIMIT = timedelta(seconds=60)


class JobContext:
    """One attempt at a job, as its body sees it."""

    def __init__(self, platform: Platform, attempt: Attempt) -> None:
        self.platform = platform
        self._attempt = attempt
        self._claim = attempt.claim
        self._resources = ExitStack()
        self._work: Work | None = None
        self._last_writes: list[LastWrite] = []
        self._stepping = False
        self.actor = Actor(kind="job", name=f"job:{attempt.claim.kind}", roles=frozenset({"admin"}))

    @property
    def id(self) -> UUID:
        """The job's id."""
        return self._claim.id

    @property
    def attempt(self) -> int:
        """Which try this is; 1 is the first."""
        return self._claim.attempt

    @property
    def is_last_attempt(self) -> bool:
        """Whether a failure now would be final."""
        return self._claim.attempt >= self._claim.max_attempts

    @property
    def claim(self) -> Claim:
        """The claim that this attempt holds."""
        return self._claim

    @property
    def settings(self) -> Settings:
        """The process's settings."""
        return self.platform.settings

    @property
    def now(self) -> datetime:
        """The present (a new reading each time; a unit of work keeps one reading)."""
        return self.platform.clock.now()

    def act_as(self, actor: Actor) -> None:
        """Let the units of work from now on act as whoever asked for what the job does; events name the job besides."""
        self.actor = actor

    @property
    def work(self) -> Work:
        """The final unit of work: opened on first use, committed together with the job's completion.

        What is written here happens exactly once. It cannot be used before a `step`.
        """
        if self._stepping:
            raise RuntimeError("the final unit of work cannot be opened inside a step")
        if self._work is None:
            connection = self._resources.enter_context(self.platform.database.connection())
            execute_at_once(connection, f"begin; {self._limits()}")
            self._work = self._unit(connection)
        return self._work

    def write_last(self, statement: str, **parameters: Any) -> None:
        """Have a statement run in the final unit of work, after all else in it and right before the job's completion.

        For a brief write whose answer nobody needs. Where the body has opened no unit of work, its thread does not wait
        for it: it is written together with other jobs' completions (see `jobs.last_writes`), several times as fast. The
        statement names its `parameters` as `%(name)s`, as the `.sql` of a named query does; where it fails, the attempt
        fails.
        """
        self._last_writes.append(LastWrite(statement, parameters))

    @property
    def last_writes(self) -> tuple[LastWrite, ...]:
        """What is to take effect with the completion."""
        return tuple(self._last_writes)

    @contextmanager
    def step(self) -> Iterator[Work]:
        """An intermediate unit of work of its own, committed on leaving; the attempt must still hold the job.

        A later attempt may repeat steps, so each leaves the data in a state to go on from. Raises Superseded when the
        job was given to somebody else meanwhile, and JobCancelled when its cancellation was requested.
        """
        if self._work is not None:
            raise RuntimeError("a step cannot begin once the final unit of work has been opened")
        if self._stepping:
            raise RuntimeError("a step cannot begin inside another one")
        self._attempt.checkpoint()
        with self.platform.database.transaction() as connection:
            connection.execute(self._limits(), prepare=False)
            self._stepping = True
            try:
                work = self._unit(connection)
                yield work
            finally:
                self._stepping = False
            work.flush()
            ledger.hold(connection, self._claim)
        self.platform.wire.tell(work.news)

    @property
    def in_transaction(self) -> bool:
        """Whether a unit of work of this attempt is open; nobody outside is called meanwhile."""
        return self._stepping or self._work is not None

    @property
    def saved(self) -> dict[str, Any]:
        """What an earlier attempt saved with `save`; empty at first."""
        return self._claim.saved or {}

    def save(self, step: Work, state: dict[str, Any]) -> None:
        """Keep, with the given step's commit, JSON-ready state from which a later attempt can go on."""
        ledger.save(step.connection, self._claim, state)

    def read(self) -> AbstractContextManager[Connection]:
        """Lend a connection for reading outside any unit of work."""
        return self.platform.read()

    def progress(self, done: int, total: int | None = None, phase: str | None = None) -> None:
        """Tell how far the job is. Costs nothing here: the worker's heartbeat takes the newest along, once a second.

        It is a checkpoint too: raises JobCancelled when cancellation was requested. Raises ValueError for what is no
        number of things done.
        """
        self._attempt.report(Progress.of(done, total, phase))
        self._attempt.checkpoint()

    def checkpoint(self) -> None:
        """Raise JobCancelled when cancellation was requested; call it where stopping is clean."""
        self._attempt.checkpoint()

    def log(self, message: str, **fields: Any) -> None:
        """Keep a line with this attempt (capped), masked like every log."""
        self._attempt.log(self.now, storable(mask_text(message)), mask(fields))

    def complete(self, settlement: Settlement) -> bool:
        """Commit the final unit of work with the job's end; False when there was none and somebody else must settle."""
        if self._work is None:
            return False
        self._work.flush()
        progress = self._attempt.take_progress()
        connection = self._work.connection
        ledger.keep_progress(connection, [(self._claim, progress)] if progress else [])
        ledger.settle_and_commit(connection, settlement)
        self.platform.wire.tell(self._work.news)
        return True

    def release(self) -> None:
        """Undo what was not committed and give the connection back; one that cannot be undone is closed."""
        if self._work is not None:
            connection = self._work.connection
            try:
                if connection.info.transaction_status != psycopg.pq.TransactionStatus.IDLE:
                    connection.rollback()
            except psycopg.Error:
                with suppress(psycopg.Error):
                    connection.close()
        self._resources.close()

    def _limits(self) -> str:
        """Bound the transaction: no interrupt reaches a body inside a statement, so the statement itself has to end."""
        left = self._attempt.time_left(self.platform.registry.get(self._claim.kind).time_limit)
        # The heartbeat looks every so often, and is to see first that the time is over.
        statement = left + 2 * self.settings.worker_heartbeat
        return (
            f"set local statement_timeout = {int(statement * 1000)};"
            f" set local idle_in_transaction_session_timeout = {int(IDLE_LIMIT.total_seconds() * 1000)}"
        )

    def _unit(self, connection: Connection) -> Work:
        return Work(
            connection,
            self.platform.registry,
            actor=self.actor,
            now=self.platform.clock.now(),
            request_id=self._claim.request_id,
            job_id=self._claim.id,
        )
