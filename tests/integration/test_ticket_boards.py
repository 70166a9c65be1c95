"""The columns of a board: the same tickets, in the same order, as the list of each status by itself."""

from __future__ import annotations

from typing import Any
from unittest.mock import patch

import pytest

from sql.database import Connection, queries
from tests.factories import make_user
from tests.factories.tickets import actor_of, make_many_tickets
from ticketing import paging, ticket_lists, ticket_views
from ticketing.paging import Page, PageRequest
from ticketing.people import SYSTEM, Actor
from ticketing.ticket_order import Order
from ticketing.ticket_views import TicketFilter
from ticketing.vocabulary import Priority, Status

CARDS = PageRequest(size=3)
DEPTH = 20
# How many of somebody's own are read at once: all of them, or too few to tell.
ALL, TOO_FEW = 10_000, 15


@pytest.fixture
def owner(connection: Connection) -> Actor:
    """Somebody with a third of a thousand tickets: more than a column counts in some statuses, none in others."""
    make_many_tickets(connection, 1_000)
    user = make_user(connection, roles=["technician"])
    connection.execute(
        """
        update tickets
        set
            assigned_to = %s,
            sla_due_at = case when right(dr_number, 1) < '6' then now() + age(created_at) end
        where substr(dr_number, 3)::integer %% 3 = 0 and status <> 'qa_rejected'
        """,
        [user["id"]],
    )
    return actor_of(user)


def told(page: Page) -> tuple[Any, ...]:
    return [row["ticket_uid"] for row in page.rows], page.total, page.total_is_capped, page.next_cursor


def board_of(connection: Connection, actor: Actor, wanted: TicketFilter, order: Order) -> dict[Status, Page]:
    return ticket_views.list_by_status(connection, actor, wanted, list(Status), CARDS, order=order, depth=DEPTH)


@pytest.mark.parametrize("own", [ALL, TOO_FEW])
@pytest.mark.parametrize("order", Order)
def test_a_column_is_the_list_of_its_status(
    connection: Connection, owner: Actor, order: Order, own: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ticket_lists, "MAX_DEPTH", own)
    of_owner = {"assigned_to": str(owner.user_id)}
    for actor, filters in ((SYSTEM, {}), (SYSTEM, of_owner), (owner, {}), (owner, {"priority": Priority.HIGH})):
        board = board_of(connection, actor, TicketFilter(**filters), order)
        assert set(board) == set(Status)
        for status, column in board.items():
            alone = TicketFilter(**filters, status=status)
            page = ticket_views.list_tickets(connection, actor, alone, CARDS, order=order, depth=DEPTH)
            assert told(column) == told(page)


def test_what_is_somebodys_own_is_read_once(connection: Connection, owner: Actor) -> None:
    asked: list[str] = []

    def counting(connection: Connection, query: Any, **parameters: Any) -> list[dict[str, Any]]:
        asked.append(query.sql)
        return paging.fetch_planned(connection, query, **parameters)

    with patch.object(ticket_lists, "fetch_planned", counting):
        board = board_of(connection, owner, TicketFilter(), Order.DUE)
    assert asked == [queries("tickets").find_few_tickets.sql]
    assert any(page.total_is_capped for page in board.values())
    assert board[Status.QA_REJECTED].rows == []


def test_a_searched_board_has_what_the_search_finds(connection: Connection, owner: Actor) -> None:
    wanted = ticket_views.list_tickets(connection, owner, TicketFilter(status=Status.ASSIGNED), PageRequest(size=1))
    uid = wanted.rows[0]["ticket_uid"]
    board = board_of(connection, owner, TicketFilter(search=uid), Order.NEWEST)
    found = {status: [row["ticket_uid"] for row in page.rows] for status, page in board.items() if page.rows}
    assert found == {Status.ASSIGNED: [uid]}
