"""A whole system for one promise: servers, platform and real processes, and questions about what became of the jobs."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg

from jobs.platform import Platform
from runtime.settings import Settings
from tests.job_kinds import Effect, effect
from tests.processes import PATIENCE, Processes, wait_until
from tests.stand_in import enqueue_many, fetch, platform_for_tests

# Quick to notice a death, for tests that do not measure how long that takes.
QUICK: dict[str, Any] = {
    "worker_heartbeat": 0.5,
    "worker_lost_after": 3.0,
    "worker_grace": 10.0,
    "scheduler_lease": 2.0,
    "scheduler_relay_interval": 0.5,
    "scheduler_rescue_interval": 0.5,
}
# For tests in which nobody dies: a worker that a busy machine keeps from giving signs of life is not lost.
NOBODY_DIES: dict[str, Any] = {"worker_lost_after": 60.0}


class System:
    """The platform as this process sees it, and the processes that work on it."""

    def __init__(self, platform: Platform, processes: Processes) -> None:
        self.platform = platform
        self.processes = processes
        self._give_up_at = time.monotonic() + 600

    def enqueue(self, how_many: int, milliseconds: int = 50) -> list[UUID]:
        """Enqueue jobs that each take effect once they have run for so long."""
        return enqueue_many(self.platform, effect, [Effect(milliseconds=milliseconds)] * how_many)

    def ask(self, statement: str, *parameters: Any) -> list[dict[str, Any]]:
        """Read rows; a server that is away, or was restarted under our connections, is asked again."""
        while True:
            try:
                return fetch(self.platform, statement, *parameters)
            except psycopg.OperationalError:
                if time.monotonic() > self._give_up_at:
                    raise

    def number(self, statement: str, *parameters: Any) -> int:
        """Read a number."""
        [row] = self.ask(statement, *parameters)
        (value,) = row.values()
        return int(value)

    def effects(self) -> int:
        """How many effects there are."""
        return self.number("select count(*) from effects")

    def states(self) -> dict[str, int]:
        """How many jobs there are in each state."""
        return {row["state"]: row["jobs"] for row in self.ask("select state, count(*) as jobs from jobs group by 1")}

    def wait_for_effects(self, at_least: int) -> None:
        """Wait until work is well under way."""
        self.wait(lambda: self.effects() >= at_least, f"{at_least} effects")

    def states_of_enqueued(self) -> dict[str, int]:
        """How many jobs there are in each state that no schedule brought: its minute may strike amid any test."""
        statement = "select state, count(*) as jobs from jobs where schedule_name is null group by 1"
        return {row["state"]: row["jobs"] for row in self.ask(statement)}

    def wait_for_completion(self, how_many: int, seconds: float = PATIENCE) -> float:
        """Wait until all jobs that were enqueued are complete; return how many seconds that took."""
        complete = {"completed": how_many}
        return self.wait(lambda: self.states_of_enqueued() == complete, f"{how_many} jobs complete", seconds)

    def wait_for_workers(self, how_many: int) -> None:
        """Wait until so many worker processes have given a sign of life."""
        alive = "select count(*) from workers where role = 'worker' and heartbeat_at > started_at"
        self.wait(lambda: self.number(alive) >= how_many, f"{how_many} workers are up")

    def wait_for_scheduler(self) -> None:
        """Wait until a scheduler has begun."""
        self.wait(lambda: "scheduler_started" in self.processes.log(), "a scheduler is up")

    def wait(self, condition: Any, what: str, seconds: float = PATIENCE) -> float:
        """Wait for a condition; when it does not come true, say how things are and what the processes logged."""
        try:
            return wait_until(condition, what, seconds)
        except AssertionError as error:
            raise AssertionError(f"{error}; {self.states()}\n{self.processes.log()[-20_000:]}") from None

    def assert_each_effect_exactly_once(self, ids: list[UUID]) -> None:
        """Every one of these jobs has taken effect, and none of them twice."""
        counted = {row["job_id"]: row["times"] for row in self.ask(TIMES)}
        assert {job_id: counted.get(job_id, 0) for job_id in ids if counted.get(job_id) != 1} == {}
        assert set(counted) == set(ids)


TIMES = "select job_id, count(*) as times from effects group by 1"


@contextmanager
def system(settings: Settings, folder: Path, **changes: Any) -> Iterator[System]:
    """A system on these settings, with `changes` to them; its processes are gone at the end."""
    settings = settings.model_copy(update={"worker_threads": 8, **changes})
    with platform_for_tests(settings) as platform, Processes(settings, folder) as processes:
        yield System(platform, processes)
