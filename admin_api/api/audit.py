"""The audit: what operators did to jobs, queues, schedules and workers, who they were and why."""

from __future__ import annotations

from flask import Response

from admin_api.api.jobs import OPERATORS
from admin_api.auth import requires
from admin_api.blueprints import blueprint
from admin_api.context import platform
from admin_api.keyset import KeysetQuery, keyset
from admin_api.responses import success
from jobs import views
from jobs.views import AuditFilter

api = blueprint("audit")


class AuditQuery(KeysetQuery):
    """Which entries to list."""

    target_type: str | None = None
    target_id: str | None = None
    actor_name: str | None = None
    action: str | None = None

    def filter(self) -> AuditFilter:
        """Return which entries are wanted."""
        return AuditFilter(**self.model_dump(exclude={"cursor", "page_size"}))


@api.get("/audit")
@requires(*OPERATORS)
def list_audit(query: AuditQuery) -> Response:
    """List what operators did, the newest first."""
    wanted = query.model_dump(exclude={"cursor", "page_size"})
    with platform().read() as connection:
        rows = views.list_audit(connection, **wanted, before_id=query.cursor, page_size=query.page_size + 1)
    shown, pagination = keyset(rows, query)
    return success(shown, pagination=pagination)
