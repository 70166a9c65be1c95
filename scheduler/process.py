"""The life of a scheduler process: keep or seek the lease, and while it is ours fire ticks, relay, rescue and prune."""

from __future__ import annotations

import os
import signal
import socket
import threading
from collections.abc import Callable
from types import FrameType
from uuid import UUID

import psycopg
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler
from psycopg_pool import PoolTimeout

from jobs import processes
from jobs.platform import Platform
from jobs.queues import QUEUES
from runtime.identifiers import uuid7
from runtime.logging import get_logger
from runtime.settings import Settings
from scheduler.lease import Lease
from scheduler.pruner import Pruner
from scheduler.relay import Relay
from scheduler.rescuer import Rescuer
from scheduler.ticks import Ticks
from sql.database import queries
from sql.errors import is_outage
from sql.migrate import check

log = get_logger(__name__)

TICK_EVERY = 1.0
STOP_WITHIN = 10.0


class SchedulerProcess:
    """Everything that one scheduler process consists of. A second one only waits for the lease."""

    def __init__(self, settings: Settings) -> None:
        self.id: UUID = uuid7()
        self._settings = settings
        self._platform = Platform.connect(settings)
        self._lease = Lease(
            self._platform.database, self.id, f"{socket.gethostname()}:{os.getpid()}", settings.scheduler_lease
        )
        self._ticks = Ticks(self._platform, self._lease)
        self._rescuer = Rescuer(self._platform)
        self._stop = threading.Event()
        self._leading = False
        self._clockwork = BackgroundScheduler(
            executors={"default": ThreadPoolExecutor(4)},
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
            timezone="UTC",
        )

    def run(self) -> int:
        """Run until SIGTERM or SIGINT; returns the exit code. Raises SchemaMismatch on the wrong schema."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)
        self.start()
        self._stop.wait()
        self.shut_down()
        return 0

    def start(self) -> None:
        """Check the schema, register, and start the clockwork."""
        with self._platform.read() as connection:
            check(connection)
        self._platform.declare()
        self._register()
        self._ticks.declare()
        settings = self._settings
        self._every("lease", settings.scheduler_lease / 4, self._renew)
        self._every("ticks", TICK_EVERY, self._when_leading(self._ticks.run))
        self._every("relay", settings.scheduler_relay_interval, self._when_leading(Relay(self._platform).run))
        self._every("rescue", settings.scheduler_rescue_interval, self._when_leading(self._rescuer.run))
        self._every("prune", settings.scheduler_prune_interval, self._when_leading(Pruner(self._platform).run))
        self._every("heartbeat", settings.worker_heartbeat, self._beat)
        self._guarded("lease", self._renew)
        self._clockwork.start()
        log.info("scheduler_started", scheduler_id=str(self.id))

    def stop(self) -> None:
        """Begin a graceful stop."""
        self._stop.set()

    def shut_down(self) -> None:
        """Finish the current round and give the lease back, so that a second scheduler takes over at once."""
        self._clockwork.shutdown(wait=True)
        self._guarded("release", self._lease.release)
        self._guarded("goodbye", self._say_goodbye)
        self._platform.close()
        log.info("scheduler_stopped", scheduler_id=str(self.id))

    def _every(self, name: str, seconds: float, action: Callable[[], object]) -> None:
        self._clockwork.add_job(
            lambda: self._guarded(name, action), "interval", seconds=seconds, id=name, next_run_time=None
        )
        self._clockwork.modify_job(name, next_run_time=self._platform.clock.now())

    def _guarded(self, name: str, action: Callable[[], object]) -> None:
        """A round that PostgreSQL was away for is repeated by the next one."""
        try:
            action()
        except Exception as error:
            if is_outage(error):
                self._rescuer.be_patient()
                log.warning("scheduler_round_failed", round=name, error=type(error).__name__)
            else:
                log.exception("scheduler_round_failed", round=name)

    def _when_leading(self, action: Callable[[], object]) -> Callable[[], object]:
        return lambda: action() if self._leading else None

    def _renew(self) -> None:
        try:
            leading = self._lease.renew()
        except (psycopg.Error, PoolTimeout):
            self._leading = False
            raise
        if leading != self._leading:
            log.info("scheduler_leads" if leading else "scheduler_follows", scheduler_id=str(self.id))
        self._leading = leading

    def _register(self) -> None:
        with self._platform.database.transaction() as connection:
            processes.register(
                connection,
                self.id,
                "scheduler",
                queues=list(QUEUES),
                threads=1,
                heartbeat_interval=self._settings.worker_heartbeat,
            )

    def _beat(self) -> None:
        with self._platform.database.transaction() as connection:
            list(
                queries("workers").beat(
                    connection,
                    id=self.id,
                    memory_bytes=processes.memory_in_use(),
                    running=0,
                    ids=[],
                    fences=[],
                    started_ats=[],
                    dones=[],
                    totals=[],
                    phases=[],
                )
            )

    def _say_goodbye(self) -> None:
        with self._platform.database.transaction() as connection:
            processes.mark_stopped(connection, self.id)

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        if self._stop.is_set():
            os._exit(128 + number)
        self._stop.set()
