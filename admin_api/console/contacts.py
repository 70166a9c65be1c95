"""Who does not want to be written to over WhatsApp, and what the eight notices say."""

from __future__ import annotations

from typing import Any

from flask import Response, render_template, request

from admin_api.api.notifications import PREVIEWERS, SENDERS, ContactBody, ContactsQuery
from admin_api.auth import requires
from admin_api.console.forms import form_of, query_of
from admin_api.console.found_tickets import find_tickets, wanted_text
from admin_api.console.list_addresses import around
from admin_api.console.pages import ConsolePages, back_to_list
from admin_api.context import actor, platform, unit_of_work
from admin_api.requests import parsed
from jobs.procedures import notice_requests
from sql.database import Connection
from ticketing.errors import NotFound
from ticketing.notices import contacts, requests
from ticketing.notices.requests import NoticePreview
from ticketing.notices.templates import TEMPLATES, TemplateError, template_named
from ticketing.paging import PageRequest
from ticketing.vocabulary import NotificationTemplate

pages = ConsolePages("contacts")


class ContactForm(ContactBody, extra="ignore"):
    """Whose wish it is, and how it became known."""


@pages.page("/whatsapp/contacts")
@requires(*SENDERS)
def list_contacts() -> str:
    """List the telephones that are known, those that do not want to be written to if nothing else is asked for."""
    query = query_of(ContactsQuery)
    everybody = "everybody" in request.args
    wanted = PageRequest.of(size=query.limit)
    with platform().read() as connection:
        found = contacts.list_contacts(
            connection, opted_out=None if everybody else True, size=wanted.size, cursor=query.cursor
        )
    return render_template(
        "console/contacts.html", contacts=found.rows, everybody=everybody, **around(".list_contacts", found.next_cursor)
    )


@pages.action("/whatsapp/contacts/opt-out", again=list_contacts)
@requires(*SENDERS)
def opt_out() -> Response:
    """Note that somebody does not want to be written to."""
    form = form_of(ContactForm)
    with unit_of_work() as work:
        notice_requests.opt_out(work, form.phone, form.reason)
    return back_to_list("Nothing more is sent to this telephone", ".list_contacts")


@pages.action("/whatsapp/contacts/opt-in", again=list_contacts)
@requires(*SENDERS)
def opt_in() -> Response:
    """Note that somebody wants to be written to again."""
    form = form_of(ContactForm)
    with unit_of_work() as work:
        notice_requests.opt_in(work, form.phone, form.reason)
    return back_to_list("This telephone may be written to again", ".list_contacts")


@pages.page("/whatsapp/templates")
@requires.signed_in()
def list_templates() -> str:
    """Show the eight notices and what each has to be told."""
    return render_template("console/notice_templates.html", templates=TEMPLATES)


@pages.page("/whatsapp/templates/<template_id>")
@requires(*PREVIEWERS)
def preview(template_id: str) -> str:
    """Show what a notice would say, with a ticket's own facts or what is typed in; nothing is written."""
    name = _known(template_id)
    template = TEMPLATES[name]
    typed = {variable: request.args.get(variable, "") for variable in template.variables}
    ticket_id = request.args.get("ticket_id", "")
    told = {variable: value for variable, value in typed.items() if value}
    wanted = parsed(NoticePreview, {"template_id": name, "ticket_id": ticket_id, "variables": told})
    with platform().read() as connection:
        shown, missing = _preview(connection, wanted)
        found = find_tickets(connection)
    return render_template(
        "console/notice_preview.html",
        name=name,
        template=template,
        typed=typed,
        ticket_id=ticket_id,
        shown=shown,
        missing=missing if ticket_id or told else [],
        found=found,
        looked_for=wanted_text(),
    )


def _known(template_id: str) -> NotificationTemplate:
    """Return the template of an address. Raises NotFound."""
    try:
        return template_named(template_id)
    except TemplateError as error:
        raise NotFound(error.message) from error


def _preview(connection: Connection, wanted: NoticePreview) -> tuple[dict[str, Any] | None, list[str]]:
    """Return what a notice would say, or None and the variables that it has not been told."""
    try:
        return requests.preview(connection, actor(), wanted), []
    except TemplateError as error:
        return None, list(error.details["variables"]) if isinstance(error.details, dict) else []
