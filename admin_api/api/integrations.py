"""The services outside: whether they are called, and holding one back, letting it go, trying it now."""

from __future__ import annotations

from flask import Response
from pydantic import BaseModel, ConfigDict

from admin_api.api.jobs import OPERATORS, READERS, ReasonBody
from admin_api.auth import requires
from admin_api.blueprints import PREFIX, blueprint
from admin_api.context import platform, unit_of_work
from admin_api.idempotency import idempotent
from admin_api.requests import Reason, body_as
from admin_api.responses import success
from jobs.outside import operating

api = blueprint("integrations")


class HoldBody(BaseModel):
    """Why a service is not to be called; everybody who looks at it is told."""

    model_config = ConfigDict(extra="forbid")

    reason: Reason


@api.get("/integrations")
@requires(*READERS)
def list_integrations() -> Response:
    """List the services outside: set up or not, called, left alone until when, held by whom, their last failure."""
    with platform().read() as connection:
        return success(operating.list_integrations(connection, platform().settings))


@api.post("/integrations/<name>/hold")
@requires(*OPERATORS)
def hold_integration(name: str, body: HoldBody) -> Response:
    """Have no job call a service until it is released; the jobs wait and burn no attempt."""
    with unit_of_work() as work:
        operating.hold(work, name, body.reason)
    return success({"name": name, "held": True}, "The service is left alone")


@api.post("/integrations/<name>/release")
@requires(*OPERATORS)
def release_integration(name: str) -> Response:
    """Let a service that was held be called again."""
    reason = body_as(ReasonBody, optional=True).reason
    with unit_of_work() as work:
        operating.release(work, name, reason)
    return success({"name": name, "held": False}, "The service is called again")


@api.post("/integrations/<name>/probe")
@requires(*OPERATORS)
@idempotent
def probe_integration(name: str) -> Response:
    """Try a service now, by a job; if it answers, everybody calls it again."""
    reason = body_as(ReasonBody, optional=True).reason
    with unit_of_work() as work:
        job = operating.probe(work, platform().settings, name, reason)
    answer = {"job_id": job.id, "existing": job.existing, "status_url": f"{PREFIX}/jobs/{job.id}"}
    return success(answer, "The job has been queued", status=202)
