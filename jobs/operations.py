"""What operators do to jobs, queues, schedules and workers. Each action leaves an audit row in the same transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal, TypeVar
from uuid import UUID

import psycopg
from pydantic import BaseModel, ConfigDict
from pydantic_core import to_json

from jobs import ledger
from jobs.ledger import EnqueuedJob, News
from jobs.registry import JobArgs, Kind, Registry
from jobs.work import Work
from runtime.identifiers import uuid7
from sql.database import queries
from ticketing.errors import AlreadyExists, ConditionNotMet, InvalidInput, NotFound
from ticketing.paging import fetch_planned

A = TypeVar("A", bound=JobArgs)
Action = Literal["retry", "cancel", "discard"]
COUNT_CAP = 100_001

# Well before the calendar's end: a moment that lies beyond it in some time zone can be stored, but never read again.
LONGEST_PAUSE_YEARS = 100
LONGEST_PAUSE = timedelta(days=365 * LONGEST_PAUSE_YEARS)

ACTS_ON: dict[Action, tuple[str, ...]] = {
    "retry": ("discarded", "cancelled", "retryable", "scheduled"),
    "cancel": ("scheduled", "available", "retryable", "running"),
    "discard": ("scheduled", "available", "retryable"),
}


def audit(
    work: Work,
    action: str,
    target: tuple[str, object],
    *,
    reason: str | None = None,
    details: Mapping[str, Any] | None = None,
) -> None:
    """Write down that the acting person did something to a target (type, id), and why."""
    queries("job_operations").insert_audit(
        work.connection,
        id=uuid7(),
        now=work.now,
        actor_kind=work.actor.kind,
        actor_id=work.actor.user_id,
        actor_name=work.actor.name,
        action=action,
        target_type=target[0],
        target_id=str(target[1]),
        reason=reason,
        details=to_json(dict(details or {})).decode(),
        request_id=work.request_id,
    )


def act_on_job(work: Work, job_id: UUID, action: Action, reason: str | None = None) -> str:
    """Retry, cancel or discard one job; returns the state it is in now (`running` when its cancellation is requested).

    Raises NotFound for an unknown job, ConditionNotMet when its state does not allow the action, and AlreadyExists when
    a retry would run beside an unfinished job with the same unique key.
    """
    job = queries("job_operations").lock_job(work.connection, id=job_id)
    if job is None:
        raise NotFound(f"No job has the id {job_id}")
    if job["state"] not in ACTS_ON[action]:
        raise ConditionNotMet(
            f"A job that is {job['state']} cannot be {_PAST[action]}; that needs one of: {', '.join(ACTS_ON[action])}",
            details={"state": job["state"], "allowed": list(ACTS_ON[action])},
        )
    apply(work, [job_id], action, reason)
    audit(work, f"job_{action}", ("job", job_id), reason=reason, details={"was": job["state"]})
    state: str = queries("job_operations").lock_job(work.connection, id=job_id)["state"]
    return state


_PAST = {"retry": "retried", "cancel": "cancelled", "discard": "discarded"}


def apply(work: Work, ids: Sequence[UUID], action: Action, reason: str | None) -> int:
    """Do the action to those jobs whose state allows it, without an audit row; returns to how many it was done."""
    operation = queries("job_operations")
    if action == "retry":
        try:
            with work.connection.transaction():
                rows = list(operation.retry_jobs(work.connection, ids=list(ids), now=work.now))
        except psycopg.errors.UniqueViolation as error:
            if len(ids) > 1:
                return sum(_retry_if_free(work, job_id) for job_id in ids)
            raise AlreadyExists(
                "An unfinished job with the same unique key exists; wait for it or cancel it"
            ) from error
        work.announce([News(row["id"], row["queue"], row["priority"]) for row in rows])
    elif action == "cancel":
        rows = list(operation.cancel_jobs(work.connection, ids=list(ids), now=work.now, reason=reason))
    else:
        rows = list(operation.discard_jobs(work.connection, ids=list(ids), now=work.now, reason=reason))
    return len(rows)


def _retry_if_free(work: Work, job_id: UUID) -> int:
    try:
        return apply(work, [job_id], "retry", None)
    except AlreadyExists:
        return 0


class BulkFilter(BaseModel):
    """Which jobs a bulk action concerns; None does not narrow. `state` must be one that the action can start from."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    state: str | None = None
    kind: str | None = None
    queue: str | None = None
    tag: str | None = None
    error_text: str | None = None
    created_before: datetime | None = None
    fingerprint: UUID | None = None

    def states(self, action: Action) -> list[str]:
        """Return the states that are concerned. Raises InvalidInput for one that the action cannot start from."""
        if self.state is None:
            return list(ACTS_ON[action])
        if self.state not in ACTS_ON[action]:
            raise InvalidInput(
                f"{action} does not apply to jobs that are {self.state}",
                details={"state": f"one of: {', '.join(ACTS_ON[action])}"},
            )
        return [self.state]


def count_bulk(work: Work, action: Action, chosen: BulkFilter) -> int:
    """Return how many jobs a bulk action would concern now, counted up to 100,001."""
    (row,) = fetch_planned(
        work.connection,
        queries("job_operations").count_for_bulk,
        **_narrow(action, chosen),
        up_to_id=uuid7(),
        cap=COUNT_CAP,
    )
    return int(row["count"])


def start_bulk(work: Work, kind: Kind[A], arguments: A) -> EnqueuedJob:
    """Enqueue a bulk action as a job, with an audit row that keeps what was asked for."""
    job = work.enqueue(kind, arguments)
    asked = arguments.model_dump(mode="json")
    audit(work, "jobs_bulk", ("job", job.id), reason=asked.get("reason"), details=asked)
    return job


def next_of_bulk(
    work: Work, action: Action, chosen: BulkFilter, *, after_id: UUID | None, up_to_id: UUID, how_many: int
) -> list[UUID]:
    """Return the next jobs of a frozen set: those that matched when the action was asked for, in order of their ids."""
    rows = fetch_planned(
        work.connection,
        queries("job_operations").select_for_bulk,
        **_narrow(action, chosen),
        after_id=after_id,
        up_to_id=up_to_id,
        how_many=how_many,
    )
    return [row["id"] for row in rows]


def _narrow(action: Action, chosen: BulkFilter) -> dict[str, Any]:
    return {
        "states": chosen.states(action),
        "kind": chosen.kind,
        "queue": chosen.queue,
        "tag": chosen.tag,
        "error_text": chosen.error_text,
        "created_before": chosen.created_before,
        "fingerprint": chosen.fingerprint,
    }


def pause_queue(work: Work, name: str, reason: str) -> None:
    """Stop the claiming of a queue's jobs; what runs goes on. Raises NotFound; InvalidInput without a reason."""
    reason = _reason(reason)
    _found(
        queries("job_operations").pause_queue(
            work.connection, name=name, now=work.now, who=work.actor.name, reason=reason
        ),
        f"No queue is called {name!r}",
    )
    audit(work, "queue_pause", ("queue", name), reason=reason)


def resume_queue(work: Work, registry: Registry, name: str, reason: str | None = None) -> None:
    """Let a paused queue go on at once. Raises NotFound."""
    _found(queries("job_operations").resume_queue(work.connection, name=name), f"No queue is called {name!r}")
    work.announce(ledger.head_of_queue(work.connection, name, registry.limited(), 1_000))
    audit(work, "queue_resume", ("queue", name), reason=reason)


def limit_queue(work: Work, registry: Registry, name: str, limit: int | None, reason: str | None = None) -> None:
    """Set how many jobs of a queue may run at once over all workers (None: no limit). Raises NotFound, InvalidInput."""
    if limit is not None and limit < 1:
        raise InvalidInput("A limit is at least 1; to stop a queue, pause it", details={"limit": "at least 1"})
    _found(
        queries("job_operations").limit_queue(work.connection, name=name, concurrency_limit=limit),
        f"No queue is called {name!r}",
    )
    work.announce(ledger.head_of_queue(work.connection, name, registry.limited(), 1_000))
    audit(work, "queue_limit", ("queue", name), reason=reason, details={"limit": limit})


def run_schedule_now(work: Work, registry: Registry, name: str, reason: str | None = None) -> EnqueuedJob:
    """Enqueue a schedule's job outside its times. Raises NotFound."""
    schedule = _schedule(work, name)
    job = work.enqueue(registry.get(schedule["kind"]), tags=("run_now",), subjects=(("schedule", name),))
    audit(work, "schedule_run_now", ("schedule", name), reason=reason, details={"job_id": job.id})
    return job


def pause_schedule(work: Work, name: str, until: datetime, reason: str) -> None:
    """Drop a schedule's ticks until an aware moment, at most LONGEST_PAUSE from now. Raises NotFound, InvalidInput."""
    reason = _reason(reason)
    _schedule(work, name)
    if until <= work.now:
        raise InvalidInput("A pause ends in the future", details={"until": "must be after now"})
    if until - work.now > LONGEST_PAUSE:
        raise InvalidInput(
            f"A pause lasts at most {LONGEST_PAUSE_YEARS} years; pause it again when that is over",
            details={"until": f"at most {LONGEST_PAUSE_YEARS} years from now"},
        )
    queries("job_operations").pause_schedule(
        work.connection, name=name, until=until, who=work.actor.name, reason=reason
    )
    audit(work, "schedule_pause", ("schedule", name), reason=reason, details={"until": until})


def resume_schedule(work: Work, name: str, reason: str | None = None) -> None:
    """End a schedule's pause. Raises NotFound."""
    _schedule(work, name)
    queries("job_operations").resume_schedule(work.connection, name=name)
    audit(work, "schedule_resume", ("schedule", name), reason=reason)


def quiet_worker(work: Work, worker_id: UUID, quiet: bool, reason: str | None = None) -> None:
    """Ask a worker process to take no new jobs, or to take them again; it follows in a heartbeat. Raises NotFound."""
    _found(
        queries("job_operations").quiet_worker(work.connection, id=worker_id, quiet=quiet),
        f"No running worker has the id {worker_id}",
    )
    audit(work, "worker_quiet" if quiet else "worker_wake", ("worker", worker_id), reason=reason)


def _schedule(work: Work, name: str) -> dict[str, Any]:
    row: dict[str, Any] | None = queries("job_operations").get_schedule(work.connection, name=name)
    if row is None:
        raise NotFound(f"No schedule is called {name!r}")
    return row


def _found(value: object, message: str) -> None:
    if value is None:
        raise NotFound(message)


def _reason(text: str) -> str:
    if not text.strip():
        raise InvalidInput("A reason is needed: others will want to know why", details={"reason": "must not be blank"})
    return text.strip()
