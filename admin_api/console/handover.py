"""The handover centre: what waits for which handover and what is in the way, and what has been handed over."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from flask import Response, render_template, request

from admin_api.api.handover import HandoversQuery, PendingQuery
from admin_api.auth import requires
from admin_api.console.charts import bars
from admin_api.console.forms import query_of
from admin_api.console.listing import Listing, project_options
from admin_api.console.pages import ConsolePages, done
from admin_api.console.wording import words
from admin_api.context import actor, platform, unit_of_work
from admin_api.requests import parse_uuid
from jobs.kinds.verify_handovers import submit
from ticketing.handover import views
from ticketing.paging import MAX_DEPTH, MAX_ROWS
from ticketing.ticket_access import SEES_EVERY_TICKET
from ticketing.vocabulary import HandoverType

pages = ConsolePages("handover")

CENTRE = Listing("console_handover.show_centre", frozenset({"handover_type", "project_id"}))
HISTORY = Listing("console_handover.list_handovers", frozenset({"handover_type"}))


@pages.page("/handovers")
@requires.signed_in()
def show_centre() -> str:
    """List the tickets that wait for a handover, newest first, with what their gates say."""
    wanted = query_of(PendingQuery).request()
    with platform().read() as connection:
        found = views.list_pending(connection, actor(), wanted, tried=MAX_ROWS)
        projects = project_options(connection)
    waiting = {kind: found.summary["by_type"][kind.name] for kind in HandoverType}
    return render_template(
        "console/handovers.html",
        tickets=found.rows,
        total=found.total,
        summary=found.summary,
        chart=bars(
            "Waiting by handover",
            [words(kind.value) for kind in waiting],
            {"Tickets": list(waiting.values())},
            across=True,
            about="Handover",
            links=[CENTRE.address(handover_type=kind.value) for kind in waiting],
        ),
        cap=MAX_DEPTH,
        tabs=_tabs(CENTRE),
        projects=projects,
        **CENTRE.around(found.next_cursor),
    )


@pages.page("/handovers/done")
@requires(*SEES_EVERY_TICKET)
def list_handovers() -> str:
    """List what has been handed over, the latest first, each with its place in the chain."""
    query = query_of(HandoversQuery)
    with platform().read() as connection:
        rows, cursor = views.list_handovers(
            connection, query.handover_type, before=query.cursor, size=min(query.limit, MAX_ROWS)
        )
    after = str(cursor) if cursor else None
    return render_template("console/handovers_done.html", handovers=rows, tabs=_tabs(HISTORY), **HISTORY.around(after))


@pages.page("/handovers/<handover_id>")
@requires.signed_in()
def show_handover(handover_id: str) -> str:
    """Show a snapshot: the ticket as it was, its steps, the evidence with checksums, and who decided what."""
    wanted = parse_uuid(handover_id, "Invalid handover ID format")
    with platform().read() as connection:
        snapshot = views.get_snapshot(connection, actor(), wanted)
    return render_template(
        "console/handover.html",
        snapshot=snapshot,
        ticket=snapshot["snapshot_data"],
        decisions=[_decision(one) for one in snapshot["decisions"]],
    )


@pages.action("/handovers/verify", again=show_centre)
@requires("admin")
def verify() -> Response:
    """Prove the whole chain of handovers."""
    with unit_of_work() as work:
        job = submit(work)
    said = "The chain is being proved, files included: this is its job, which fails where the chain is broken"
    return done(said, "console_jobs.show_job", job_id=job.id)


def _decision(one: Mapping[str, Any]) -> dict[str, Any]:
    """Return a decision of a snapshot, in which moments are texts, as its page shows it."""
    about = one["metadata"].get("about") or ("risk" if one["decision_type"] == "risk_acceptance" else None)
    return {
        "kind": one["decision_type"],
        "about": about,
        "at": datetime.fromisoformat(one["decision_at"]),
        "by": one["metadata"].get("decided_by_name") or "the system",
        "notes": one["notes"],
    }


def _tabs(listing: Listing) -> list[tuple[str, str, bool, None]]:
    here = request.args.get("handover_type", "")
    kinds = [("All", None), *((words(kind.value), kind.value) for kind in HandoverType)]
    return [(said, listing.address(handover_type=kind), here == (kind or ""), None) for said, kind in kinds]
