"""Turns due schedules into jobs: each tick once, whoever is the leader and however often it dies."""

from __future__ import annotations

from typing import Any

from jobs import schedules
from jobs.platform import Platform
from jobs.work import Work
from runtime.logging import get_logger
from scheduler.lease import Lease
from sql.database import queries
from ticketing.people import Actor

log = get_logger(__name__)

IDLE_LIMIT = 3.0
CLOCK = Actor(kind="schedule", name="scheduler", roles=frozenset({"admin"}))


class Ticks:
    """Fires what is due. The job and the schedule's advance commit together, under the lease."""

    def __init__(self, platform: Platform, lease: Lease) -> None:
        self._platform = platform
        self._lease = lease

    def declare(self) -> None:
        """Make the schedules of this process's job kinds known."""
        with self._platform.database.transaction() as connection:
            schedules.declare(connection, self._platform.registry, self._platform.clock.now())

    def run(self) -> int:
        """Fire the due schedules once; returns how many jobs were enqueued."""
        with self._platform.begin(CLOCK) as work:
            # A scheduler that is stopped here for long must not keep the lease's row from the next leader.
            queries("leases").limit_idle(work.connection, milliseconds=str(int(IDLE_LIMIT * 1000)))
            if not self._lease.holds(work.connection):
                return 0
            due = list(queries("schedules").due_schedules(work.connection, now=work.now))
            return sum(self._fire(work, row) for row in due if self._can_fire(row))

    def _can_fire(self, row: dict[str, Any]) -> bool:
        """Whether this process knows how; if not (another version declared it), the others fire all the same."""
        if row["kind"] in self._platform.registry:
            return True
        log.error("schedule_of_unknown_kind", schedule=row["name"], kind=row["kind"])
        return False

    def _fire(self, work: Work, row: dict[str, Any]) -> int:
        due = schedules.decide(
            cron=row["cron"],
            missed=row["missed"],
            next_fire_at=row["next_fire_at"],
            paused_until=row["paused_until"],
            now=work.now,
        )
        if due.missed:
            log.warning("schedule_missed_ticks", schedule=row["name"], missed=due.missed, policy=row["missed"])
        job = None
        if due.fire_at is not None:
            kind = self._platform.registry.get(row["kind"])
            job = work.enqueue(kind, tick=(row["name"], due.fire_at), tags=("scheduled",))
        queries("schedules").advance_schedule(
            work.connection,
            name=row["name"],
            next_fire_at=due.next_fire_at,
            fired_at=due.fire_at,
            job_id=job.id if job else None,
            missed_count=due.missed,
        )
        return 1 if job and not job.existing else 0
