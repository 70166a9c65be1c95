"""How jobs are written down: one, or many with one statement, in the transaction of whoever enqueues them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic_core import to_json

from jobs.ledger import EnqueuedJob, News, Origin, State
from jobs.registry import JobArgs, Kind
from runtime.identifiers import uuid7, uuid7s
from sql.database import Connection, queries


def enqueue(
    connection: Connection,
    kind: Kind[Any],
    arguments: JobArgs,
    origin: Origin,
    *,
    now: datetime,
    at: datetime | None = None,
    priority: int | None = None,
    tags: Sequence[str] = (),
    subjects: Sequence[tuple[str, Any]] = (),
    tick: tuple[str, datetime] | None = None,
) -> tuple[EnqueuedJob, News | None]:
    """Write one job down in the caller's transaction.

    `at` (aware) puts its start off; `tick` is the schedule and fire time that it stands for. Returns the job, or
    the one that already holds its unique key or tick, and the news to tell once the transaction has committed (None
    when nothing is to be run now).
    """
    urgency = kind.priority if priority is None else priority
    starts_at = now if at is None else max(at, now)
    waits = starts_at > now
    key = kind.unique_key(arguments)
    about = [*kind.subjects_of(arguments), *((subject, str(value)) for subject, value in subjects)]
    row = {
        **_common(kind, origin, urgency, tags, starts_at, "scheduled" if waits else "available"),
        "arguments": to_json(arguments).decode(),
        "unique_key": key,
        "schedule_name": tick[0] if tick else None,
        "fire_at": tick[1] if tick else None,
        "subject_types": [subject for subject, _ in about],
        "subject_ids": [value for _, value in about],
    }
    for _ in range(5):
        job_id = uuid7()
        if queries("jobs").insert_job(connection, id=job_id, **row) is not None:
            return EnqueuedJob(job_id, existing=False), None if waits else News(job_id, kind.queue, urgency)
        known = _existing(connection, kind, key, tick)
        if known is not None:
            return EnqueuedJob(known, existing=True), None
    raise RuntimeError(f"job kind {kind.name!r}: key {key!r} was taken and freed five times in a row")


def enqueue_many(
    connection: Connection,
    kind: Kind[Any],
    arguments: Sequence[JobArgs],
    origin: Origin,
    *,
    now: datetime,
    at: datetime | None = None,
    priority: int | None = None,
    tags: Sequence[str] = (),
) -> tuple[list[EnqueuedJob], list[News]]:
    """Write many jobs of one kind down with one statement; the order of the answer is the order of the arguments."""
    urgency = kind.priority if priority is None else priority
    starts_at = now if at is None else max(at, now)
    waits = starts_at > now
    ids, keys = uuid7s(len(arguments)), _keys(kind, arguments)
    row = {
        **_common(kind, origin, urgency, tags, starts_at, "scheduled" if waits else "available"),
        "ids": ids,
        "arguments": to_json(arguments).decode(),
    }
    new = _insert(connection, ids, keys, row)
    _note_subjects(connection, kind, zip(ids, arguments, strict=True), new)
    jobs = [EnqueuedJob(job_id, existing=False) for job_id in ids]
    for place, holder in _taken(connection, kind, keys, ids, new):
        if holder is not None:
            jobs[place] = EnqueuedJob(holder, existing=True)
        else:
            # Whoever held the key finished between the two statements.
            late = arguments[place]
            jobs[place], _ = enqueue(connection, kind, late, origin, now=now, at=at, priority=priority, tags=tags)
    news = [] if waits else [News(job.id, kind.queue, urgency) for job in jobs if not job.existing]
    return jobs, news


def _keys(kind: Kind[Any], arguments: Sequence[JobArgs]) -> list[str | None]:
    """Return the unique key of each job; none of a kind that has no such keys, which spares making them."""
    return [] if kind.unique_by is None else [kind.unique_key(one) for one in arguments]


def _insert(
    connection: Connection, ids: Sequence[UUID], keys: Sequence[str | None], row: dict[str, Any]
) -> Sequence[UUID]:
    """Write jobs down and return the ids of those that are: without keys all, and then nothing need be looked at."""
    if not keys:
        queries("jobs").insert_jobs(connection, **row)
        return ids
    inserted = connection.execute(queries("jobs").insert_unique_jobs.sql, {**row, "unique_keys": keys})
    # Reading the ids back costs as much as making them: mostly all are new.
    return ids if inserted.rowcount == len(ids) else [found["id"] for found in inserted]


def _taken(
    connection: Connection, kind: Kind[Any], keys: Sequence[str | None], ids: Sequence[UUID], new: Sequence[UUID]
) -> list[tuple[int, UUID | None]]:
    """Return the places of the jobs that were not written down, each with the job that holds its key."""
    if len(new) == len(ids):
        return []
    written = set(new)
    places = [place for place, job_id in enumerate(ids) if job_id not in written]
    holders = _holders(connection, kind, [key for place in places if (key := keys[place]) is not None])
    return [(place, holders.get(keys[place] or "")) for place in places]


def _note_subjects(
    connection: Connection, kind: Kind[Any], jobs: Iterable[tuple[UUID, JobArgs]], new: Sequence[UUID]
) -> None:
    if not kind.subjects:
        return
    written = set(new)
    about = [
        (job_id, subject, value)
        for job_id, one in jobs
        if job_id in written
        for subject, value in kind.subjects_of(one)
    ]
    queries("jobs").insert_subjects(
        connection,
        job_ids=[row[0] for row in about],
        subject_types=[row[1] for row in about],
        subject_ids=[row[2] for row in about],
    )


def _common(
    kind: Kind[Any], origin: Origin, priority: int, tags: Sequence[str], scheduled_at: datetime, state: State
) -> dict[str, Any]:
    return {
        "kind": kind.name,
        "queue": kind.queue,
        "state": state,
        "priority": priority,
        "tags": sorted({*kind.tags, *tags}),
        "max_attempts": kind.max_attempts,
        "scheduled_at": scheduled_at,
        "retain_for": kind.retention,
        "actor_kind": origin.actor.kind,
        "actor_id": origin.actor.user_id,
        "actor_name": origin.actor.name,
        "request_id": origin.request_id,
        "parent_id": origin.parent_id,
    }


def _existing(
    connection: Connection, kind: Kind[Any], key: str | None, tick: tuple[str, datetime] | None
) -> UUID | None:
    if tick is not None:
        found: UUID | None = queries("jobs").find_tick(connection, schedule_name=tick[0], fire_at=tick[1])
        if found is not None:
            return found
    return _holders(connection, kind, [key]).get(key) if key is not None else None


def _holders(connection: Connection, kind: Kind[Any], keys: Sequence[str]) -> dict[str, UUID]:
    rows = queries("jobs").find_unfinished_by_keys(connection, kind=kind.name, unique_keys=list(keys))
    return {row["unique_key"]: row["id"] for row in rows}
