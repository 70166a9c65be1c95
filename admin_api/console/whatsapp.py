"""WhatsApp: whether its session works, how far notices get, and each notice with what is done to it."""

from __future__ import annotations

from typing import Any

from flask import Response, render_template

from admin_api.api import notice_sessions
from admin_api.api.jobs import OPERATORS
from admin_api.api.notifications import REPORTED_TO, SENDERS, ComplianceQuery, HoldBody, StatusQuery
from admin_api.auth import requires
from admin_api.console import services
from admin_api.console.forms import form_of, query_of
from admin_api.console.list_addresses import around
from admin_api.console.pages import ConsolePages, done
from admin_api.context import actor, now, platform, unit_of_work
from admin_api.requests import parse_uuid
from jobs.procedures import notice_requests
from jobs.views import list_audit
from sql.database import Connection
from ticketing.inbound_messages.words import TriageStatus
from ticketing.notices import compliance, session_views, views
from ticketing.paging import PageRequest
from ticketing.triage import views as triage
from ticketing.triage.rules import MAY_SEE
from ticketing.vocabulary import NotificationStatus, RecipientType

pages = ConsolePages("whatsapp")


class HoldForm(HoldBody, extra="ignore"):
    """Why somebody does it; kept in the audit."""


@pages.page("/whatsapp")
@requires.signed_in()
def show() -> str:
    """Show whether notices go out, how many got how far, and what waits for a person; each part to whom it concerns."""
    query = query_of(ComplianceQuery)
    with platform().read() as connection:
        return render_template("console/whatsapp.html", **_overview(connection, query))


def _overview(connection: Connection, query: ComplianceQuery) -> dict[str, Any]:
    """Return the parts of the overview that whoever is signed in may look at; the others are None."""
    from_at, until_at = query.period(now())
    may = actor().has_role
    return {
        "sessions": session_views.list_sessions(connection, now()) if may(*notice_sessions.SEES) else None,
        "service": services.service_of(connection, "waha"),
        "figures": compliance.compliance(connection, from_at, until_at) if may(*REPORTED_TO) else None,
        "waiting": _waiting(connection) if may(*MAY_SEE) else None,
        "asked": query,
    }


def _waiting(connection: Connection) -> int:
    return triage.list_items(connection, TriageStatus.OPEN, None, PageRequest(size=1)).open_items


@pages.page("/whatsapp/notices")
@requires.signed_in()
def list_notices() -> str:
    """List notices, the newest first, with how many of those that match got how far."""
    query = query_of(StatusQuery)
    wanted = PageRequest.of(size=query.limit, cursor=query.cursor)
    with platform().read() as connection:
        found = views.list_notices(connection, actor(), query.filter(), wanted)
    return render_template(
        "console/notices.html",
        notices=found.rows,
        found=found,
        statuses=list(NotificationStatus),
        recipients=list(RecipientType),
        **around(".list_notices", found.next_cursor),
    )


@pages.page("/whatsapp/notices/<notice_id>")
@requires.signed_in()
def show_notice(notice_id: str) -> str:
    """Show one notice: what it says, to whom, how far it got, and what was done to it."""
    wanted = parse_uuid(notice_id, "Invalid notification ID")
    with platform().read() as connection:
        notice = views.read_notice(connection, actor(), wanted)
        progress = views.state_of(connection, actor(), wanted)
        audit = (
            list_audit(connection, target_type="notice", target_id=str(wanted)) if actor().has_role(*OPERATORS) else []
        )
    return render_template("console/notice.html", notice=notice, progress=progress, audit=audit)


@pages.action("/whatsapp/notices/<notice_id>/hold", again=show_notice)
@requires(*SENDERS)
def hold(notice_id: str) -> Response:
    """Hold a notice back until it is released."""
    wanted, reason = parse_uuid(notice_id, "Invalid notification ID"), form_of(HoldForm).reason
    with unit_of_work() as work:
        notice_requests.hold(work, wanted, reason)
    return done("The notice is held until somebody releases it", ".show_notice", notice_id=wanted)


@pages.action("/whatsapp/notices/<notice_id>/release", again=show_notice)
@requires(*SENDERS)
def release(notice_id: str) -> Response:
    """Let a held notice go."""
    wanted, reason = parse_uuid(notice_id, "Invalid notification ID"), form_of(HoldForm).reason
    with unit_of_work() as work:
        notice_requests.release(work, platform().settings, wanted, reason)
    return done("The notice goes out as soon as quiet hours and caps allow", ".show_notice", notice_id=wanted)


@pages.action("/whatsapp/notices/<notice_id>/resend", again=show_notice)
@requires(*SENDERS)
def resend(notice_id: str) -> Response:
    """Give a notice that failed one more try."""
    wanted, reason = parse_uuid(notice_id, "Invalid notification ID"), form_of(HoldForm).reason
    with unit_of_work() as work:
        notice_requests.resend(work, platform().settings, wanted, reason)
    said = "The notice is sent again; where it may be out already, the chat is read first"
    return done(said, ".show_notice", notice_id=wanted)
