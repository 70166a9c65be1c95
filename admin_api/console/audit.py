"""The audit: who did what to what, when and why; exported as it is filtered."""

from __future__ import annotations

from dataclasses import asdict

from flask import Response, render_template, request

from admin_api import exports
from admin_api.api.audit import AuditQuery
from admin_api.api.jobs import OPERATORS
from admin_api.auth import requires
from admin_api.console.forms import query_of
from admin_api.console.frame import address_with
from admin_api.console.pages import ConsolePages
from admin_api.context import platform
from admin_api.keyset import keyset
from jobs import views
from jobs.procedures.exporting import AUDIT

pages = ConsolePages("audit")


@pages.page("/audit")
@requires(*OPERATORS)
def list_audit() -> str:
    """Show what operators did, the newest first."""
    query = query_of(AuditQuery)
    with platform().read() as connection:
        rows = views.list_audit(
            connection, **asdict(query.filter()), before_id=query.cursor, page_size=query.page_size + 1
        )
    shown, pagination = keyset(rows, query)
    active = {name: value for name, value in request.args.items() if value and name in asdict(query.filter())}
    return render_template(
        "console/audit.html",
        entries=shown,
        active=active,
        next=address_with(cursor=pagination["next_cursor"]) if pagination["next_cursor"] else None,
        first=address_with(cursor=None) if query.cursor else None,
    )


@pages.page("/audit.csv")
@requires(*AUDIT.roles)
def export() -> Response:
    """Send what the list shows, without pages, as a CSV file; that somebody took it away is noted, too."""
    return exports.answer(AUDIT, "csv", query_of(AuditQuery).filter())
