"""Finding a ticket on another page: a search that lives in the address, for people who know its number or its drop."""

from __future__ import annotations

from typing import Any

from flask import request

from admin_api.context import actor
from sql.database import Connection
from ticketing import ticket_views
from ticketing.paging import PageRequest
from ticketing.ticket_search import LONGEST_SEARCH
from ticketing.ticket_views import TicketFilter

FIND = "find_ticket"
"""The name in a page's query of the text to look for; the base's own search keeps its name for itself."""
MOST = 8


def wanted_text() -> str:
    """Return what is looked for; empty where nothing is."""
    return request.args.get(FIND, "").strip()[:LONGEST_SEARCH]


def find_tickets(connection: Connection) -> list[dict[str, Any]] | None:
    """Return the tickets that match best, a handful at most; None where nothing is looked for."""
    text = wanted_text()
    if not text:
        return None
    return ticket_views.list_tickets(connection, actor(), TicketFilter(search=text), PageRequest(size=MOST)).rows
