"""Worker and scheduler processes: who is alive, what each one does, and asking one to take no more work."""

from __future__ import annotations

from flask import Response

from admin_api.api.jobs import READERS, ReasonBody
from admin_api.auth import requires
from admin_api.blueprints import blueprint
from admin_api.context import now, platform, unit_of_work
from admin_api.requests import body_as, parse_uuid
from admin_api.responses import success
from jobs import operations, views

api = blueprint("workers")


@api.get("/workers")
@requires(*READERS)
def list_workers() -> Response:
    """List the processes of the last day: alive, quiet, stopping, stopped or lost, and who of the schedulers leads."""
    with platform().read() as connection:
        return success(views.list_workers(connection, now()), meta={"leader": views.leader(connection)})


@api.post("/workers/<worker_id>/quiet")
@requires("operator")
def quiet_worker(worker_id: str) -> Response:
    """Ask a worker process to take no new jobs; it follows within a heartbeat and finishes what it runs."""
    return _set_quiet(worker_id, quiet=True)


@api.post("/workers/<worker_id>/wake")
@requires("operator")
def wake_worker(worker_id: str) -> Response:
    """Let a quiet worker process take jobs again."""
    return _set_quiet(worker_id, quiet=False)


def _set_quiet(worker_id: str, *, quiet: bool) -> Response:
    reason = body_as(ReasonBody, optional=True).reason
    with unit_of_work() as work:
        operations.quiet_worker(work, parse_uuid(worker_id, "Invalid worker ID"), quiet, reason)
    return success({"id": worker_id.lower(), "quiet": quiet})
