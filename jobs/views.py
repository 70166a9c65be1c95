"""What the ledger tells people and programs: jobs, attempts, queues, schedules, workers, and what operators did."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from jobs import schedules
from jobs.cron import in_words
from jobs.registry import Registry
from sql.database import Connection, queries
from ticketing.errors import NotFound

COUNT_CAP = 10_001
SHOW_WORKERS_FOR = timedelta(hours=24)
LATE_AFTER = timedelta(minutes=2)
NEXT_RUNS = 3
LAST_RUNS = 60
SUBJECTS_LISTED = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFilter:
    """Which jobs to list; None does not narrow. `subject_type` and `subject_id` go together."""

    state: str | None = None
    kind: str | None = None
    queue: str | None = None
    tag: str | None = None
    subject_type: str | None = None
    subject_id: str | None = None
    actor_name: str | None = None
    created_after: datetime | None = None
    created_before: datetime | None = None
    error_text: str | None = None
    fingerprint: UUID | None = None
    parent_id: UUID | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditFilter:
    """Which entries of the audit to list; None does not narrow."""

    target_type: str | None = None
    target_id: str | None = None
    actor_name: str | None = None
    action: str | None = None


def list_jobs(
    connection: Connection, wanted: JobFilter, *, before_id: UUID | None = None, page_size: int = 50
) -> list[dict[str, Any]]:
    """Return up to `page_size` jobs, newest first; `before_id` continues after the last row of the page before."""
    # Never prepared: each combination of filters wants a plan of its own.
    cursor = connection.execute(
        queries("job_views").list_jobs.sql,
        {**asdict(wanted), "before_id": before_id, "page_size": page_size},
        prepare=False,
    )
    return [_with_progress(row) for row in cursor.fetchall()]


def with_subjects(connection: Connection, jobs: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return jobs with `subjects`: the first SUBJECTS_LISTED things that each is about, in the shape of `show_job`."""
    about = subjects_of(connection, [job["id"] for job in jobs], most=SUBJECTS_LISTED)
    return [{**job, "subjects": about[job["id"]]} for job in jobs]


def subjects_of(
    connection: Connection, job_ids: Sequence[UUID], *, most: int | None = None
) -> dict[UUID, list[dict[str, Any]]]:
    """Return what jobs are about: `subject_type`, `subject_id` and `subject_name`.

    The name is the number of a ticket or a weekly report, and None for anything else.
    """
    about: dict[UUID, list[dict[str, Any]]] = {job_id: [] for job_id in job_ids}
    for row in queries("job_views").job_subjects_of(connection, job_ids=list(job_ids), most=most):
        about[row.pop("job_id")].append(row)
    return about


def count_by_state(connection: Connection) -> dict[str, int]:
    """Return how many jobs are in each state, counted up to 10,001 (read that as "more than 10,000")."""
    return {row["state"]: row["jobs"] for row in queries("job_views").count_jobs_by_state(connection, cap=COUNT_CAP)}


def show_job(connection: Connection, registry: Registry, job_id: UUID) -> dict[str, Any]:
    """Return one job with its attempts, subjects and children, its arguments redacted. Raises NotFound."""
    row = queries("job_views").get_job(connection, id=job_id)
    if row is None:
        raise NotFound(f"No job has the id {job_id}")
    view = queries("job_views")
    job = _with_progress(row)
    if row["kind"] in registry:
        job["arguments"] = registry.get(row["kind"]).redacted(row["arguments"])
    return {
        **job,
        "attempts": list(view.job_attempts_of(connection, job_id=job_id)),
        "subjects": subjects_of(connection, [job_id])[job_id],
        "children": list(view.job_children_of(connection, job_id=job_id)),
    }


def show_log(connection: Connection, job_id: UUID, attempt: int | None = None) -> list[dict[str, Any]]:
    """Return the log lines of one attempt of a job, or of all. Raises NotFound for an unknown job."""
    if queries("job_views").get_job(connection, id=job_id) is None:
        raise NotFound(f"No job has the id {job_id}")
    return list(queries("job_views").job_log_of(connection, job_id=job_id, attempt=attempt))


def eta_seconds(row: Mapping[str, Any]) -> float | None:
    """Return how many seconds a running job still needs at its pace so far; None when that cannot be told."""
    done, total, started, seen = (
        row.get(name) for name in ("progress_done", "progress_total", "started_at", "progress_at")
    )
    if row["state"] != "running" or not done or not total or started is None or seen is None:
        return None
    elapsed = (seen - started).total_seconds()
    return round(max(elapsed / done * (total - done), 0.0), 1) if elapsed > 0 else None


def _with_progress(row: Mapping[str, Any]) -> dict[str, Any]:
    cancelling = row["state"] == "running" and row["cancel_requested_at"] is not None
    return {**row, "eta_seconds": eta_seconds(row), "cancel_requested": cancelling}


def list_queues(connection: Connection) -> list[dict[str, Any]]:
    """Return every queue with its depth, running jobs, oldest waiting job, limit and pause."""
    return list(queries("job_views").queue_figures(connection, cap=COUNT_CAP))


def list_schedules(connection: Connection, now: datetime) -> list[dict[str, Any]]:
    """Return every schedule with its next three fire times, its cron line in words, and whether it is late.

    Late: nobody fired it in two minutes.
    """
    return [
        {**row, "next_runs": _next_runs(row, now), "late": is_late(row, now), "in_words": in_words(row["cron"])}
        for row in queries("job_views").list_schedules(connection)
    ]


def is_late(schedule: Mapping[str, Any], now: datetime) -> bool:
    """Whether a schedule should have fired and did not: the alarm for a scheduler that is down."""
    paused = schedule["paused_until"] is not None and schedule["paused_until"] > now
    return not paused and bool(schedule["next_fire_at"] < now - LATE_AFTER)


def schedule_runs(connection: Connection, name: str, how_many: int = LAST_RUNS) -> list[dict[str, Any]]:
    """Return the newest ticks of a schedule, newest first."""
    return list(queries("job_views").schedule_runs(connection, name=name, how_many=how_many))


def recent_runs(connection: Connection, how_many: int = LAST_RUNS) -> dict[str, list[dict[str, Any]]]:
    """Return the newest ticks of every schedule by its name, newest first; a schedule that never ran is not there."""
    found: dict[str, list[dict[str, Any]]] = {}
    for row in queries("job_views").runs_of_schedules(connection, how_many=how_many):
        found.setdefault(row["schedule_name"], []).append(row)
    return found


def list_workers(connection: Connection, now: datetime) -> list[dict[str, Any]]:
    """Return the worker and scheduler processes of the last day, each with a `status` word and the jobs it holds."""
    rows = queries("job_views").list_workers(connection, since=now - SHOW_WORKERS_FOR)
    return [{**row, "status": worker_status(row)} for row in rows]


def worker_status(row: Mapping[str, Any]) -> str:
    """Return `stopped`, `lost`, `stopping`, `quiet` or `alive`; lost: three heartbeats, at least 5 s, are missing."""
    if row["stopped_at"] is not None:
        return "stopped"
    if row["silent_seconds"] > max(3 * row["heartbeat_interval"], 5.0):
        return "lost"
    if row["stopping_at"] is not None:
        return "stopping"
    return "quiet" if row["quiet"] else "alive"


def _next_runs(row: Mapping[str, Any], now: datetime) -> list[datetime]:
    paused_until = row["paused_until"]
    after = max(now, paused_until) if paused_until is not None else now
    first: datetime = row["next_fire_at"]
    if first > after:
        return [first, *schedules.next_fires(row["cron"], first, NEXT_RUNS - 1)]
    return schedules.next_fires(row["cron"], after, NEXT_RUNS)


def list_audit(
    connection: Connection,
    *,
    target_type: str | None = None,
    target_id: str | None = None,
    actor_name: str | None = None,
    action: str | None = None,
    before_id: UUID | None = None,
    page_size: int = 50,
) -> list[dict[str, Any]]:
    """Return what operators did, newest first; `before_id` continues a page."""
    cursor = connection.execute(
        queries("job_views").list_audit.sql,
        {
            "target_type": target_type,
            "target_id": target_id,
            "actor_name": actor_name,
            "action": action,
            "before_id": before_id,
            "page_size": page_size,
        },
        prepare=False,
    )
    return cursor.fetchall()


def recent_attempts(connection: Connection, since: datetime) -> list[dict[str, Any]]:
    """Return, by kind, queue and outcome, how many attempts ended since then and their waiting and running seconds."""
    return list(queries("job_views").recent_attempts(connection, since=since))


def leader(connection: Connection) -> dict[str, Any] | None:
    """Return who leads the schedulers now, or None when nobody does."""
    row: dict[str, Any] | None = queries("job_views").get_lease(connection, name="scheduler")
    return row
