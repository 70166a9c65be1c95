"""Actions over many tickets: those that were ticked, or all that match the filters; and what became of each.

The tickets are frozen when the action is asked for. It is done in the background, and can be followed and stopped.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from flask import Response, render_template, request, url_for

from admin_api.api.bulk_actions import ASKERS, READERS, ReasonBody, ResultsQuery, stop
from admin_api.api.tickets import TicketQuery
from admin_api.auth import requires
from admin_api.console.choices import load_choices
from admin_api.console.forms import form_of, query_of
from admin_api.console.frame import address_with
from admin_api.console.pages import ConsolePages, done
from admin_api.console.ticket_bulk_offers import asked, offers
from admin_api.console.tickets import filter_names, list_tickets
from admin_api.context import actor, platform, unit_of_work
from admin_api.keyset import KeysetQuery, keyset
from admin_api.requests import parse_uuid
from jobs.kinds import act_on_tickets
from ticketing import directory, ticket_views
from ticketing.bulk_actions import views
from ticketing.bulk_actions.requests import BulkFilter, NewBulkAction
from ticketing.bulk_actions.rules import MOST_TICKETS
from ticketing.errors import InvalidInput
from ticketing.paging import PageRequest
from ticketing.ticket_changes import ASSIGNEE_FIELDS
from ticketing.vocabulary import BulkOutcome, Priority, Status

pages = ConsolePages("ticket_bulk")

OUTCOMES = (*(outcome.value for outcome in BulkOutcome), views.WAITING)


@pages.action("/tickets/bulk", again=list_tickets)
@requires(*ASKERS)
def act_on_ticked() -> Response:
    """Do something to the tickets that were ticked."""
    ids = request.form.getlist("ids")
    if not ids:
        raise InvalidInput("Tick the tickets first, then say what is to be done with them")
    return _ask(asked(ticket_ids=ids))


@pages.page("/tickets/matching")
@requires(*ASKERS)
def ask_about_matching() -> str:
    """Count the tickets that the filters choose, and ask what is to be done with all of them."""
    query = query_of(TicketQuery)
    with platform().read() as connection:
        found = ticket_views.list_tickets(connection, actor(), query.filter(), PageRequest(size=1))
        choices = load_choices(connection)
    return render_template(
        "console/tickets_matching.html",
        chosen=_chosen(),
        found=found,
        most=MOST_TICKETS,
        choices=choices,
        bulk=offers(),
        priorities=[priority.value for priority in Priority],
        statuses=[status.value for status in Status],
    )


@pages.action("/tickets/matching", again=ask_about_matching)
@requires(*ASKERS)
def act_on_matching() -> Response:
    """Do something to all tickets that the filters of the address choose now."""
    query = query_of(TicketQuery)
    filters = BulkFilter.model_fields
    return _ask(asked(filter={name: value for name, value in query if name in filters and value is not None}))


@pages.page("/tickets/bulk")
@requires(*READERS)
def list_actions() -> str:
    """List what was done to many tickets at once, newest first."""
    query = query_of(KeysetQuery)
    with platform().read() as connection:
        rows = views.list_bulk_actions(connection, before_id=query.cursor, limit=query.page_size + 1)
    shown, pagination = keyset(rows, query)
    return render_template("console/tickets_bulk_list.html", actions=shown, **_ways(pagination["next_cursor"]))


@pages.page("/tickets/bulk/<bulk_action_id>")
@requires(*READERS)
def show_action(bulk_action_id: str) -> str:
    """Show how far an action is, and what became of each ticket."""
    wanted, query = _id(bulk_action_id), query_of(ResultsQuery)
    with platform().read() as connection:
        bulk = views.get_bulk_action(connection, wanted)
        rows = views.list_results(
            connection, wanted, outcome=query.outcome, after_id=query.cursor, limit=query.page_size + 1
        )
        names = directory.names_of(connection, (UUID(bulk["changes"][field]) for field in _given(bulk["changes"])))
    shown = rows[: query.page_size]
    return render_template(
        "console/tickets_bulk.html",
        bulk=bulk,
        results=shown,
        names={str(found): name for found, name in names.items()},
        outcomes=OUTCOMES,
        outcome=query.outcome,
        here=_here(wanted),
        **_ways(shown[-1]["ticket_id"] if len(rows) > len(shown) else None),
    )


@pages.action("/tickets/bulk/<bulk_action_id>/stop", again=show_action)
@requires(*ASKERS)
def stop_action(bulk_action_id: str) -> Response:
    """Stop an action: tickets that have a result keep it."""
    stop(_id(bulk_action_id), form_of(ReasonBody).reason)
    return done(
        "The action is stopped, or will be after the tickets in hand", ".show_action", bulk_action_id=bulk_action_id
    )


def _ask(new: NewBulkAction) -> Response:
    with unit_of_work() as work:
        accepted, _ = act_on_tickets.submit(work, new)
    return done("The action has begun: here is what becomes of each ticket", ".show_action", bulk_action_id=accepted.id)


def _chosen() -> dict[str, str]:
    return {name: value for name, value in request.args.items() if value and name in filter_names()}


def _given(changes: Mapping[str, Any]) -> list[str]:
    return [field for field in ASSIGNEE_FIELDS if changes.get(field)]


def _here(bulk_action_id: UUID) -> dict[str | None, str]:
    """Return the address of the page for each outcome to be shown, and for all (None)."""
    return {
        outcome: url_for(".show_action", bulk_action_id=bulk_action_id, outcome=outcome)
        for outcome in (None, *OUTCOMES)
    }


def _ways(next_cursor: Any) -> dict[str, str | None]:
    return {
        "next": address_with(cursor=next_cursor) if next_cursor else None,
        "first": address_with(cursor=None) if request.args.get("cursor") else None,
    }


def _id(text: str) -> UUID:
    return parse_uuid(text, "Invalid bulk action ID")
