"""A worker in the test's own hands: claim, run, settle and fall silent, one move at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from uuid import UUID

from jobs import ledger
from jobs.ledger import Claim, EnqueuedJob, Settlement
from jobs.platform import Platform
from jobs.registry import JobArgs, Kind
from runtime.clock import Clock
from runtime.identifiers import uuid7
from runtime.settings import Settings
from sql.database import queries
from tests.job_kinds import EFFECTS
from ticketing.people import SYSTEM
from workers.board import Board
from workers.runner import Runner
from workers.settler import Settler

Row = dict[str, Any]
PATIENCE = 60.0


@contextmanager
def platform_for_tests(settings: Settings, clock: Clock | None = None) -> Iterator[Platform]:
    """The job platform with the kinds of the tests, its queues declared and the table of effects made."""
    modules = (*settings.job_modules, "tests.job_kinds")
    platform = Platform.connect(settings.model_copy(update={"job_modules": modules}), clock=clock)
    try:
        platform.declare()
        with platform.read() as connection:
            connection.execute(EFFECTS)
        yield platform
    finally:
        platform.close()


class StandIn:
    """One worker. It is registered like any other; `settle` waits until everything is written."""

    def __init__(self, platform: Platform, queues: Sequence[str] = ("tickets",)) -> None:
        self.id = uuid7()
        self.platform = platform
        self.board = Board()
        self.settler = Settler(platform, self.id)
        self.runner = Runner(platform, self.board, self.settler)
        with platform.read() as connection:
            queries("workers").register_worker(
                connection,
                id=self.id,
                role="worker",
                host="here",
                pid=1,
                version="0",
                queues=list(queues),
                threads=1,
                heartbeat_interval=60,
            )

    def claim(self, ids: Iterable[UUID]) -> list[Claim]:
        """Claim what is free of these jobs."""
        claims = ledger.claim(self.platform.database, list(ids), self.id, self.platform.registry.limited())
        self.board.put_up(claims)
        return claims

    def claim_one(self, job_id: UUID) -> Claim:
        """Claim a job that is free."""
        [claim] = self.claim([job_id])
        return claim

    def run(self, *claims: Claim) -> None:
        """Run claims and write down how they ended."""
        for claim in claims:
            self.runner.run(claim)
        self.settle()

    def run_job(self, job_id: UUID) -> Row:
        """Claim and run a job and return its row."""
        self.run(self.claim_one(job_id))
        return job_row(self.platform, job_id)

    def settle(self) -> None:
        """Write what the settler was given."""
        if not self.settler.is_alive():
            self.settler.start()
        assert self.settler.drain(PATIENCE)

    def fall_silent(self, for_long: timedelta = timedelta(hours=1)) -> None:
        """Have given the last sign of life long ago."""
        with self.platform.read() as connection:
            connection.execute("update workers set heartbeat_at = heartbeat_at - %s where id = %s", (for_long, self.id))

    def leave(self) -> None:
        """End the settler's thread."""
        if self.settler.is_alive():
            self.settler.stop()
            self.settler.join(PATIENCE)


def enqueue(platform: Platform, kind: Kind[Any], arguments: JobArgs | None = None, **options: Any) -> UUID:
    """Enqueue one job in a unit of work of its own and return its id."""
    return enqueue_answer(platform, kind, arguments, **options).id


def enqueue_answer(
    platform: Platform, kind: Kind[Any], arguments: JobArgs | None = None, **options: Any
) -> EnqueuedJob:
    """Enqueue one job in a unit of work of its own."""
    with platform.begin(SYSTEM) as work:
        return work.enqueue(kind, arguments, **options)


def enqueue_many(platform: Platform, kind: Kind[Any], arguments: Sequence[JobArgs]) -> list[UUID]:
    """Enqueue many jobs and return their ids."""
    with platform.begin(SYSTEM) as work:
        return [job.id for job in work.enqueue_many(kind, arguments)]


def settlement(claim: Claim, state: Any = "completed", outcome: Any = "done", **more: Any) -> Settlement:
    """How a claim ended."""
    return Settlement(claim=claim, state=state, outcome=outcome, **{"finished_at": claim.claimed_at} | more)


def fetch(platform: Platform, statement: str, *parameters: Any) -> list[Row]:
    """Read rows."""
    with platform.read() as connection:
        return connection.execute(statement, parameters).fetchall()


def job_row(platform: Platform, job_id: UUID) -> Row:
    """Return a job's row."""
    [row] = fetch(platform, "select * from jobs where id = %s", job_id)
    return row


def attempts_of(platform: Platform, job_id: UUID) -> list[Row]:
    """Return what was kept of a job's attempts, oldest first."""
    return fetch(platform, "select * from job_attempts where job_id = %s order by fence", job_id)


def effects_of(platform: Platform, job_id: UUID | None = None) -> list[Row]:
    """Return the effects of a job, or of all jobs."""
    return fetch(platform, "select * from effects where %s::uuid is null or job_id = %s order by at", job_id, job_id)
