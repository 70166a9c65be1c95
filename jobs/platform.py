"""What a process needs to take part: settings, database, Redis, clock and the job kinds, wired once and passed on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from jobs.broker import Wire
from jobs.outside import Outside
from jobs.queues import QUEUES
from jobs.registry import REGISTRY, Registry
from jobs.work import Work
from runtime.clock import Clock, SystemClock
from runtime.settings import Settings
from sql.database import Connection, Database, queries
from ticketing.people import Actor


class Platform:
    """The wired system, as one process sees it. Make it with `connect`, close it when the process ends."""

    def __init__(self, settings: Settings, database: Database, wire: Wire, registry: Registry, clock: Clock) -> None:
        self.settings = settings
        self.database = database
        self.wire = wire
        self.registry = registry
        self.clock = clock
        self.outside = Outside(settings, database, clock)

    @classmethod
    def connect(cls, settings: Settings, *, clock: Clock | None = None, pinned: bool = False) -> Platform:
        """Wire everything as the settings say and load the job kinds. Both URLs must be set.

        `pinned` gives each thread a database connection of its own (worker processes want that).
        """
        if settings.redis_url is None:
            raise ValueError("settings.redis_url is empty: start the embedded servers first")
        registry = REGISTRY.load(settings.job_modules)
        database = Database.from_settings(settings, pinned=pinned)
        wire = Wire(settings.redis_url.get_secret_value(), settings.redis_namespace)
        return cls(settings, database, wire, registry, clock or SystemClock())

    @contextmanager
    def begin(self, actor: Actor, *, request_id: str | None = None) -> Iterator[Work]:
        """Open a unit of work: committed with its events and jobs on leaving, rolled back on an exception."""
        with self.database.transaction() as connection:
            work = Work(connection, self.registry, actor=actor, now=self.clock.now(), request_id=request_id)
            yield work
            work.flush()
        self.wire.tell(work.news)

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Lend a connection for reading; each statement is its own transaction."""
        with self.database.connection() as connection:
            yield connection

    def declare(self) -> None:
        """Make the queues known to the ledger; called by every process that starts."""
        with self.database.transaction() as connection:
            queries("queues").declare_queues(connection, names=list(QUEUES))

    def close(self) -> None:
        """Close every connection."""
        self.outside.close()
        self.database.close()
        self.wire.close()
