"""Risks: what QA accepted on conditions and for a time, what has run out, and resolving it."""

from __future__ import annotations

from flask import Response, render_template, request

from admin_api.api.risks import EVERY, RisksQuery
from admin_api.auth import requires
from admin_api.console.forms import query_of
from admin_api.console.listing import Listing, project_options
from admin_api.console.pages import ConsolePages, back_to_list
from admin_api.console.ticket_decisions import person
from admin_api.context import actor, now, platform, unit_of_work
from admin_api.requests import parse_uuid, parsed
from ticketing import directory
from ticketing.risks import service, views
from ticketing.risks.requests import RiskResolution
from ticketing.risks.rules import FIRST_WARNING_DAYS, LAST_WARNING_DAYS, days_left

pages = ConsolePages("risks")

LIST = Listing("console_risks.list_risks", frozenset({"status", "expiring_within_days", "project_id"}))
HORIZONS = (LAST_WARNING_DAYS, FIRST_WARNING_DAYS, 30, 90)


@pages.page("/risks")
@requires.signed_in()
def list_risks() -> str:
    """List the risk acceptances on tickets that one may see, what needs attention first."""
    query = query_of(RisksQuery)
    at = now()
    with platform().read() as connection:
        found = views.list_risks(connection, actor(), query.filter(), query.request(), at)
        names = directory.names_of(connection, {row["accepted_by"] for row in found.rows})
        projects = project_options(connection)
    left = {row["id"]: days_left(row["risk_expiry_date"], at) for row in found.rows if row["risk_expiry_date"]}
    return render_template(
        "console/risks.html",
        risks=found.rows,
        found=found,
        names=names,
        left=left,
        soon=FIRST_WARNING_DAYS,
        projects=projects,
        horizons=HORIZONS,
        shown_status=request.args.get("status") or EVERY,
        is_person=actor().user_id is not None,
        **LIST.around(found.next_cursor),
    )


@pages.action("/risks/<risk_id>/resolve", again=list_risks)
@requires("manager", "qa")
def resolve(risk_id: str) -> Response:
    """Resolve a risk acceptance, also one that expired or was escalated."""
    wanted = parse_uuid(risk_id, "Invalid risk acceptance ID format")
    said = {"resolution_notes": request.form.get("resolution_notes", ""), "resolved_by": str(person("resolves a risk"))}
    with unit_of_work() as work:
        risk = service.resolve(work, wanted, parsed(RiskResolution, said))
    return back_to_list(f"The risk on {risk['ticket_uid']} is resolved", ".list_risks")
