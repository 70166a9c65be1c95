"""Tickets in the console: the list with its filters, the board, and actions over many."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.console import open_console, send, text_of
from tests.factories import make, make_contractor, make_team, make_ticket, make_user
from tests.factories.access import make_api_key
from tests.factories.sla import create
from tests.running import run_jobs
from ticketing import ticket_lists, ticket_views
from ticketing.paging import fetch_planned
from ticketing.ticket_views import read_ticket

if TYPE_CHECKING:
    from jobs.platform import Platform

LIST = "/console/tickets"
BOARD = "/console/tickets/board"
AN_ID = "0198c5a2-7e1b-7c3d-9f00-0123456789ab"


@pytest.fixture
def manager(app: Flask, platform: Platform) -> FlaskClient:
    return open_console(app, make_api_key(platform, "manager"))


def shown(text: str, *tickets: dict[str, Any]) -> list[bool]:
    return [ticket["ticket_uid"] in text for ticket in tickets]


def now_of(platform: Platform, ticket: dict[str, Any]) -> dict[str, Any]:
    with platform.read() as connection:
        return read_ticket(connection, ticket["id"])


class TestLooking:
    @pytest.mark.parametrize("address", [LIST, BOARD])
    def test_without_tickets_the_pages_say_so(self, manager: FlaskClient, address: str) -> None:
        text = text_of(manager, address)
        assert "They come from imports" in text or text.count(">None.<") == 9

    @pytest.mark.parametrize("address", [LIST, BOARD])
    def test_a_ticket_is_shown_with_what_one_decides_by(
        self, manager: FlaskClient, platform: Platform, address: str
    ) -> None:
        with platform.read() as connection:
            user, company = make_user(connection, name="Thandi Example"), make_contractor(connection, name="Velocity")
        ticket = create(
            platform,
            title="No light <at> the mast",
            priority="urgent",
            source="construction",
            assigned_to=str(user["id"]),
            assigned_contractor_id=str(company["id"]),
        )
        text = text_of(manager, address)
        for said in (ticket["ticket_uid"], "No light &lt;at&gt; the mast", "Urgent", "Construction", " left"):
            assert said in text
        assert "Thandi Example, Velocity" in text

    @pytest.mark.parametrize("address", [LIST, BOARD])
    def test_a_case_whose_title_is_its_reference_says_what_it_is_about(
        self, manager: FlaskClient, platform: Platform, address: str
    ) -> None:
        case = {"source": "qcontact", "external_id": "FT900123", "title": "FT900123"}
        make(platform, make_ticket, **case, description="No internet since Monday")
        make(platform, make_ticket, title="Pole leaning", description="Near the school")
        text = text_of(manager, address)
        assert "No internet since Monday" in text
        assert "Near the school" not in text, "a title that says something stands for itself"

    def test_filters_narrow_and_stay_in_the_address(self, manager: FlaskClient, platform: Platform) -> None:
        urgent, low = create(platform, priority="urgent"), create(platform, priority="low")
        text = text_of(manager, f"{LIST}?priority=urgent&status=&qa_ready=")
        assert shown(text, urgent, low) == [True, False]
        assert "Filter and sort (1)" in text
        assert "/console/tickets/board?priority=urgent" in text
        assert shown(text_of(manager, f"{BOARD}?priority=low"), urgent, low) == [False, True]
        assert "None match" in text_of(manager, f"{LIST}?status=qa_rejected")

    def test_what_is_no_filter_is_refused_in_words(self, manager: FlaskClient) -> None:
        assert "status" in text_of(manager, f"{LIST}?status=lost", 422)
        assert text_of(manager, f"{LIST}?colour=blue")

    def test_searching_finds_by_words(self, manager: FlaskClient, platform: Platform) -> None:
        wanted, other = create(platform, title="Fibre cut at the mast"), create(platform, title="Slow speed")
        text = text_of(manager, f"{LIST}?search=mast+fibre")
        assert shown(text, wanted, other) == [True, False]
        assert "matching “mast fibre”" in text

    def test_a_long_list_goes_on(self, manager: FlaskClient, platform: Platform) -> None:
        made = [create(platform) for _ in range(3)]
        first = text_of(manager, f"{LIST}?pageSize=2&priority=normal")
        assert shown(first, *made) == [False, True, True]
        assert "3 tickets" in first
        onward = re.search(r'rel="next" href="([^"]+)"', text_of(manager, f"{LIST}?priority=normal&pageSize=2"))
        assert onward
        text = text_of(manager, onward.group(1).replace("&amp;", "&"))
        assert shown(text, *made) == [True, False, False]
        assert "First" in text

    def test_who_works_on_site_sees_their_own_and_nothing_to_choose_people_by(
        self, app: Flask, platform: Platform
    ) -> None:
        with platform.read() as connection:
            company = make_contractor(connection)
        browser = open_console(app, make_api_key(platform, "contractor", contractor_id=company["id"]))
        mine, other = create(platform, assigned_contractor_id=str(company["id"])), create(platform)
        for address in (LIST, BOARD):
            text = text_of(browser, address)
            assert shown(text, mine, other) == [True, False]
            assert company["name"] in text
            assert "Anybody" not in text
            assert "Act on several" not in text

    def test_the_board_has_a_column_for_each_status_in_which_work_is_left(
        self, manager: FlaskClient, platform: Platform, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("admin_api.console.tickets.CARDS", 1)
        monkeypatch.setattr("admin_api.console.tickets.COUNTED", 1)
        create(platform)
        newer = create(platform)
        text = text_of(manager, BOARD)
        assert re.findall(r'id="column-(\w+)"', text) == [
            "open",
            "assigned",
            "in_progress",
            "pending_qa",
            "qa_in_progress",
            "qa_rejected",
            "qa_approved",
            "pending_handover",
            "handed_to_maintenance",
        ]
        assert newer["ticket_uid"] in text
        assert "All of them" in text
        assert '<span class="count">1+</span>' in text
        assert re.findall(r'id="column-(\w+)"', text_of(manager, f"{BOARD}?status=closed")) == ["closed"]

    def test_a_row_costs_no_statement_of_its_own(
        self, manager: FlaskClient, platform: Platform, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        asked: list[str] = []

        def counting(*arguments: Any, **more: Any) -> Any:
            asked.append("x")
            return fetch_planned(*arguments, **more)

        for module in (ticket_views, ticket_lists):
            monkeypatch.setattr(module, "fetch_planned", counting)
        for _ in range(3):
            create(platform)
        asked.clear()
        text_of(manager, LIST)
        assert len(asked) == 3


class TestSorting:
    @pytest.fixture
    def three(self, platform: Platform) -> list[dict[str, Any]]:
        return [create(platform, priority=priority) for priority in ("low", "critical", "normal")]

    def order_of(self, text: str, tickets: list[dict[str, Any]]) -> list[int]:
        places = [text.index(ticket["ticket_uid"]) for ticket in tickets]
        return sorted(range(len(tickets)), key=places.__getitem__)

    @pytest.mark.parametrize(
        ("address", "order"),
        [(LIST, [2, 1, 0]), (f"{LIST}?sort=oldest", [0, 1, 2]), (f"{LIST}?sort=priority", [1, 2, 0])],
    )
    def test_the_order_is_the_one_of_the_address(
        self, manager: FlaskClient, three: list[dict[str, Any]], address: str, order: list[int]
    ) -> None:
        assert self.order_of(text_of(manager, address), three) == order

    def test_a_heading_says_how_the_list_is_sorted_and_sorts_it(
        self, manager: FlaskClient, three: list[dict[str, Any]]
    ) -> None:
        assert three
        text = text_of(manager, f"{LIST}?priority=low")
        assert re.search(r'aria-sort="descending"><a class="sorts" href="[^"]*priority=low[^"]*sort=oldest', text)
        assert text.count("aria-sort") == 1
        for sort, direction, label in (("due", "ascending", "SLA"), ("changed", "descending", "Changed")):
            text = text_of(manager, f"{LIST}?sort={sort}")
            assert re.search(rf'aria-sort="{direction}"><a class="sorts" href="[^"]*sort={sort}"[^>]*>{label}', text)
            assert f'<option value="{sort}" selected>' in text

    def test_the_order_stays_with_filters_pages_and_the_board(
        self, manager: FlaskClient, three: list[dict[str, Any]]
    ) -> None:
        text = text_of(manager, f"{LIST}?sort=priority&pageSize=1")
        (onwards,) = re.findall(r'rel="next" href="([^"]+)"', text)
        assert "sort=priority" in onwards
        board = text_of(manager, f"{BOARD}?sort=priority")
        assert self.order_of(board, three) == [1, 2, 0]
        assert "most urgent first" in board
        assert f"{LIST}?sort=priority" in board

    def test_a_search_keeps_its_own_order(self, manager: FlaskClient, three: list[dict[str, Any]]) -> None:
        text = text_of(manager, f"{LIST}?search={three[0]['ticket_uid']}&sort=priority")
        assert "aria-sort" not in text
        assert 'name="sort"' not in text


class TestActingOnMany:
    def test_the_ticked_are_assigned_and_what_became_of_each_is_shown(
        self, manager: FlaskClient, platform: Platform
    ) -> None:
        with platform.read() as connection:
            team = make_team(connection, name="Field team")
        ticked, other = [create(platform), create(platform)], create(platform)
        answer = send(
            manager,
            f"{LIST}/bulk",
            manager.get(LIST),
            action="assign",
            ids=[str(ticket["id"]) for ticket in ticked],
            assigned_team_id=str(team["id"]),
            priority="low",
        )
        assert answer.status_code == 303, answer.get_data(as_text=True)
        assert "Waiting" in text_of(manager, answer.location)
        run_jobs(platform)
        text = text_of(manager, answer.location)
        assert "Completed" in text
        assert "Field team" in text
        assert shown(text, *ticked, other) == [True, True, False]
        for ticket in ticked:
            changed = now_of(platform, ticket)
            assert (changed["assigned_team_id"], changed["status"]) == (team["id"], "assigned")
            assert changed["priority"] == "normal"
        assert "Assign" in text_of(manager, f"{LIST}/bulk")
        assert text_of(manager, f"{answer.location}?outcome=refused").count("data-row-link") == 0

    def test_somebody_is_taken_off_many(self, manager: FlaskClient, platform: Platform) -> None:
        with platform.read() as connection:
            user = make_user(connection)
        ticket = create(platform, assigned_to=str(user["id"]))
        page = manager.get(LIST)
        send(manager, f"{LIST}/bulk", page, action="assign", ids=[str(ticket["id"])], assigned_to="nobody")
        run_jobs(platform)
        assert now_of(platform, ticket)["assigned_to"] is None

    def test_a_ticket_that_may_not_move_says_why(self, manager: FlaskClient, platform: Platform) -> None:
        ticket = create(platform)
        page = manager.get(LIST)
        answer = send(manager, f"{LIST}/bulk", page, action="status", ids=[str(ticket["id"])], status="closed")
        run_jobs(platform)
        assert "open cannot become closed; allowed: assigned, cancelled" in text_of(
            manager, f"{answer.location}?outcome=refused"
        )

    def test_what_makes_no_sense_shows_the_list_again_as_it_was(self, manager: FlaskClient, platform: Platform) -> None:
        urgent, low = create(platform, priority="urgent"), create(platform, priority="low")
        page = manager.get(LIST)
        wrong: list[tuple[dict[str, Any], str]] = [
            ({"action": "priority", "priority": "low"}, "Tick the tickets first"),
            ({"action": "priority", "ids": [AN_ID]}, "takes priority"),
            ({"action": "assign", "ids": [AN_ID], "assigned_to": AN_ID}, "assigned_to"),
            ({"action": "paint", "ids": [AN_ID]}, "action"),
        ]
        for sent, why in wrong:
            answer = send(manager, f"{LIST}/bulk?priority=urgent", page, **sent)
            text = answer.get_data(as_text=True)
            assert answer.status_code == 422
            assert why in text
            assert shown(text, urgent, low) == [True, False]

    def test_what_was_ticked_stays_ticked(self, manager: FlaskClient, platform: Platform) -> None:
        ticket = create(platform)
        answer = send(manager, f"{LIST}/bulk", manager.get(LIST), action="status", ids=[str(ticket["id"])])
        ticked = re.findall(r'value="([^"]+)" form="bulk"[^>]* checked', answer.get_data(as_text=True))
        assert ticked == [str(ticket["id"])]

    def test_all_that_match_are_counted_first(self, manager: FlaskClient, platform: Platform) -> None:
        wanted, other = [create(platform, priority="low") for _ in range(2)], create(platform)
        address = f"{LIST}/matching?priority=low"
        page = manager.get(address)
        assert "2 tickets match" in page.get_data(as_text=True)
        answer = send(manager, address, page, action="priority", priority="high")
        run_jobs(platform)
        assert [now_of(platform, ticket)["priority"] for ticket in (*wanted, other)] == ["high", "high", "normal"]
        assert shown(text_of(manager, answer.location), *wanted, other) == [True, True, False]

    def test_not_everything_can_be_chosen_by_filters(self, manager: FlaskClient) -> None:
        page = manager.get(LIST)
        for query, said in (
            ("", "Filter first"),
            ("?search=mast", "Searching does not choose"),
            ("?status=closed", "No ticket matches"),
        ):
            assert said in text_of(manager, f"{LIST}/matching{query}")
            sent = send(manager, f"{LIST}/matching{query}", page, action="priority", priority="low")
            assert sent.status_code == 422

    def test_too_many_are_refused(
        self, manager: FlaskClient, platform: Platform, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("admin_api.console.ticket_bulk.MOST_TICKETS", 1)
        create(platform), create(platform)
        assert "These are too many" in text_of(manager, f"{LIST}/matching?priority=normal")

    def test_an_action_is_stopped(self, manager: FlaskClient, platform: Platform) -> None:
        ticket = create(platform)
        page = manager.get(LIST)
        bulk = send(manager, f"{LIST}/bulk", page, action="priority", ids=[str(ticket["id"])], priority="low").location
        answer = send(manager, f"{bulk}/stop", manager.get(bulk), reason="the wrong ones")
        assert answer.status_code == 303
        run_jobs(platform)
        assert now_of(platform, ticket)["priority"] == "normal"
        assert "Cancelled" in text_of(manager, bulk)
        again = send(manager, f"{bulk}/stop", manager.get(bulk))
        assert again.status_code == 409

    def test_qa_moves_many_and_gives_them_to_nobody(self, app: Flask, platform: Platform) -> None:
        browser, ticket = open_console(app, make_api_key(platform, "qa")), create(platform)
        text = text_of(browser, LIST)
        assert 'value="status">Move' in text
        assert 'value="assign"' not in text
        page = browser.get(LIST)
        answer = send(browser, f"{LIST}/bulk", page, action="priority", ids=[str(ticket["id"])], priority="low")
        assert answer.status_code == 403

    def test_there_is_nothing_at_an_id_of_nothing(self, manager: FlaskClient) -> None:
        assert "not found" in text_of(manager, f"{LIST}/bulk/{AN_ID}", 404)
