"""One ticket: everything that is known of it on one page, and everything that is done with it besides its QA.

A change carries the version of the ticket that was seen: where somebody was quicker, the page says what they changed
and keeps what was typed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

from flask import Response, render_template, request, url_for

from admin_api.api.timeline import TimelineQuery
from admin_api.auth import requires
from admin_api.console.choices import load_choices, with_present
from admin_api.console.forms import form_of, query_of
from admin_api.console.happenings import told
from admin_api.console.pages import ConsolePages, done, may
from admin_api.console.ticket_moves import moves_for
from admin_api.console.ticket_panels import panels_of
from admin_api.console.ticket_rows import row_of
from admin_api.console.ticket_stale import take_over_untouched
from admin_api.console.wording import words
from admin_api.context import actor, now, platform, unit_of_work
from admin_api.requests import parse_uuid, parsed
from jobs.work import Work
from sql.database import Connection
from ticketing import directory, ticket_views, tickets
from ticketing.faults import service as faults
from ticketing.faults.service import Attribution
from ticketing.notes import views as notes
from ticketing.notes.rules import may_change
from ticketing.paging import PageRequest
from ticketing.seen_tickets import SeenTicket, see
from ticketing.sla import service as sla
from ticketing.sla.service import MAY_PAUSE, PauseRequest
from ticketing.ticket_access import MAY_CHANGE, may_set, sees_every_ticket
from ticketing.ticket_changes import ASSIGNEE_FIELDS, version
from ticketing.ticket_input import TicketChanges
from ticketing.timeline import views as timeline
from ticketing.timeline.views import ActivityFilter
from ticketing.vocabulary import FaultCause, Priority, RecipientType

pages = ConsolePages("ticket")

NOTES = 20
ACTIVITIES = 30
KINDS = {"event": "Changes", "note": "Notes", "message": "Messages", "job": "Background work", "sync": "QContact"}
DRAWINGS = {
    "note": "sticky",
    "update": "pencil",
    "status_change": "arrow-right-circle",
    "assignment": "person-check",
    "message": "chat-left-text",
    "system": "gear",
}
_FOR_INSIDE = ("job", "sync")
_NARROWING = ("kind", "type", "source", "cursor", "notes", "find")


@pages.page("/tickets/<ticket_id>")
@requires.signed_in()
def show_ticket(ticket_id: str) -> str:
    """Show a ticket with everything around it: clock, QA, guarantee, handovers, notes and what happened."""
    wanted = ticket_id_of(ticket_id)
    take_over_untouched()
    with platform().read() as connection:
        ticket = see(connection, actor(), wanted)
        clock = sla.show(connection, actor(), ticket, now())
        names = directory.names_of(connection, [ticket.row[field] for field in ASSIGNEE_FIELDS if ticket.row[field]])
        shown = {
            "ticket": row_of(ticket.row, clock, names),
            "clock": clock,
            "around": ticket_views.enrich(connection, wanted),
            **_forms(connection, ticket.row, names),
            **_notes(connection, ticket),
            **_timeline(connection, ticket),
            **panels_of(connection, ticket),
        }
    return render_template("console/ticket.html", **shown)


@pages.action("/tickets/<ticket_id>/move/<status>", again=show_ticket)
@requires(*MAY_CHANGE)
def move(ticket_id: str, status: str) -> Response:
    """Move a ticket to another status."""
    return change(ticket_id, changes_of(status=status), f"The ticket is now {words(status).lower()}")


@pages.action("/tickets/<ticket_id>/assign", again=show_ticket)
@requires(*MAY_CHANGE)
def assign(ticket_id: str) -> Response:
    """Give a ticket to a person, a company or a team, or take it from them."""
    return change(ticket_id, changes_of(*ASSIGNEE_FIELDS), "The ticket has been assigned")


@pages.action("/tickets/<ticket_id>/priority", again=show_ticket)
@requires(*MAY_CHANGE)
def set_priority(ticket_id: str) -> Response:
    """Say how urgent a ticket is."""
    return change(ticket_id, changes_of("priority"), "The priority has been set")


@pages.action("/tickets/<ticket_id>/fault-cause", again=show_ticket)
@requires(*MAY_CHANGE)
def set_fault_cause(ticket_id: str) -> Response:
    """Say why the fault happened."""
    attribution = form_of(Attribution)
    return _act(ticket_id, lambda work, wanted: faults.attribute(work, wanted, attribution), "The fault cause is set")


@pages.action("/tickets/<ticket_id>/sla/pause", again=show_ticket)
@requires(*MAY_PAUSE)
def pause_clock(ticket_id: str) -> Response:
    """Stop the clock of a ticket that waits on somebody outside."""
    reason = form_of(PauseRequest).reason
    return _act(ticket_id, lambda work, wanted: sla.pause(work, wanted, reason), "The SLA clock is paused")


@pages.action("/tickets/<ticket_id>/sla/resume", again=show_ticket)
@requires(*MAY_PAUSE)
def resume_clock(ticket_id: str) -> Response:
    """Let the clock of a ticket run again."""
    return _act(ticket_id, sla.resume, "The SLA clock runs again")


def ticket_id_of(text: str) -> UUID:
    """Return the id in an address. Raises InvalidPathId."""
    return parse_uuid(text, "Invalid ticket ID")


def changes_of(*fields: str, **besides: Any) -> TicketChanges:
    """Return the submitted form as a change of these fields, where one that was left empty is emptied, and `besides`.

    Raises InvalidInput.
    """
    given: dict[str, Any] = {name: request.form[name] for name in (*fields, "reason") if name in request.form}
    return parsed(TicketChanges, given | besides | {"updated_at": request.form.get("updated_at") or None})


def change(ticket_id: str, changes: TicketChanges, said: str) -> Response:
    """Change a ticket, if nobody changed it since the form was shown, and lead back to its page."""
    return _act(ticket_id, lambda work, wanted: tickets.update(work, wanted, changes), said)


def _act(ticket_id: str, do: Callable[[Work, UUID], Any], said: str) -> Response:
    wanted = ticket_id_of(ticket_id)
    with unit_of_work() as work:
        do(work, wanted)
    return done(said, "console_ticket.show_ticket", ticket_id=wanted)


def here(ticket_id: UUID, **changes: Any) -> str:
    """Return the address of the page with what its address narrows, some of it changed; None takes a name out."""
    kept = {name: value for name, value in request.args.items() if value and name in _NARROWING}
    wanted = {name: value for name, value in (kept | changes).items() if value is not None}
    return url_for("console_ticket.show_ticket", ticket_id=ticket_id, **wanted)


def _notes(connection: Connection, ticket: SeenTicket) -> dict[str, Any]:
    part = PageRequest(size=NOTES, cursor=request.args.get("notes") or None)
    listed = notes.list_notes(connection, actor(), ticket, None, part)
    return {
        "notes": [
            {**note, "may_change": may_change(actor(), note), "seen": version(note["updated_at"])}
            for note in listed.rows
        ],
        "notes_total": listed.summary["total"],
        "older_notes": here(ticket.id, notes=listed.next_cursor) if listed.next_cursor else None,
    }


def _timeline(connection: Connection, ticket: SeenTicket) -> dict[str, Any]:
    query = query_of(TimelineQuery)
    narrowing = ActivityFilter(kind=query.kind, type=query.type, source=query.source)
    part = PageRequest(size=ACTIVITIES, cursor=query.cursor)
    found = timeline.read_timeline(connection, actor(), ticket, narrowing, part)
    inside = sees_every_ticket(actor())
    return {
        "timeline": found,
        "happened": told(found),
        "kind": query.kind,
        "kinds": [
            (kind, said, here(ticket.id, kind=kind, cursor=None))
            for kind, said in KINDS.items()
            if inside or kind not in _FOR_INSIDE
        ],
        "all_kinds": here(ticket.id, kind=None, cursor=None),
        "drawings": DRAWINGS,
        "older": here(ticket.id, cursor=found.next_cursor) if found.next_cursor else None,
    }


def _forms(connection: Connection, ticket: Mapping[str, Any], names: Mapping[UUID, str]) -> dict[str, Any]:
    """Return what the forms offer, to those who may use them."""
    status, choices = ticket["status"], load_choices(connection, projects_too=False)
    offered = {"assigned_to": choices.people, "assigned_contractor_id": choices.companies}
    offered["assigned_team_id"] = choices.teams
    return {
        "seen": version(ticket["updated_at"]),
        "moves": moves_for(actor(), status),
        "offered": {
            field: with_present(options, ticket[field], names.get(ticket[field])) for field, options in offered.items()
        },
        "choices": choices,
        "may_assign": may_set(actor(), status, "assigned_to"),
        "may_prioritise": may_set(actor(), status, "priority"),
        "may_attribute": may_set(actor(), status, "fault_cause"),
        "may_write": platform().settings.waha_url is not None and may("console_ticket_messages.write"),
        "recipients": [who.value for who in RecipientType],
        "causes": [cause.value for cause in FaultCause],
        "priorities": [priority.value for priority in Priority],
    }
