"""Queues: how full they are, pausing and resuming them, how many of their jobs may run at once."""

from __future__ import annotations

from flask import Response
from pydantic import BaseModel, ConfigDict, Field

from admin_api.api.jobs import READERS, ReasonBody
from admin_api.auth import requires
from admin_api.blueprints import blueprint
from admin_api.context import now, platform, unit_of_work
from admin_api.requests import Reason, body_as
from admin_api.responses import success
from jobs import operations, statistics, views

api = blueprint("queues")


class PauseBody(BaseModel):
    """Why a queue is paused; everybody who looks at it is told."""

    model_config = ConfigDict(extra="forbid")

    reason: Reason


class LimitBody(BaseModel):
    """The most jobs of a queue that run at once over all workers; null lifts the limit."""

    model_config = ConfigDict(extra="forbid")

    limit: int | None = Field(ge=1, le=10_000)
    reason: Reason | None = None


@api.get("/queues")
@requires(*READERS)
def list_queues() -> Response:
    """List the queues with their depth, running jobs, oldest waiting job, limit, pause and what ended in an hour."""
    with platform().read() as connection:
        rows = views.list_queues(connection)
        ended = statistics.throughput(connection, now())
    shown = [{**row, "last_hour": ended.get(row["name"], {})} for row in rows]
    return success(shown, meta={"counted_up_to": views.COUNT_CAP})


@api.post("/queues/<name>/pause")
@requires("operator")
def pause_queue(name: str, body: PauseBody) -> Response:
    """Start no more jobs of a queue; what runs goes on, and new jobs are still accepted."""
    with unit_of_work() as work:
        operations.pause_queue(work, name, body.reason)
    return success({"name": name, "paused": True}, "The queue is paused")


@api.post("/queues/<name>/resume")
@requires("operator")
def resume_queue(name: str) -> Response:
    """Let a paused queue go on."""
    reason = body_as(ReasonBody, optional=True).reason
    with unit_of_work() as work:
        operations.resume_queue(work, platform().registry, name, reason)
    return success({"name": name, "paused": False}, "The queue goes on")


@api.post("/queues/<name>/limit")
@requires("operator")
def limit_queue(name: str, body: LimitBody) -> Response:
    """Set how many jobs of a queue may run at once over all workers."""
    with unit_of_work() as work:
        operations.limit_queue(work, platform().registry, name, body.limit, body.reason)
    return success({"name": name, "concurrency_limit": body.limit}, "The limit is set")
