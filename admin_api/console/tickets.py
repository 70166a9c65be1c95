"""Tickets: the list with its filters and search, the board by status, and the way to an action over many.

Both read what the list of the API reads, with the same filters, which live in the address.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import Any

from flask import render_template, request, url_for

from admin_api.api.tickets import Sorting, TicketQuery
from admin_api.auth import requires
from admin_api.console.choices import Choices, load_choices
from admin_api.console.forms import query_of
from admin_api.console.pages import ConsolePages
from admin_api.console.ticket_bulk_offers import offers
from admin_api.console.ticket_rows import rows_of
from admin_api.context import actor, platform
from sql.database import Connection
from ticketing import ticket_views
from ticketing.paging import Page, PageRequest
from ticketing.ticket_order import Order, order_named
from ticketing.vocabulary import TERMINAL_STATUSES, Priority, Source, Status, TicketType

pages = ConsolePages("tickets")

ON_BOARD = tuple(status for status in Status if status not in TERMINAL_STATUSES)
CARDS = 12
COUNTED = 500
# How the console says what comes first.
ORDERS = {
    Order.NEWEST: "Newest first",
    Order.OLDEST: "Oldest first",
    Order.CHANGED: "Changed last first",
    Order.DUE: "SLA due soonest first",
    Order.PRIORITY: "Most urgent first",
}


@pages.page("/tickets")
@requires.signed_in()
def list_tickets() -> str:
    """List the tickets that match, in the order that the address names."""
    query = query_of(TicketQuery)
    with platform().read() as connection:
        page = ticket_views.list_tickets(connection, actor(), query.filter(), query.request(), order=query.order)
        rows = rows_of(connection, page.rows)
        choices = load_choices(connection)
    ticked = set(request.form.getlist("ids"))
    return render_template(
        "console/tickets.html", tickets=rows, page=page, ticked=ticked, **_around(query, choices), **_ways(page)
    )


@pages.page("/tickets/board")
@requires.signed_in()
def show_board() -> str:
    """Show the tickets that match on a board: a column for each status in which work is left to do."""
    query = query_of(TicketQuery)
    wanted = [query.status] if query.status else list(ON_BOARD)
    with platform().read() as connection:
        columns = _columns(connection, query, wanted)
        choices = load_choices(connection)
    return render_template("console/tickets_board.html", columns=columns, **_around(query, choices))


def _columns(connection: Connection, query: TicketQuery, statuses: Sequence[Status]) -> list[dict[str, Any]]:
    """Return the first tickets in each status with how many there are, counted no further than COUNTED."""
    pages = ticket_views.list_by_status(
        connection,
        actor(),
        query.filter(),
        statuses,
        PageRequest(size=CARDS),
        order=query.order,
        depth=COUNTED,
    )
    rows = iter(rows_of(connection, [ticket for page in pages.values() for ticket in page.rows]))
    return [
        {
            "status": status.value,
            "page": page,
            "tickets": list(islice(rows, len(page.rows))),
            "all": address_of("list_tickets", status=status.value),
        }
        for status, page in pages.items()
    ]


def address_of(view: str, **changes: Any) -> str:
    """Return the address of the list or the board with the filters and the order in hand, some of them changed.

    None takes one out. The place in a list is not kept.
    """
    wanted = {name: value for name, value in (_active() | _sorted() | changes).items() if value is not None}
    return url_for(f"console_tickets.{view}", **wanted)


def filter_names() -> frozenset[str]:
    """Return the names of the filters of a list of tickets."""
    return frozenset(TicketQuery.model_fields) - frozenset(Sorting.model_fields)


def _active() -> dict[str, str]:
    """Return the filters that are set."""
    return {name: value for name, value in request.args.items() if value and name in filter_names()}


def _sorted() -> dict[str, str]:
    """Return the order as an address has it: the usual one needs no name."""
    order = order_named(request.args.get("sort"))
    return {} if order is Order.NEWEST else {"sort": order.value}


def _around(query: TicketQuery, choices: Choices) -> dict[str, Any]:
    """Return what the list and the board need besides tickets: the filters that are set, and what to choose from."""
    active = _active()
    me = actor().user_id
    return {
        "active": active,
        "kept": active | _sorted(),
        "order": query.order.value,
        "orders": [(order.value, said) for order, said in ORDERS.items()],
        "order_said": ORDERS[query.order],
        "narrowing": len(active.keys() - {"search"}),
        "choices": choices,
        "statuses": [status.value for status in Status],
        "priorities": [priority.value for priority in Priority],
        "sources": [source.value for source in Source],
        "types": [kind.value for kind in TicketType],
        "search": query.search or "",
        "mine": address_of("list_tickets", assigned_to=str(me)) if me else None,
        "is_mine": me is not None and active.get("assigned_to") == str(me),
        "address_of": address_of,
        "bulk": offers(),
    }


def _ways(page: Page) -> dict[str, str | None]:
    """Return the addresses of the next rows and of the first ones."""
    return {
        "next": address_of("list_tickets", cursor=page.next_cursor) if page.next_cursor else None,
        "first": address_of("list_tickets") if request.args.get("cursor") else None,
    }
