"""The ledger: every job is a row, and every move of a job is one statement here.

The rows are the truth. What Redis says is only news of them, so each move checks the state that it starts from, and the
moves of an attempt check that it still holds the job (`fence`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

import psycopg
from pydantic_core import to_json

from jobs.outcomes import Superseded
from jobs.registry import JobArgs, Kind
from runtime.identifiers import uuid7
from sql.database import Connection, Database, queries
from ticketing.people import Actor

SUPERSEDED = "FF001"

State = Literal["scheduled", "available", "running", "retryable", "completed", "discarded", "cancelled"]
STATES: tuple[State, ...] = (
    "scheduled",
    "available",
    "running",
    "retryable",
    "completed",
    "discarded",
    "cancelled",
)
FINISHED: tuple[State, ...] = ("completed", "discarded", "cancelled")

AttemptOutcome = Literal["done", "snoozed", "cancelled", "failed", "discarded", "lost", "handed_back"]


@dataclass(frozen=True, slots=True)
class News:
    """That a job is available: what is told to Redis."""

    id: UUID
    queue: str
    priority: int


@dataclass(frozen=True, slots=True)
class EnqueuedJob:
    """The answer to enqueueing: the job's id, and whether an unfinished one held its unique key already."""

    id: UUID
    existing: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Who and what a job comes from."""

    actor: Actor
    request_id: str | None = None
    parent_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Claim:
    """One attempt at a job, held by a worker until it is settled or superseded."""

    id: UUID
    kind: str
    queue: str
    priority: int
    arguments: dict[str, Any]
    attempt: int
    max_attempts: int
    fence: int
    worker_id: UUID
    scheduled_at: datetime
    claimed_at: datetime
    rate_slot_at: datetime | None
    request_id: str | None
    tags: tuple[str, ...]
    saved: dict[str, Any] | None = None
    limited: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Settlement:
    """How an attempt ended. `burned` tells whether it counts as one of the attempts that the kind allows."""

    claim: Claim
    state: State
    outcome: AttemptOutcome
    finished_at: datetime
    started_at: datetime | None = None
    scheduled_at: datetime | None = None
    burned: bool = True
    result: Mapping[str, Any] | None = None
    reason: str | None = None
    error_class: str | None = None
    error_message: str | None = None
    error_trace: str | None = None


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line that a job logged, kept with its attempt."""

    job_id: UUID
    fence: int
    line: int
    logged_at: datetime
    message: str
    fields: dict[str, Any] = field(default_factory=dict)


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
        "arguments": to_json(arguments.model_dump()).decode(),
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
    ids = [uuid7() for _ in arguments]
    keys = [kind.unique_key(one) for one in arguments]
    rows = queries("jobs").insert_jobs(
        connection,
        ids=ids,
        arguments=[to_json(one.model_dump()).decode() for one in arguments],
        unique_keys=keys,
        **_common(kind, origin, urgency, tags, starts_at, "scheduled" if waits else "available"),
    )
    new = {row["id"] for row in rows}
    _note_subjects(connection, kind, arguments, ids, new)
    taken = [key for key, job_id in zip(keys, ids, strict=True) if job_id not in new and key is not None]
    holders = _holders(connection, kind, taken) if taken else {}
    jobs = [
        EnqueuedJob(job_id, existing=False)
        if job_id in new
        else EnqueuedJob(holders.get(key or "", job_id), existing=True)
        for job_id, key in zip(ids, keys, strict=True)
    ]
    news = [] if waits else [News(job.id, kind.queue, urgency) for job in jobs if not job.existing]
    return jobs, news


def _note_subjects(
    connection: Connection, kind: Kind[Any], arguments: Sequence[JobArgs], ids: Sequence[UUID], new: set[UUID]
) -> None:
    if not kind.subjects:
        return
    about = [
        (job_id, subject, value)
        for job_id, one in zip(ids, arguments, strict=True)
        if job_id in new
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


def claim(
    database: Database, ids: Sequence[UUID], worker_id: UUID, limited: Mapping[str, int], *, durable: bool = False
) -> list[Claim]:
    """Take the announced jobs that are free; those that others hold, or that a limit holds back, are left out.

    The claim's commit is asynchronous unless `durable`: should the server lose it, the job is simply still available,
    and the fence (which includes the worker) keeps the first attempt from completing beside a second one.
    """
    text = queries("jobs").claim_jobs.sql
    parameters = {"ids": list(ids), "worker_id": worker_id, "limited_kinds": list(limited)}
    with database.connection() as connection:
        if durable:
            rows = connection.execute(text, parameters).fetchall()
        else:
            with connection.pipeline(), connection.transaction():
                connection.execute("set local synchronous_commit = off")
                cursor = connection.execute(text, parameters)
            rows = cursor.fetchall()
        claims = [_claim_of(row, worker_id, limited=False) for row in rows]
        if len(rows) < len(ids):
            left = list(set(ids) - {row["id"] for row in rows})
            rows = _claim_limited(connection, left, worker_id, limited)
            claims += [_claim_of(row, worker_id, limited=True) for row in rows]
    return claims


def _claim_limited(
    connection: Connection, ids: Sequence[UUID], worker_id: UUID, limited: Mapping[str, int]
) -> list[dict[str, Any]]:
    names = [row["name"] for row in queries("jobs").limits_of(connection, ids=list(ids), limited_kinds=list(limited))]
    if not names:
        return []
    with connection.transaction():
        list(queries("jobs").lock_limits(connection, names=names))
        return list(
            queries("jobs").claim_limited_jobs(
                connection,
                ids=list(ids),
                worker_id=worker_id,
                limited_kinds=list(limited),
                kind_limits=list(limited.values()),
            )
        )


def _claim_of(row: Mapping[str, Any], worker_id: UUID, *, limited: bool) -> Claim:
    return Claim(
        row["id"],
        row["kind"],
        row["queue"],
        row["priority"],
        row["arguments"],
        row["attempt"],
        row["max_attempts"],
        row["fence"],
        worker_id,
        row["scheduled_at"],
        row["claimed_at"],
        row["rate_slot_at"],
        row["request_id"],
        tuple(row["tags"]),
        row["saved"],
        limited,
    )


def hold(connection: Connection, claim: Claim) -> None:
    """Lock the job's row for an intermediate transaction. Raises Superseded when the attempt lost the job."""
    held = queries("jobs").hold_fence(connection, id=claim.id, fence=claim.fence, worker_id=claim.worker_id)
    if held is None:
        raise Superseded(f"job {claim.id}, fence {claim.fence}")


def save(connection: Connection, claim: Claim, state: Mapping[str, Any]) -> None:
    """Keep, in a transaction that holds the fence, what a later attempt needs to go on from here."""
    queries("jobs").save_state(connection, id=claim.id, fence=claim.fence, saved=to_json(dict(state)).decode())


def settle_and_commit(connection: Connection, settlement: Settlement) -> None:
    """End the attempt inside the open transaction that holds the job's writes, and commit both in one round trip.

    Raises Superseded, with everything rolled back, when the attempt lost the job meanwhile.
    """
    parameters = _settlement_row(settlement)
    try:
        with connection.pipeline():
            connection.execute(queries("jobs").settle_job.sql, parameters)
            connection.execute("commit")
    except psycopg.Error as error:
        if error.sqlstate == SUPERSEDED:
            raise Superseded(f"job {settlement.claim.id}, fence {settlement.claim.fence}") from error
        raise


def settle_many(connection: Connection, worker_id: UUID, settlements: Sequence[Settlement]) -> list[dict[str, Any]]:
    """End many attempts that wrote nothing of their own; returns (id, fence, state, queue) of those still held."""
    rows = [_settlement_row(settlement) for settlement in settlements]
    columns = {plural: [row[single] for row in rows] for plural, single in _SETTLE_COLUMNS.items()}
    return list(queries("jobs").settle_jobs(connection, worker_id=worker_id, **columns))


_SETTLE_COLUMNS = {
    "ids": "id",
    "fences": "fence",
    "attempts": "attempt",
    "states": "state",
    "outcomes": "outcome",
    "scheduled_ats": "scheduled_at",
    "burned": "burned",
    "started_ats": "started_at",
    "finished_ats": "finished_at",
    "results": "result",
    "reasons": "reason",
    "error_classes": "error_class",
    "error_messages": "error_message",
    "error_traces": "error_trace",
}


def _settlement_row(settlement: Settlement) -> dict[str, Any]:
    claim = settlement.claim
    return {
        "id": claim.id,
        "fence": claim.fence,
        "worker_id": claim.worker_id,
        "attempt": claim.attempt,
        "state": settlement.state,
        "outcome": settlement.outcome,
        "scheduled_at": settlement.scheduled_at,
        "burned": settlement.burned,
        "started_at": settlement.started_at,
        "finished_at": settlement.finished_at,
        "result": None if settlement.result is None else to_json(dict(settlement.result)).decode(),
        "reason": settlement.reason,
        "error_class": settlement.error_class,
        "error_message": settlement.error_message,
        "error_trace": settlement.error_trace,
    }


def keep_log_lines(connection: Connection, lines: Sequence[LogLine]) -> None:
    """Keep log lines with their attempts; one that is kept already stays as it is."""
    queries("jobs").insert_log_lines(
        connection,
        ids=[line.job_id for line in lines],
        fences=[line.fence for line in lines],
        lines=[line.line for line in lines],
        logged_ats=[line.logged_at for line in lines],
        messages=[line.message for line in lines],
        fields=[json.dumps(line.fields, default=str) for line in lines],
    )


def reserve_rate_slots(connection: Connection, kind: Kind[Any], how_many: int, now: datetime) -> list[datetime]:
    """Book the next `how_many` starts of a rate-limited kind; those not after `now` may start at once."""
    if kind.rate is None:
        return [now] * how_many
    rows = queries("jobs").reserve_rate_slots(
        connection, kind=kind.name, now=now, spacing=kind.rate.spacing, burst=kind.rate.count, how_many=how_many
    )
    return [row["slot_at"] for row in rows]


def keep_rate_slots(connection: Connection, claims: Sequence[Claim]) -> None:
    """Note on jobs that are put off which start was booked for them, so that their next claim need not book again."""
    if claims:
        queries("jobs").keep_rate_slots(
            connection,
            ids=[claim.id for claim in claims],
            fences=[claim.fence for claim in claims],
            slots=[claim.rate_slot_at for claim in claims],
        )


def promote_due(connection: Connection, now: datetime, how_many: int) -> list[News]:
    """Make available what is due; returns the news of it."""
    rows = queries("jobs").promote_due_jobs(connection, now=now, how_many=how_many)
    return [News(row["id"], row["queue"], row["priority"]) for row in rows]


def head_of_queue(connection: Connection, queue: str, limited: Mapping[str, int], how_many: int) -> list[News]:
    """Return what the queue would run next, as far as its limits and pauses let it."""
    rows = queries("jobs").head_of_queue(
        connection, queue=queue, limited_kinds=list(limited), kind_limits=list(limited.values()), how_many=how_many
    )
    return [News(row["id"], queue, row["priority"]) for row in rows]


def rescue(connection: Connection, lost_after: timedelta, now: datetime) -> list[dict[str, Any]]:
    """Put back the jobs of workers silent for `lost_after`; returns (id, queue, priority, state, worker_id) of each."""
    return list(queries("jobs").rescue_jobs_of_silent_workers(connection, lost_after=lost_after, now=now))


def prune(connection: Connection, now: datetime, how_many: int) -> int:
    """Delete finished jobs past their retention; returns how many were deleted, at most `how_many`."""
    deleted: int = queries("jobs").prune_jobs(connection, now=now, how_many=how_many)
    return deleted
