"""The facts of a ticket as a form of their own: those fields that whoever is signed in may change."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Response, render_template, request

from admin_api.auth import requires
from admin_api.console.choices import load_choices, with_present
from admin_api.console.pages import ConsolePages
from admin_api.console.ticket import change, changes_of, ticket_id_of
from admin_api.console.ticket_stale import take_over_untouched
from admin_api.context import actor, platform
from ticketing import directory, ticket_views
from ticketing.ticket_access import MAY_CHANGE, may_set
from ticketing.ticket_changes import version

pages = ConsolePages("ticket_edit")

FIELDS = (
    "title",
    "description",
    "project_id",
    "dr_number",
    "pole_number",
    "pon_number",
    "zone_id",
    "address",
    "ont_serial",
    "ont_model",
    "ont_rx_level",
    "assigned_team",
)


@pages.page("/tickets/<ticket_id>/edit")
@requires(*MAY_CHANGE)
def show_form(ticket_id: str) -> str:
    """Show the form of a ticket's facts."""
    wanted = ticket_id_of(ticket_id)
    take_over_untouched()
    with platform().read() as connection:
        ticket = ticket_views.get_ticket(connection, actor(), wanted)
        names = directory.names_of(connection, [ticket["project_id"]] if ticket["project_id"] else [])
        projects = load_choices(connection).projects
    return render_template(
        "console/ticket_edit.html",
        ticket=ticket,
        seen=version(ticket["updated_at"]),
        projects=with_present(projects, ticket["project_id"], names.get(ticket["project_id"])),
        may_set={field for field in (*FIELDS, "gps_coordinates") if may_set(actor(), ticket["status"], field)},
    )


@pages.action("/tickets/<ticket_id>/edit", again=show_form)
@requires(*MAY_CHANGE)
def save(ticket_id: str) -> Response:
    """Change the facts of a ticket, if nobody changed it since the form was shown."""
    return change(ticket_id, changes_of(*FIELDS, **position_of(request.form)), "The ticket has been changed")


def position_of(form: Mapping[str, str]) -> dict[str, Any]:
    """Return the position that a form gives, as the field of a ticket: both halves empty is none; no fields, no key."""
    if "latitude" not in form or "longitude" not in form:
        return {}
    given = {name: form[name].strip() for name in ("latitude", "longitude")}
    return {"gps_coordinates": given if any(given.values()) else None}
