"""Whether the system is well."""

from __future__ import annotations

from flask import Response

from admin_api.auth import requires
from admin_api.blueprints import blueprint
from admin_api.responses import success

api = blueprint("health", prefix="")


@api.get("/healthz")
@requires.anyone()
def alive() -> Response:
    """Answer as long as the process can: nothing else is looked at."""
    return success({"status": "alive"})
