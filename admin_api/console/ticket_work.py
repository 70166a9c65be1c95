"""The work on a ticket: completing its 12 steps with what they need, sending their photos, and the readiness check."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Response, request

from admin_api.api.attachments import UploadForm, take_in
from admin_api.api.readiness import policy_in_force
from admin_api.auth import requires
from admin_api.console.forms import form_of
from admin_api.console.pages import ConsolePages, done
from admin_api.console.ticket import changes_of, show_ticket, ticket_id_of
from admin_api.context import unit_of_work
from admin_api.requests import parsed
from ticketing import readiness, tickets, verification
from ticketing.attachments.service import Said
from ticketing.errors import InvalidInput
from ticketing.readiness.service import MAY_CHECK
from ticketing.ticket_access import MAY_CHANGE
from ticketing.verification import StepChanges
from ticketing.verification.rules import MAY_REVIEW

pages = ConsolePages("ticket_work")

# What a step may need of the ticket itself.
_OF_TICKET = ("ont_serial", "ont_rx_level")


@pages.action("/tickets/<ticket_id>/steps/<step>/complete", again=show_ticket)
@requires(*MAY_CHANGE)
def complete_step(ticket_id: str, step: str) -> Response:
    """Complete a step together with what it needs besides photos: readings of the ONT, and notes."""
    wanted, number = ticket_id_of(ticket_id), verification.parse_step_number(step)
    measured = [field for field in _OF_TICKET if request.form.get(field, "").strip()]
    with unit_of_work() as work:
        if measured:
            tickets.update(work, wanted, changes_of(*measured))
        verification.change_step(work, wanted, number, _step_changes(is_complete=True))
    return _at_step(f"Step {number} is complete", wanted, number)


@pages.action("/tickets/<ticket_id>/steps/<step>/reopen", again=show_ticket)
@requires(*MAY_CHANGE)
def reopen_step(ticket_id: str, step: str) -> Response:
    """Open a step again that was complete."""
    return _change(ticket_id, step, StepChanges(is_complete=False), "is open again")


@pages.action("/tickets/<ticket_id>/steps/<step>/notes", again=show_ticket)
@requires(*MAY_CHANGE)
def write_notes(ticket_id: str, step: str) -> Response:
    """Write the notes of a step; an empty text takes them away."""
    return _change(ticket_id, step, _step_changes(notes=request.form.get("notes", "")), "has its notes")


@pages.action("/tickets/<ticket_id>/steps/<step>/review", again=show_ticket)
@requires(*MAY_REVIEW)
def review_photo(ticket_id: str, step: str) -> Response:
    """Say as QA that somebody has looked at a step's photo and found it good, or take that back."""
    good = request.form.get("photo_verified") == "true"
    said = "has photos that QA has looked at" if good else "has photos that QA has yet to look at"
    return _change(ticket_id, step, StepChanges(photo_verified=good), said)


@pages.action("/tickets/<ticket_id>/steps/<step>/photos", again=show_ticket)
@requires(*MAY_CHANGE)
def add_photos(ticket_id: str, step: str) -> Response:
    """Take photos of a step; each is inspected as soon as it is here."""
    wanted, number = ticket_id_of(ticket_id), verification.parse_step_number(step)
    added = take_in(wanted, _sent_files(), Said(step_number=number))
    if not all(one["is_evidence"] for one in added):
        return done(
            "Kept among the files: only a photo counts for a step",
            "console_ticket.show_ticket",
            ticket_id=wanted,
            _anchor="files",
        )
    said = "The photo is here and is" if len(added) == 1 else f"{len(added)} photos are here and are"
    return _at_step(f"{said} being inspected", wanted, number)


@pages.action("/tickets/<ticket_id>/files", again=show_ticket)
@requires(*MAY_CHANGE)
def add_files(ticket_id: str) -> Response:
    """Take files that are no evidence: documents, sheets, drawings."""
    wanted = ticket_id_of(ticket_id)
    added = take_in(wanted, _sent_files(), Said(is_evidence=False))
    said = "The file has been added" if len(added) == 1 else f"{len(added)} files have been added"
    return done(said, "console_ticket.show_ticket", ticket_id=wanted, _anchor="files")


@pages.action("/tickets/<ticket_id>/readiness", again=show_ticket)
@requires(*MAY_CHECK)
def check_readiness(ticket_id: str) -> Response:
    """Run the readiness check."""
    wanted = ticket_id_of(ticket_id)
    with unit_of_work() as work:
        check = readiness.check(work, wanted, policy_in_force(), checked_by=work.actor.user_id)
    said = "The ticket is ready for QA" if check["passed"] else "The ticket is not ready for QA yet"
    return done(said, "console_ticket.show_ticket", ticket_id=wanted, _anchor="readiness")


def _change(ticket_id: str, step: str, changes: StepChanges, said: str) -> Response:
    wanted, number = ticket_id_of(ticket_id), verification.parse_step_number(step)
    with unit_of_work() as work:
        verification.change_step(work, wanted, number, changes)
    return _at_step(f"Step {number} {said}", wanted, number)


def _step_changes(**changes: Any) -> StepChanges:
    """Return what changes of a step; notes that were typed with it are among it. Raises InvalidInput."""
    typed = {"notes": request.form["notes"]} if request.form.get("notes", "").strip() else {}
    return parsed(StepChanges, typed | changes)


def _sent_files() -> list[object]:
    """Return the files of the form in hand; a browser sends a field that was left empty as a file without a name."""
    sent: list[object] = [one for one in form_of(UploadForm).file if one.filename]
    if not sent:
        raise InvalidInput("Take or choose a photo or a file first", details={"file": "nothing was chosen"})
    return sent


def _at_step(said: str, ticket_id: UUID, number: int) -> Response:
    return done(said, "console_ticket.show_ticket", ticket_id=ticket_id, _anchor=f"step-{number}")
