"""The ledger: every job is a row, and every move of a job is one statement here.

The rows are the truth. What Redis says is only news of them, so each move checks the state that it starts from, and the
moves of an attempt check that it still holds the job (`fence`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from operator import attrgetter
from typing import Any, Literal
from uuid import UUID

import psycopg

from jobs.last_writes import LastWrite, texts
from jobs.outcomes import Superseded
from jobs.registry import Kind
from jobs.storable import storable, storable_json
from sql.database import Connection, Database, bound, execute_at_once, queries
from ticketing.people import Actor

SUPERSEDED = "FF001"

# Plans that are made, and kept, while the table is next to empty would read all of it for every batch, and be a hundred
# times too slow by the time that the statistics are gathered anew.
_BEGIN_BY_INDEX = "begin; set local enable_seqscan = off"
LARGEST = 2**63 - 1

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


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a job is; `total` None means that it is not known."""

    done: int
    total: int | None
    phase: str | None

    @classmethod
    def of(cls, done: float, total: float | None, phase: str | None) -> Progress:
        """Return progress that the ledger can keep. Raises ValueError for a negative number, or one beyond bigint."""
        numbers = [int(done), None if total is None else int(total)]
        if any(number is not None and not 0 <= number <= LARGEST for number in numbers):
            raise ValueError(f"progress is counted from 0 to {LARGEST}, not {done} of {total}")
        return cls(int(done), None if total is None else int(total), None if phase is None else storable(phase))


@dataclass(frozen=True, slots=True, kw_only=True)
class Settlement:
    """How an attempt ended.

    `burned` tells whether it counts as one of the attempts that the kind allows; `result` is JSON (`storable_json`);
    `last_writes` take effect with it, or neither does.
    """

    claim: Claim
    state: State
    outcome: AttemptOutcome
    finished_at: datetime
    started_at: datetime | None = None
    scheduled_at: datetime | None = None
    burned: bool = True
    result: str | None = None
    reason: str | None = None
    error_class: str | None = None
    error_message: str | None = None
    error_trace: str | None = None
    error_place: str | None = None
    last_writes: tuple[LastWrite, ...] = ()


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line that a job logged, kept with its attempt."""

    job_id: UUID
    fence: int
    line: int
    logged_at: datetime
    message: str
    fields: dict[str, Any] = field(default_factory=dict)


def claim(
    database: Database, ids: Sequence[UUID], worker_id: UUID, limited: Mapping[str, int], *, durable: bool = False
) -> list[Claim]:
    """Take the announced jobs that are free; those that others hold, or that a limit holds back, are left out.

    The claim's commit is asynchronous unless `durable`: should the server lose it, the job is simply still available,
    and the fence (which includes the worker) keeps the first attempt from completing beside a second one.
    """
    with database.connection() as connection:
        rows = list(
            queries("jobs").claim_jobs(
                connection, ids=list(ids), worker_id=worker_id, limited_kinds=list(limited), durable=durable
            )
        )
        claims = [_claim_of(row, worker_id, limited=False) for row in rows]
        if len(rows) < len(ids):
            left = list(set(ids) - {row["id"] for row in rows})
            rows = _claim_limited(connection, left, worker_id, limited)
            claims += [_claim_of(row, worker_id, limited=True) for row in rows]
    # `returning` keeps no order; the ids came most urgent first.
    place = {job_id: number for number, job_id in enumerate(ids)}
    return sorted(claims, key=lambda one: place[one.id])


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


def find_claims(connection: Connection, worker_id: UUID, held: Collection[tuple[UUID, int]]) -> list[Claim]:
    """Return, of the given (job id, fence), those that the worker holds."""
    rows = queries("jobs").find_claims(
        connection, worker_id=worker_id, ids=[key[0] for key in held], fences=[key[1] for key in held]
    )
    return [_claim_of(row, worker_id, limited=True) for row in rows]


def hold(connection: Connection, claim: Claim) -> None:
    """Lock the job's row until the end of an intermediate transaction. Raises Superseded when the attempt lost it.

    Call it last: the heartbeat and the rescuer have to reach the row while the transaction does its work.
    """
    held = queries("jobs").hold_fence(connection, id=claim.id, fence=claim.fence, worker_id=claim.worker_id)
    if held is None:
        raise Superseded(f"job {claim.id}, fence {claim.fence}")


def save(connection: Connection, claim: Claim, state: Mapping[str, Any]) -> None:
    """Keep, in a transaction that holds the fence, what a later attempt needs to go on from here."""
    queries("jobs").save_state(connection, id=claim.id, fence=claim.fence, saved=storable_json(state))


def settle_and_commit(connection: Connection, settlement: Settlement) -> None:
    """End the attempt inside the open transaction that holds the job's writes, and commit both in one round trip.

    Its last writes travel along. Raises Superseded, with everything rolled back, when the attempt lost the job
    meanwhile. An outcome of the body is settled here (done, snoozed, cancelled), a failure with `settle_many`.
    """
    try:
        statements = [*texts(connection, settlement.last_writes), _settle_text(connection, settlement), "commit"]
        execute_at_once(connection, "; ".join(statements))
    except psycopg.Error as error:
        if error.sqlstate == SUPERSEDED:
            connection.rollback()
            raise Superseded(f"job {settlement.claim.id}, fence {settlement.claim.fence}") from error
        raise


def _settle_text(connection: Connection, settlement: Settlement) -> str:
    """Write the call of `settle_attempt` out: for ids, numbers and times, a fifth of what it costs to bind them."""
    claim, texts = settlement.claim, "null, null"
    if settlement.result is not None or settlement.reason is not None:
        said = {"result": settlement.result, "reason": settlement.reason}
        texts = bound(connection, "%(result)s::text::jsonb, %(reason)s::text", said)
    return (
        f"select settle_attempt('{claim.id}'::uuid, {claim.fence}, '{claim.worker_id}'::uuid, {claim.attempt},"
        f" '{settlement.state}', '{settlement.outcome}', {_time(settlement.scheduled_at)}, {settlement.burned},"
        f" {_time(settlement.started_at)}, {_time(settlement.finished_at)}, {texts})"
    )


def _time(at: datetime | None) -> str:
    return f"'{at.isoformat()}'::timestamptz" if at else "null"


@contextmanager
def settling(database: Database) -> Iterator[Connection]:
    """Lend a connection with a transaction open in which attempts are settled, and commit it."""
    with database.connection() as connection:
        execute_at_once(connection, _BEGIN_BY_INDEX)
        try:
            yield connection
        except BaseException:
            connection.rollback()
            raise
        execute_at_once(connection, "commit")


def settle_many(connection: Connection, worker_id: UUID, settlements: Sequence[Settlement]) -> list[dict[str, Any]]:
    """End many attempts that wrote nothing of their own; returns (id, fence, state, queue) of those still held."""
    columns = {name: [value(settlement) for settlement in settlements] for name, value in _SETTLED.items()}
    settled = list(queries("jobs").settle_jobs(connection, worker_id=worker_id, **columns))
    if any(settlement.error_class for settlement in settlements):
        _note_failures(connection, settled)
    return settled


def _note_failures(connection: Connection, jobs: Sequence[Mapping[str, Any]]) -> None:
    queries("failures").note_failures(connection, ids=[job["id"] for job in jobs])


_SETTLED = {
    "ids": attrgetter("claim.id"),
    "fences": attrgetter("claim.fence"),
    "attempts": attrgetter("claim.attempt"),
    "states": attrgetter("state"),
    "outcomes": attrgetter("outcome"),
    "scheduled_ats": attrgetter("scheduled_at"),
    "burned": attrgetter("burned"),
    "started_ats": attrgetter("started_at"),
    "finished_ats": attrgetter("finished_at"),
    "results": attrgetter("result"),
    "reasons": attrgetter("reason"),
    "error_classes": attrgetter("error_class"),
    "error_messages": attrgetter("error_message"),
    "error_traces": attrgetter("error_trace"),
    "error_places": attrgetter("error_place"),
}


def keep_progress(connection: Connection, reported: Sequence[tuple[Claim, Progress]]) -> None:
    """Keep the last progress of attempts that are about to be settled in the same transaction."""
    if reported:
        queries("jobs").keep_progress(
            connection,
            ids=[claim.id for claim, _ in reported],
            fences=[claim.fence for claim, _ in reported],
            dones=[progress.done for _, progress in reported],
            totals=[progress.total for _, progress in reported],
            phases=[progress.phase for _, progress in reported],
        )


def keep_log_lines(connection: Connection, lines: Sequence[LogLine]) -> None:
    """Keep log lines with their attempts; one that is kept already stays as it is."""
    queries("jobs").insert_log_lines(
        connection,
        ids=[line.job_id for line in lines],
        fences=[line.fence for line in lines],
        lines=[line.line for line in lines],
        logged_ats=[line.logged_at for line in lines],
        messages=[line.message for line in lines],
        fields=[storable_json(line.fields, fallback=str) for line in lines],
    )


def reserve_rate_slots(connection: Connection, kind: Kind[Any], how_many: int, now: datetime) -> list[datetime]:
    """Book the next `how_many` starts of a rate-limited kind; those not after `now` may start at once."""
    if kind.rate is None:
        return [now] * how_many
    rows = queries("jobs").reserve_rate_slots(
        connection, kind=kind.name, now=now, spacing=kind.rate.spacing, how_many=how_many
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
    rescued = list(queries("jobs").rescue_jobs_of_silent_workers(connection, lost_after=lost_after, now=now))
    _note_failures(connection, rescued)
    return rescued


def prune(connection: Connection, now: datetime, how_many: int) -> int:
    """Delete finished jobs past their retention; returns how many were deleted, at most `how_many`."""
    deleted: int = queries("jobs").prune_jobs(connection, now=now, how_many=how_many)
    return deleted
