"""Deletes what is past its retention, a little at a time so that nobody waits for it."""

from __future__ import annotations

from datetime import timedelta

from jobs import ledger
from jobs.platform import Platform
from runtime.logging import get_logger
from sql.database import queries

log = get_logger(__name__)

AT_ONCE = 1_000
MOST_A_ROUND = 50_000
FORGET_WORKERS_AFTER = timedelta(days=7)


class Pruner:
    """Prunes finished jobs and processes that are long gone."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform

    def run(self) -> int:
        """Prune one round; returns how many jobs were deleted."""
        now, total = self._platform.clock.now(), 0
        while total < MOST_A_ROUND:
            with self._platform.database.transaction() as connection:
                deleted = ledger.prune(connection, now, AT_ONCE)
            total += deleted
            if deleted < AT_ONCE:
                break
        with self._platform.database.transaction() as connection:
            queries("workers").prune_workers(connection, before=now - FORGET_WORKERS_AFTER)
        if total:
            log.info("jobs_pruned", jobs=total)
        return total
