"""Repeat faults: the places where they gather, on a map, with their tickets; looking into them and resolving them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from flask import Response, render_template, request, url_for
from pydantic import BaseModel, ConfigDict

from admin_api.api.escalations import SEES, CheckQuery, EscalationsQuery
from admin_api.auth import requires
from admin_api.console.forms import form_of, query_of
from admin_api.console.listing import Listing, project_options
from admin_api.console.maps import Mark, draw_map
from admin_api.console.pages import ConsolePages, done
from admin_api.console.ticket_decisions import person
from admin_api.console.wording import pairs, words
from admin_api.context import actor, now, platform, unit_of_work
from admin_api.requests import parse_uuid, parsed
from ticketing import directory
from ticketing.repeat_faults import service, thresholds, views
from ticketing.repeat_faults.requests import Investigation, Resolution
from ticketing.repeat_faults.rules import UNRESOLVED
from ticketing.vocabulary import EscalationScope, EscalationStatus, EscalationType

pages = ConsolePages("repeat_faults")

LIST = Listing(
    "console_repeat_faults.list_escalations",
    frozenset({"scope_type", "status", "project_id", "escalation_type"}),
)
TONES: Mapping[str, Literal["bad", "warn", "good", "quiet"]] = {
    EscalationStatus.OPEN: "bad",
    EscalationStatus.INVESTIGATING: "warn",
    EscalationStatus.RESOLVED: "good",
    EscalationStatus.NO_ACTION: "quiet",
}
SCOPES = {
    EscalationScope.POLE: "Pole",
    EscalationScope.PON: "PON",
    EscalationScope.ZONE: "Zone",
    EscalationScope.DR: "Drop",
}
UNRESOLVED_ONLY = ",".join(UNRESOLVED)


class ResolutionForm(BaseModel):
    """How an escalation was resolved; who did it is who is signed in."""

    model_config = ConfigDict(extra="ignore")

    resolution_notes: str = ""
    status: str = EscalationStatus.RESOLVED


@pages.page("/repeat-faults")
@requires(*SEES)
def list_escalations() -> str:
    """List the places with repeat faults, newest first, and show on a map those that are known to be somewhere."""
    query = query_of(EscalationsQuery)
    wanted = query.filter()
    with platform().read() as connection:
        found = views.list_escalations(connection, wanted, query.request())
        placed = views.list_positions(connection, [row["id"] for row in found.rows])
        projects = project_options(connection)
    places = {row["id"]: row for row in placed}
    rows = [row | {"number": number, "is_placed": row["id"] in places} for number, row in enumerate(found.rows, 1)]
    return render_template(
        "console/repeat_faults.html",
        escalations=rows,
        total=found.total,
        map=draw_map("Where they are", [_mark(row, places[row["id"]]) for row in rows if row["is_placed"]]),
        unplaced=len(rows) - len(places),
        scopes=SCOPES,
        tabs=_tabs(),
        types=pairs(EscalationType),
        projects=projects,
        scope_names=[(scope.value, name) for scope, name in SCOPES.items()],
        **LIST.around(found.next_cursor),
    )


@pages.page("/repeat-faults/<escalation_id>")
@requires(*SEES)
def show_escalation(escalation_id: str) -> str:
    """Show one place: why it was raised, its faults in a list and on a map, and what became of it."""
    wanted = parse_uuid(escalation_id, "Invalid escalation ID format")
    with platform().read() as connection:
        escalation = views.get_escalation(connection, wanted)
        who = escalation["resolved_by"]
        names = directory.names_of(connection, [who] if who else [])
    return render_template(
        "console/repeat_fault.html",
        escalation=escalation,
        scopes=SCOPES,
        resolved_by=names.get(who) if who else None,
        is_person=actor().user_id is not None,
        types=pairs(EscalationType),
        outcomes=[("resolved", "It is mended"), ("no_action", "Nothing needs to be done")],
        **_faults(escalation["tickets"]),
    )


@pages.page("/repeat-faults/look")
@requires(*SEES)
def look() -> str:
    """Look at a place for repeat faults without acting, with the thresholds that count."""
    asked = bool(request.args.get("scope_type") or request.args.get("scope_value"))
    with platform().read() as connection:
        pattern = views.check(connection, now(), query_of(CheckQuery).look())[0] if asked else None
        set_for = thresholds.list_thresholds(connection)
        projects = project_options(connection)
    return render_template(
        "console/repeat_faults_look.html",
        pattern=pattern,
        thresholds=set_for,
        scopes=SCOPES,
        scope_names=[(scope.value, name) for scope, name in SCOPES.items()],
        projects=projects,
        **_faults(pattern["contributing_tickets"] if pattern else []),
    )


@pages.action("/repeat-faults/<escalation_id>/investigate", again=show_escalation)
@requires("manager")
def investigate(escalation_id: str) -> Response:
    """Note that an open escalation is being looked into."""
    with unit_of_work() as work:
        service.investigate(work, parse_uuid(escalation_id, "Invalid escalation ID format"), form_of(Investigation))
    return done("It is noted that this is being looked into", ".show_escalation", escalation_id=escalation_id)


@pages.action("/repeat-faults/<escalation_id>/resolve", again=show_escalation)
@requires("manager")
def resolve(escalation_id: str) -> Response:
    """Resolve an escalation: from now on only faults that are reported later count on its place."""
    said = form_of(ResolutionForm).model_dump() | {"resolved_by": str(person("resolves an escalation"))}
    with unit_of_work() as work:
        service.resolve(work, parse_uuid(escalation_id, "Invalid escalation ID format"), parsed(Resolution, said))
    said_then = "Resolved: from now on only faults that are reported later count here"
    return done(said_then, ".show_escalation", escalation_id=escalation_id)


def _tabs() -> list[tuple[str, str, bool, None]]:
    here = request.args.get("status", "")
    wanted = [("All", None), ("Unresolved", UNRESOLVED_ONLY), *((words(one), one.value) for one in EscalationStatus)]
    return [(said, LIST.address(status=value), here == (value or ""), None) for said, value in wanted]


def _mark(row: Mapping[str, Any], place: Mapping[str, Any]) -> Mark:
    said = f"{row['number']}: {SCOPES[row['scope_type']]} {row['scope_value']}, {row['fault_count']} faults"
    return Mark(
        latitude=float(place["latitude"]),
        longitude=float(place["longitude"]),
        label=str(row["number"]),
        says=f"{said}, {words(row['status']).lower()}",
        address=url_for(".show_escalation", escalation_id=row["id"]),
        tone=TONES[row["status"]],
        weight=row["fault_count"],
    )


def _faults(tickets: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the faults as a page lists them, numbered as on their map."""
    rows = [dict(ticket) | {"number": number} for number, ticket in enumerate(tickets, 1)]
    placed = [row for row in rows if row["latitude"] is not None]
    marks = [
        Mark(
            latitude=float(row["latitude"]),
            longitude=float(row["longitude"]),
            label=str(row["number"]),
            says=f"{row['number']}: {row['ticket_uid']}",
            address=url_for("console_ticket.show_ticket", ticket_id=row["ticket_id"]),
        )
        for row in placed
    ]
    return {
        "tickets": rows,
        "map": draw_map("Where the faults are", marks, together="#faults"),
        "unplaced": len(rows) - len(placed),
        "most": views.MOST_LISTED,
    }
