"""A new ticket, made by hand. What is left out of its place is filled in from the register of drops."""

from __future__ import annotations

from typing import Any

from flask import Response, render_template, request

from admin_api.auth import requires
from admin_api.console.choices import load_choices
from admin_api.console.pages import ConsolePages, done
from admin_api.console.ticket_edit import position_of
from admin_api.context import platform, unit_of_work
from admin_api.requests import parsed
from ticketing import tickets
from ticketing.ticket_access import MAY_CREATE
from ticketing.ticket_input import NewTicket
from ticketing.vocabulary import Priority, Source, TicketType

pages = ConsolePages("ticket_new")


@pages.page("/tickets/new")
@requires(*MAY_CREATE)
def show_form() -> str:
    """Show the form of a new ticket; the address may bring some of it, such as the DR number."""
    with platform().read() as connection:
        choices = load_choices(connection)
    return render_template(
        "console/ticket_new.html",
        choices=choices,
        sources=[source.value for source in Source],
        types=[kind.value for kind in TicketType],
        priorities=[priority.value for priority in Priority],
        brought={name: request.args[name] for name in NewTicket.model_fields if name in request.args},
    )


@pages.action("/tickets/new", again=show_form)
@requires(*MAY_CREATE)
def create() -> Response:
    """Make the ticket, and lead to its page."""
    given: dict[str, Any] = {name: value for name in NewTicket.model_fields if (value := request.form.get(name))}
    new = parsed(NewTicket, given | position_of(request.form))
    with unit_of_work() as work:
        ticket = tickets.create(work, new)
    return done(f"{ticket['ticket_uid']} has been made", "console_ticket.show_ticket", ticket_id=ticket["id"])
