"""The unit of work: one transaction, one clock reading, one actor.

On leaving it, the events that services recorded become timeline rows, every job kind that reacts to them becomes a job
row, and all of it commits together. Redis is told afterwards: a crash in between loses nothing, the relay tells again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from pydantic_core import to_json

from jobs import enqueueing
from jobs.ledger import EnqueuedJob, News, Origin
from jobs.registry import JobArgs, Kind, Registry
from runtime.identifiers import uuid7
from sql.database import Connection, queries
from ticketing.events import Event, TicketEvent
from ticketing.people import Actor

A = TypeVar("A", bound=JobArgs)


class Work:
    """One unit of work; made by `Platform.begin` and, for jobs, by their context. See `ticketing.events.UnitOfWork`."""

    def __init__(
        self,
        connection: Connection,
        registry: Registry,
        *,
        actor: Actor,
        now: datetime,
        request_id: str | None = None,
        job_id: UUID | None = None,
    ) -> None:
        self._connection = connection
        self._registry = registry
        self._actor = actor
        self._now = now
        self._request_id = request_id
        self._job_id = job_id
        self._events: list[Event] = []
        self._news: list[News] = []

    @property
    def connection(self) -> Connection:
        """The open transaction's connection."""
        return self._connection

    @property
    def now(self) -> datetime:
        """The present, read once for the whole unit of work."""
        return self._now

    @property
    def actor(self) -> Actor:
        """Who acts."""
        return self._actor

    @property
    def request_id(self) -> str | None:
        """The request that this work belongs to, if any."""
        return self._request_id

    @property
    def job_id(self) -> UUID | None:
        """The job that this work belongs to, if any."""
        return self._job_id

    @property
    def news(self) -> list[News]:
        """What Redis is to be told once the work has committed."""
        return self._news

    def record(self, event: Event) -> None:
        """Note that something happened; its row and the jobs that react to it commit with this unit of work."""
        self._events.append(event)

    @contextmanager
    def attempt(self) -> Iterator[None]:
        """Do a part that may fail alone: what it wrote, recorded and enqueued is undone with it, the rest stays."""
        events, news = len(self._events), len(self._news)
        try:
            with self._connection.transaction():
                yield
        except BaseException:
            del self._events[events:], self._news[news:]
            raise

    def enqueue(
        self,
        kind: Kind[A],
        arguments: A | None = None,
        *,
        at: datetime | None = None,
        priority: int | None = None,
        tags: Sequence[str] = (),
        subjects: Sequence[tuple[str, Any]] = (),
        tick: tuple[str, datetime] | None = None,
    ) -> EnqueuedJob:
        """Write a job down in this transaction; see `enqueueing.enqueue` for the options and the answer."""
        job, news = enqueueing.enqueue(
            self._connection,
            kind,
            kind.arguments() if arguments is None else arguments,
            self._origin(),
            now=self._now,
            at=at,
            priority=priority,
            tags=tags,
            subjects=subjects,
            tick=tick,
        )
        if news is not None:
            self._news.append(news)
        return job

    def enqueue_many(
        self,
        kind: Kind[A],
        arguments: Sequence[A],
        *,
        at: datetime | None = None,
        priority: int | None = None,
        tags: Sequence[str] = (),
    ) -> list[EnqueuedJob]:
        """Write many jobs of one kind down with one statement, in the order of their arguments."""
        jobs, news = enqueueing.enqueue_many(
            self._connection, kind, arguments, self._origin(), now=self._now, at=at, priority=priority, tags=tags
        )
        self._news.extend(news)
        return jobs

    def announce(self, news: Sequence[News]) -> None:
        """Have Redis told of jobs that this work made available in another way than by enqueueing them."""
        self._news.extend(news)

    def flush(self) -> None:
        """Write the recorded events and the jobs that react to them; called once, just before the commit."""
        events, self._events = self._events, []
        self._write_timeline([event for event in events if isinstance(event, TicketEvent)])
        for kind, concerned in self._registry.reactions(events):
            for arguments in kind.arguments.from_events(concerned, self._connection):
                self.enqueue(kind, arguments)

    def _write_timeline(self, events: Sequence[TicketEvent]) -> None:
        if not events:
            return
        queries("events").insert_ticket_events(
            self._connection,
            ids=[uuid7() for _ in events],
            ticket_ids=[event.ticket_id for event in events],
            event_types=[event.name for event in events],
            befores=[to_json(event.before).decode() for event in events],
            afters=[to_json(event.after).decode() for event in events],
            details=[to_json(event.details).decode() for event in events],
            occurred_at=self._now,
            actor_kind=self._actor.kind,
            actor_id=self._actor.user_id,
            actor_name=self._actor.name,
            job_id=self._job_id,
            request_id=self._request_id,
        )

    def _origin(self) -> Origin:
        return Origin(actor=self._actor, request_id=self._request_id, parent_id=self._job_id)
