"""Puts the jobs of silent workers back."""

from __future__ import annotations

import time
from datetime import timedelta

from jobs import ledger
from jobs.ledger import News
from jobs.platform import Platform
from runtime.logging import get_logger

log = get_logger(__name__)


LATE = 1.0


class Rescuer:
    """Rescues once per round; patient after an outage of PostgreSQL, when no worker could have given a sign of life."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._patient_until = 0.0

    def be_patient(self) -> None:
        """Give the workers time for a sign of life: the ledger was away, for them probably as well."""
        self._patient_until = time.monotonic() + self._platform.settings.worker_lost_after

    def run(self) -> int:
        """Rescue what silent workers hold; returns how many jobs were put back or given up."""
        if time.monotonic() < self._patient_until:
            return 0
        lost_after = timedelta(seconds=self._platform.settings.worker_lost_after)
        asked = time.monotonic()
        with self._platform.database.transaction() as connection:
            if time.monotonic() - asked > LATE:
                # A connection that kept us waiting tells of an outage, too.
                self.be_patient()
                return 0
            rescued = ledger.rescue(connection, lost_after, self._platform.clock.now())
        for row in rescued:
            log.warning("job_rescued", job_id=str(row["id"]), worker_id=str(row["worker_id"]), state=row["state"])
        self._platform.wire.tell(
            News(row["id"], row["queue"], row["priority"]) for row in rescued if row["state"] == "available"
        )
        return len(rescued)
