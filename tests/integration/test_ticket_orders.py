"""The orders of a list of tickets: what comes first, and that pages of each, by cursor and by number, miss nothing."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest
from flask import Flask
from flask.testing import FlaskClient

from sql.database import Connection
from tests.factories import Row, make_ticket, make_user
from tests.factories.access import client_as
from tests.factories.tickets import NOON, actor_of, make_many_tickets
from ticketing import ticket_views
from ticketing.errors import InvalidInput
from ticketing.paging import PageRequest
from ticketing.people import SYSTEM
from ticketing.ticket_order import BY_URGENCY, Order
from ticketing.ticket_views import TicketFilter
from ticketing.vocabulary import Status

if TYPE_CHECKING:
    from jobs.platform import Platform

HOUR = timedelta(hours=1)
ENDED = ("closed", "cancelled")
# So deep that everything is sorted, so shallow that everything is walked along indexes, and between the two.
DEPTHS = (10_000, 100, 12)


@pytest.fixture
def client(app: Flask, platform: Platform) -> FlaskClient:
    return client_as(app, platform, "manager")


@pytest.fixture
def mixed(connection: Connection) -> list[Row]:
    """Forty tickets of every priority, some ended, some without a clock, several of one moment."""
    statuses = ("open", "closed", "in_progress", "cancelled")
    return [
        make_ticket(
            connection,
            priority=BY_URGENCY[n % 5],
            status=statuses[n % 4],
            fault_cause="unknown",
            closed_at=NOON if statuses[n % 4] == "closed" else None,
            created_at=NOON + HOUR * (n // 3),
            updated_at=NOON + HOUR * (n * 7 % 40 // 2 + 20),
            sla_due_at=NOON + HOUR * (n * 3 % 20) if n % 8 else None,
        )
        for n in range(40)
    ]


def expected(order: Order, tickets: list[Row]) -> list[UUID]:
    def key(ticket: Row) -> tuple[int, datetime, UUID]:
        if order is Order.PRIORITY:
            return BY_URGENCY.index(ticket["priority"]), ticket["created_at"], ticket["id"]
        if order is Order.DUE:
            runs = ticket["sla_due_at"] is not None and ticket["status"] not in ENDED
            return (0, ticket["sla_due_at"], ticket["id"]) if runs else (1, ticket["created_at"], ticket["id"])
        return 0, ticket["updated_at" if order is Order.CHANGED else "created_at"], ticket["id"]

    return [ticket["id"] for ticket in sorted(tickets, key=key, reverse=order.newest_first)]


def walked(connection: Connection, order: Order, depth: int, *, size: int = 7, **filters: Any) -> list[UUID]:
    """Return a whole list, by its cursors."""
    seen: list[UUID] = []
    cursor = None
    while True:
        page = ticket_views.list_tickets(
            connection, SYSTEM, TicketFilter(**filters), PageRequest(size=size, cursor=cursor), order=order, depth=depth
        )
        assert len(page.rows) == size or page.next_cursor is None
        seen += [row["id"] for row in page.rows]
        cursor = page.next_cursor
        if cursor is None:
            return seen


@pytest.mark.parametrize("depth", DEPTHS)
@pytest.mark.parametrize("order", Order)
def test_cursors_walk_an_order_whole(connection: Connection, mixed: list[Row], order: Order, depth: int) -> None:
    assert walked(connection, order, depth) == expected(order, mixed)
    for name, value in (("priority", "high"), ("status", "closed"), ("status", "open")):
        kept = [ticket for ticket in mixed if ticket[name] == value]
        assert walked(connection, order, min(depth, 9), size=2, **{name: value}) == expected(order, kept)


@pytest.mark.parametrize("depth", [10_000, 35])
@pytest.mark.parametrize("order", Order)
def test_pages_by_number_stand_where_the_order_has_them(
    connection: Connection, mixed: list[Row], order: Order, depth: int
) -> None:
    whole = expected(order, mixed)
    for number in (1, 2, 4):
        page = ticket_views.list_tickets(
            connection, SYSTEM, TicketFilter(), PageRequest(page=number, size=7), order=order, depth=depth
        )
        assert [row["id"] for row in page.rows] == whole[(number - 1) * 7 : number * 7]
        assert (page.total, page.total_is_capped) == (min(40, depth), depth < 40)


def test_a_page_too_deep_is_refused_in_every_order(connection: Connection, mixed: list[Row]) -> None:
    assert mixed
    for order in Order:
        with pytest.raises(InvalidInput, match="cursor"):
            ticket_views.list_tickets(
                connection, SYSTEM, TicketFilter(), PageRequest(page=6, size=7), order=order, depth=35
            )


def test_nobody_sees_more_in_another_order(connection: Connection, mixed: list[Row]) -> None:
    assert mixed
    user = make_user(connection, roles=["technician"])
    own = make_ticket(connection, assigned_to=user["id"], status="assigned")
    for order in Order:
        page = ticket_views.list_tickets(
            connection, actor_of(user), TicketFilter(status=Status.ASSIGNED), PageRequest(), order=order
        )
        assert [row["id"] for row in page.rows] == [own["id"]]


def test_filters_beside_what_is_somebodys_own_count(connection: Connection) -> None:
    user = make_user(connection, roles=["technician"])
    wanted = {"status": "assigned", "priority": "high", "source": "manual", "ticket_type": "incident"}
    own = make_ticket(connection, assigned_to=user["id"], **wanted)
    for name, value in (("status", "in_progress"), ("priority", "low"), ("qa_ready", True), ("sla_breached", True)):
        make_ticket(connection, assigned_to=user["id"], **wanted | {name: value})
    filters = TicketFilter(**wanted, qa_ready=False, sla_breached=False)  # type: ignore[arg-type]
    page = ticket_views.list_tickets(connection, actor_of(user), filters, PageRequest())
    assert [row["id"] for row in page.rows] == [own["id"]]


def test_many_tickets_come_in_order(connection: Connection) -> None:
    make_many_tickets(connection, 12_000)
    for order in (Order.PRIORITY, Order.DUE, Order.CHANGED):
        page = ticket_views.list_tickets(
            connection, SYSTEM, TicketFilter(), PageRequest(page=100, size=100), order=order
        )
        assert (len(page.rows), page.total_is_capped) == (100, True)


class TestApi:
    def test_the_order_is_asked_for_and_the_cursor_keeps_to_it(self, client: FlaskClient, mixed: list[Row]) -> None:
        whole = [str(found) for found in expected(Order.PRIORITY, mixed)]
        answer = client.get("/api/ticketing/tickets?sort=priority&pageSize=10").get_json()
        assert [row["id"] for row in answer["data"]] == whole[:10]
        cursor = answer["pagination"]["next_cursor"]
        more = client.get(f"/api/ticketing/tickets?sort=priority&pageSize=10&cursor={cursor}").get_json()
        assert [row["id"] for row in more["data"]] == whole[10:20]
        refused = client.get(f"/api/ticketing/tickets?sort=due&cursor={cursor}")
        assert (refused.status_code, refused.get_json()["error"]["code"]) == (422, "VALIDATION_ERROR")

    def test_an_unknown_order_is_the_newest_first(self, client: FlaskClient, mixed: list[Row]) -> None:
        whole = [str(found) for found in expected(Order.NEWEST, mixed)]
        for sort in ("", "created_at:desc", "x" * 300):
            answer = client.get(f"/api/ticketing/tickets?pageSize=10&sort={sort}").get_json()
            assert [row["id"] for row in answer["data"]] == whole[:10]
