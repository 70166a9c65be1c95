"""Triage: WhatsApp messages that no rule could place, and a person's decision about each."""

from __future__ import annotations

from typing import Any

from flask import Response, render_template

from admin_api.api.triage import ALL, TriageQuery, media_of
from admin_api.auth import requires
from admin_api.console.forms import form_of, query_of
from admin_api.console.found_tickets import find_tickets, wanted_text
from admin_api.console.list_addresses import around
from admin_api.console.pages import ConsolePages, done
from admin_api.context import platform, unit_of_work
from admin_api.requests import parse_uuid
from jobs.procedures import triage_decisions
from ticketing.inbound_messages.words import MediaStatus, TriageReason, TriageStatus
from ticketing.paging import PageRequest
from ticketing.triage import views
from ticketing.triage.requests import AttachTo, Dismissal, TicketFromMessage
from ticketing.triage.rules import MAY_DECIDE, MAY_SEE
from ticketing.vocabulary import Priority, TicketType

pages = ConsolePages("triage")

PICTURES = ("image/jpeg", "image/png", "image/webp", "image/gif")


@pages.page("/whatsapp/triage")
@requires(*MAY_SEE)
def list_items() -> str:
    """List the messages that wait for a person, what waits longest first."""
    query = query_of(TriageQuery)
    with platform().read() as connection:
        found = views.list_items(
            connection, query.status, query.reason, PageRequest.of(size=query.limit, cursor=query.cursor)
        )
    return render_template(
        "console/triage.html",
        items=found.rows,
        waiting=found.open_items,
        status=query.status.value if query.status else ALL,
        statuses=[*TriageStatus, ALL],
        reasons=list(TriageReason),
        **around(".list_items", found.next_cursor),
    )


@pages.page("/whatsapp/triage/<item_id>")
@requires(*MAY_SEE)
def show_item(item_id: str) -> str:
    """Show one message, its picture, the tickets that it may belong to, and what can be done with it."""
    with platform().read() as connection:
        item = views.read_item(connection, parse_uuid(item_id, "Invalid triage ID"))
        found = find_tickets(connection)
    return render_template(
        "console/triage_item.html",
        item=item,
        found=found,
        looked_for=wanted_text(),
        picture=_is_picture(item),
        types=list(TicketType),
        priorities=list(Priority),
    )


@pages.page("/whatsapp/triage/<item_id>/media")
@requires(*MAY_SEE)
def show_media(item_id: str) -> Response:
    """Return the file that came with a message that waits."""
    return media_of(item_id)


@pages.action("/whatsapp/triage/<item_id>/attach", again=show_item)
@requires(*MAY_DECIDE)
def attach(item_id: str) -> Response:
    """Write a message, and its file, on a ticket."""
    wanted = parse_uuid(item_id, "Invalid triage ID")
    with unit_of_work() as work:
        item = triage_decisions.attach(work, wanted, form_of(AttachTo))
    return done(f"The message is on ticket {item['ticket_uid']}", ".list_items")


@pages.action("/whatsapp/triage/<item_id>/new-ticket", again=show_item)
@requires(*MAY_DECIDE)
def create_ticket(item_id: str) -> Response:
    """Make a ticket of a message, with the message and its file on it."""
    wanted = parse_uuid(item_id, "Invalid triage ID")
    with unit_of_work() as work:
        item = triage_decisions.create_ticket(work, wanted, form_of(TicketFromMessage))
    return done(f"Ticket {item['ticket_uid']} has been made of the message", ".list_items")


@pages.action("/whatsapp/triage/<item_id>/dismiss", again=show_item)
@requires(*MAY_DECIDE)
def dismiss(item_id: str) -> Response:
    """Take a message that belongs nowhere from the queue."""
    wanted = parse_uuid(item_id, "Invalid triage ID")
    with unit_of_work() as work:
        triage_decisions.dismiss(work, wanted, form_of(Dismissal))
    return done("The message has been dismissed; it stays on record", ".list_items")


def _is_picture(item: dict[str, Any]) -> bool:
    return item["media_status"] == MediaStatus.STORED and item["media_mime_type"] in PICTURES
