"""The sessions over which WhatsApp notices go out: whether they work, and what keeps notices back."""

from __future__ import annotations

from flask import Response

from admin_api.auth import requires
from admin_api.blueprints import blueprint
from admin_api.context import now, platform
from admin_api.responses import Success, success
from ticketing.notices import session_views
from ticketing.notices.session_views import SessionView
from ticketing.people import Role

api = blueprint("notice_sessions")

SEES: tuple[Role, ...] = ("manager", "operator", "qa", "viewer")


class SessionsAnswer(Success):
    """The gateway's sessions; none before the first is heard of."""

    data: list[SessionView]


@api.get("/notifications/sessions", responses={200: SessionsAnswer})
@requires(*SEES)
def list_sessions() -> Response:
    """List the gateway's sessions: their state, since when, their last restart, and why notices wait if they do."""
    with platform().read() as connection:
        return success(session_views.list_sessions(connection, now()))
