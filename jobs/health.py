"""Whether the system can do its work, judged from outside any one process: what is wrong, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Literal

import redis

from jobs.outside import is_set_up
from jobs.platform import Platform
from sql.database import Connection, queries
from sql.errors import DatabaseProblem, translated
from sql.migrate import SchemaMismatch, check

State = Literal["ok", "degraded", "down"]

# A job that is available for longer than this waits for somebody who does not come.
BACKLOG_AGE = 60.0
SCHEDULE_GRACE = timedelta(seconds=90)
COUNTED_BY_QUEUE = 10_000


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found about one part: `down` stops the API, `degraded` only what lies behind it."""

    part: str
    state: State
    message: str
    remedy: str | None = None
    details: dict[str, Any] = field(default_factory=dict)


def examine(platform: Platform) -> list[Finding]:
    """Look at every part and return what was found; never raises for a part that is away."""
    return [*_ledger(platform), _redis(platform)]


def look_behind(platform: Platform, connection: Connection) -> list[Finding]:
    """Look at what lies behind the API, the database being there: scheduler, workers, services outside, Redis."""
    signs = vital_signs(platform, connection)
    standings = list(queries("integrations").list_states(connection))
    return [*_behind(platform, signs, standings), _redis(platform)]


def is_ready(findings: list[Finding]) -> bool:
    """Whether requests can be served: Redis, workers and scheduler may be away, for the ledger keeps the work."""
    return all(finding.state != "down" for finding in findings)


def vital_signs(platform: Platform, connection: Connection) -> dict[str, Any]:
    """Read the row that readiness is judged by; see the query."""
    row: dict[str, Any] = queries("health").vital_signs(
        connection,
        lost_after=timedelta(seconds=platform.settings.worker_lost_after),
        now=platform.clock.now(),
        schedule_grace=SCHEDULE_GRACE,
        cap=COUNTED_BY_QUEUE,
    )
    return row


def _ledger(platform: Platform) -> Iterator[Finding]:
    try:
        with translated(), platform.read() as connection:
            check(connection)
            signs = vital_signs(platform, connection)
            standings = list(queries("integrations").list_states(connection))
    except SchemaMismatch as error:
        yield Finding("database", "ok", "PostgreSQL answers")
        yield Finding("schema", "down", error.message, "Run `fibreflow migrate` with the release that is installed")
        return
    except DatabaseProblem:
        yield Finding(
            "database",
            "down",
            "PostgreSQL does not answer",
            "See that it runs and that FIBREFLOW_DATABASE_URL leads to it; `fibreflow doctor` tells more",
        )
        return
    yield Finding("database", "ok", "PostgreSQL answers")
    yield Finding("schema", "ok", "The schema is this release's")
    yield from _behind(platform, signs, standings)


def _behind(platform: Platform, signs: dict[str, Any], standings: list[dict[str, Any]]) -> Iterator[Finding]:
    yield from (_scheduler(signs), _schedules(signs), _workers(signs), _backlog(signs))
    yield from (_integration(row) for row in standings if is_set_up(platform.settings, row["integration"]))


def _scheduler(signs: dict[str, Any]) -> Finding:
    if signs["has_leader"]:
        return Finding("scheduler", "ok", "A scheduler leads")
    return Finding(
        "scheduler",
        "degraded",
        "No scheduler leads: nothing is scheduled, retried or rescued",
        "Start one: `python -m scheduler`",
    )


def _schedules(signs: dict[str, Any]) -> Finding:
    late = signs["late_schedules"] or []
    if not late:
        return Finding("schedules", "ok", "Every schedule is on time")
    return Finding(
        "schedules",
        "degraded",
        f"Schedules did not run when they were due: {', '.join(late)}",
        "See that a scheduler leads; `fibreflow schedules` shows each one's last run",
        {"late": late},
    )


def _workers(signs: dict[str, Any]) -> Finding:
    if signs["workers"]:
        return Finding("workers", "ok", f"{signs['workers']} alive", details={"alive": signs["workers"]})
    return Finding(
        "workers", "degraded", "No worker is alive: jobs are kept and wait", "Start some: `python -m workers`"
    )


def _backlog(signs: dict[str, Any]) -> Finding:
    oldest = max(signs["oldest_seconds"] or 0.0, 0.0)
    waiting = f"{'At least ' if signs['waiting_is_capped'] else ''}{signs['waiting']} jobs wait"
    details = {
        "waiting": signs["waiting"],
        "waiting_is_capped": signs["waiting_is_capped"],
        "oldest_seconds": round(oldest, 1),
        "paused_queues": signs["paused_queues"] or [],
    }
    if oldest <= BACKLOG_AGE:
        return Finding("backlog", "ok", waiting, details=details)
    return Finding(
        "backlog",
        "degraded",
        f"{waiting}, the oldest for {round(oldest)} s",
        "See that workers are alive and Redis answers; more worker processes shorten the wait",
        details,
    )


def _integration(row: dict[str, Any]) -> Finding:
    name, details = row["integration"], {"breaker": row["state"], "retry_at": row["retry_at"]}
    if row["held_at"] is not None:
        return Finding(
            name,
            "degraded",
            f"{name} is held by an operator: its jobs wait",
            f"`GET /api/ticketing/integrations` tells why; `POST .../integrations/{name}/release` lets them go on",
        )
    if row["state"] == "closed":
        return Finding(name, "ok", f"{name} is called as usual")
    return Finding(
        name,
        "degraded",
        f"{name} is left alone after {row['last_error_code']}: its jobs wait",
        "It is tried again by itself; `fibreflow doctor` tells whether it can be reached",
        details,
    )


def _redis(platform: Platform) -> Finding:
    try:
        platform.wire.ping()
    except redis.RedisError:
        return Finding(
            "redis",
            "degraded",
            "Redis does not answer: jobs are accepted and start once it does; rate limits are open",
            "See that it runs and that FIBREFLOW_REDIS_URL leads to it; `fibreflow doctor` tells more",
        )
    return Finding("redis", "ok", "Redis answers")
