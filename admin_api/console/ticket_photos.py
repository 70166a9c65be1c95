"""Files of tickets: looking at them, QA's word on a photo, having it inspected again, removing it."""

from __future__ import annotations

from typing import cast
from uuid import UUID

from flask import Response, redirect

from admin_api.auth import requires
from admin_api.console.forms import form_of
from admin_api.console.pages import ConsolePages, done
from admin_api.console.ticket import show_ticket, ticket_id_of
from admin_api.context import actor, platform, unit_of_work
from admin_api.file_links import link_to
from admin_api.requests import parse_uuid
from jobs.kinds.inspect_photo import submit
from ticketing.attachments import service as attachments
from ticketing.attachments import views
from ticketing.errors import NotFound
from ticketing.evidence import service
from ticketing.evidence.overruling import MAY_OVERRULE, Overruling
from ticketing.ticket_access import MAY_CHANGE

pages = ConsolePages("ticket_photos")

# By the size that a page asks for: where a row names that picture, once it is made.
SIZES = {"phone": "thumbnail_key", "desk": "preview_key"}
# A link is good for longer than a browser keeps where it leads.
_KEPT_SECONDS = 60


@pages.page("/files/<attachment_id>")
@requires.signed_in()
def open_file(attachment_id: str) -> Response:
    """Lead to a file of a ticket that who is signed in may see."""
    return _lead_to(attachment_id, "original")


@pages.page("/files/<attachment_id>/<size>")
@requires.signed_in()
def show_picture(attachment_id: str, size: str) -> Response:
    """Lead to a photo as a picture for a phone or a desk; until that is made, to the photo itself.

    The address stays the same, which that of the file does not: a page in which it stands stays the same too.
    """
    if size not in SIZES:
        raise NotFound(f"There is no {size} of this file", details={"sizes": [*SIZES]})
    return _lead_to(attachment_id, size)


@pages.action("/tickets/<ticket_id>/photos/<attachment_id>/overrule", again=show_ticket)
@requires(*MAY_OVERRULE)
def overrule(ticket_id: str, attachment_id: str) -> Response:
    """Say as QA whether a photo counts, whatever inspection found of it, and why."""
    word = form_of(Overruling)
    with unit_of_work() as work:
        photo = service.overrule(work, _file_id(attachment_id), word)
    return _back(f"The photo is {photo['inspection_status']}", ticket_id)


@pages.action("/tickets/<ticket_id>/photos/<attachment_id>/inspect", again=show_ticket)
@requires(*MAY_OVERRULE)
def inspect_again(ticket_id: str, attachment_id: str) -> Response:
    """Have a photo inspected again."""
    wanted = _file_id(attachment_id)
    with unit_of_work() as work:
        photo = service.find_photo(work.connection, wanted)
        if photo is None:
            raise service.no_such_photo(wanted)
        submit(work, wanted, photo["ticket_id"])
    return _back("The photo is being inspected again", ticket_id)


@pages.action("/tickets/<ticket_id>/files/<attachment_id>/remove", again=show_ticket)
@requires(*MAY_CHANGE)
def remove(ticket_id: str, attachment_id: str) -> Response:
    """Remove a file from a ticket; what a handover has on record stays."""
    with unit_of_work() as work:
        attachments.delete(work, _file_id(attachment_id))
    return _back("The file has been removed", ticket_id)


def _lead_to(attachment_id: str, size: str) -> Response:
    with platform().read() as connection:
        row = views.get_attachment(connection, actor(), _file_id(attachment_id))
    made = size if size in SIZES and row[SIZES[size]] else "original"
    response = cast("Response", redirect(link_to(row["id"], made)))
    # Until the picture is made, the next look must find it.
    response.headers["Cache-Control"] = f"private, max-age={_KEPT_SECONDS}" if made == size else "no-store"
    return response


def _file_id(text: str) -> UUID:
    return parse_uuid(text, "Invalid attachment ID")


def _back(said: str, ticket_id: str) -> Response:
    return done(said, "console_ticket.show_ticket", ticket_id=ticket_id_of(ticket_id), _anchor="checklist")
