"""Whether the system is well: for load balancers, for people who were woken up, and for Prometheus."""

from __future__ import annotations

import dataclasses

from flask import Response

from admin_api.auth import requires
from admin_api.blueprints import blueprint
from admin_api.context import platform, services
from admin_api.responses import failure, success
from jobs import health

api = blueprint("health", prefix="")


@api.get("/healthz")
@requires.anyone()
def alive() -> Response:
    """Answer as long as the process can: nothing else is looked at, so that nothing else restarts it."""
    return success({"status": "alive"})


@api.get("/readyz")
@requires.anyone()
def ready() -> Response:
    """Tell what is wrong and what to do; 503 only when requests cannot be served.

    Without Redis, workers or a scheduler the API goes on accepting work: that is `degraded`, and 200.
    """
    findings = health.examine(platform())
    parts = {
        finding.part: {k: v for k, v in dataclasses.asdict(finding).items() if k != "part" and v not in (None, {})}
        for finding in findings
    }
    if not health.is_ready(findings):
        down = next(finding for finding in findings if finding.state == "down")
        return failure("SERVICE_UNAVAILABLE", f"{down.message}. {down.remedy}.", 503, {"parts": parts})
    degraded = any(finding.state == "degraded" for finding in findings)
    return success({"status": "degraded" if degraded else "ready", "parts": parts})


@api.get("/metrics")
@requires("operator", "manager")
def metrics() -> Response:
    """Return every measure in Prometheus's text format. A scraper signs in with an operator's API key."""
    measures = services().metrics
    return Response(measures.text(), content_type=measures.content_type)
