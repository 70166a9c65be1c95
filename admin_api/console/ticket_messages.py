"""Messages about a ticket: writing to somebody by WhatsApp from the ticket's page."""

from __future__ import annotations

from flask import Response, request

from admin_api.api.notifications import SENDERS
from admin_api.auth import requires
from admin_api.console.pages import ConsolePages, done
from admin_api.console.ticket import show_ticket, ticket_id_of
from admin_api.context import platform, unit_of_work
from admin_api.requests import parsed
from jobs.procedures import notice_requests
from ticketing.notices.requests import NewNotice

pages = ConsolePages("ticket_messages")

_FIELDS = ("recipient_type", "recipient_name", "recipient_phone", "message_content")


@pages.action("/tickets/<ticket_id>/messages", again=show_ticket)
@requires(*SENDERS)
def write(ticket_id: str) -> Response:
    """Write a message about a ticket; it goes out as soon as quiet hours and caps allow."""
    wanted = ticket_id_of(ticket_id)
    given = {name: value for name in _FIELDS if (value := request.form.get(name))}
    new = parsed(NewNotice, {**given, "ticket_id": wanted})
    with unit_of_work() as work:
        written = notice_requests.ask(work, platform().settings, new)
    said = "The same was written less than five minutes ago" if written.repeated else "The message has been written"
    return done(said, "console_ticket.show_ticket", ticket_id=wanted, _anchor="outside-heading")
