"""Schedules: what runs by the clock, whether it did, running it now, leaving it out for a while."""

from __future__ import annotations

from typing import Any

from flask import Response
from pydantic import BaseModel, ConfigDict

from admin_api.api.jobs import OPERATORS, READERS, ReasonBody
from admin_api.auth import requires
from admin_api.blueprints import PREFIX, blueprint
from admin_api.context import now, platform, unit_of_work
from admin_api.idempotency import idempotent
from admin_api.requests import Moment, Reason, body_as
from admin_api.responses import success
from jobs import operations, views
from ticketing.errors import NotFound

api = blueprint("schedules")

RUNS_IN_THE_LIST = 5


class PauseScheduleBody(BaseModel):
    """Until when a schedule's ticks are left out, and why."""

    model_config = ConfigDict(extra="forbid")

    until: Moment
    reason: Reason


@api.get("/schedules")
@requires(*READERS)
def list_schedules() -> Response:
    """List the schedules with their next and last runs; `late` ones should have run and did not."""
    with platform().read() as connection:
        rows = views.list_schedules(connection, now())
        runs = views.recent_runs(connection, RUNS_IN_THE_LIST)
    return success([{**row, "last_runs": runs.get(row["name"], [])} for row in rows])


@api.get("/schedules/<name>")
@requires(*READERS)
def show_schedule(name: str) -> Response:
    """Show a schedule with its last sixty runs."""
    return success(read_schedule(name))


@api.post("/schedules/<name>/run")
@requires(*OPERATORS)
@idempotent
def run_schedule(name: str) -> Response:
    """Run a schedule's job now, outside its times."""
    reason = body_as(ReasonBody, optional=True).reason
    with unit_of_work() as work:
        job = operations.run_schedule_now(work, platform().registry, name, reason)
    answer = {"job_id": job.id, "existing": job.existing, "status_url": f"{PREFIX}/jobs/{job.id}"}
    return success(answer, "The job has been queued", status=202)


@api.post("/schedules/<name>/pause")
@requires(*OPERATORS)
def pause_schedule(name: str, body: PauseScheduleBody) -> Response:
    """Leave a schedule's ticks out until a moment in the future."""
    with unit_of_work() as work:
        operations.pause_schedule(work, name, body.until, body.reason)
    return success({"name": name, "paused_until": body.until}, "The schedule is paused")


@api.post("/schedules/<name>/resume")
@requires(*OPERATORS)
def resume_schedule(name: str) -> Response:
    """End a schedule's pause."""
    reason = body_as(ReasonBody, optional=True).reason
    with unit_of_work() as work:
        operations.resume_schedule(work, name, reason)
    return success({"name": name, "paused_until": None}, "The schedule goes on")


def read_schedule(name: str) -> dict[str, Any]:
    """Return a schedule with its last sixty runs. Raises NotFound."""
    with platform().read() as connection:
        row = next((row for row in views.list_schedules(connection, now()) if row["name"] == name), None)
        if row is None:
            raise NotFound(f"No schedule is called {name!r}")
        return {**row, "last_runs": views.schedule_runs(connection, name)}
