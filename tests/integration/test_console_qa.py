"""The QA board in the console: what it shows, and what QA does from it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from admin_api.console.qa import SHORT
from tests.console import open_console, send
from tests.factories import make_ticket
from tests.factories.access import make_api_key
from tests.factories.readiness import make_ready_ticket
from tests.factories.tickets import complete_steps, make_actor
from tests.running import run_jobs
from ticketing import ticket_views
from ticketing.readiness.rules import CHECKS

if TYPE_CHECKING:
    from jobs.platform import Platform
    from sql.database import Connection


@pytest.fixture
def console(app: Flask, platform: Platform, connection: Connection) -> FlaskClient:
    person = make_actor(connection, "qa")
    return open_console(app, make_api_key(platform, "qa", user_id=person.user_id))


def text_of(answer: TestResponse) -> str:
    return answer.get_data(as_text=True)


def press(console: FlaskClient, action: str, **fields: Any) -> TestResponse:
    """Send a form of the board and follow where it leads."""
    answer = send(console, f"/console/qa/{action}", console.get("/console/menu"), **fields)
    return console.get(answer.headers["Location"]) if answer.status_code == 303 else answer


def status_of(connection: Connection, ticket_id: UUID) -> str:
    return str(ticket_views.read_ticket(connection, ticket_id)["status"])


def test_an_empty_board_says_so(console: FlaskClient) -> None:
    assert "Nothing waits for QA" in text_of(console.get("/console/qa"))
    assert "No ticket matches" in text_of(console.get("/console/qa?is_ready=true&nonsense=1"))
    assert console.get("/console/qa?status=closed").status_code == 422


def test_a_ticket_goes_from_the_check_to_the_approval(console: FlaskClient, connection: Connection) -> None:
    ticket = make_ready_ticket(connection)
    board = text_of(console.get("/console/qa"))
    assert (ticket["ticket_uid"] in board, "Not checked" in board, "Start QA" in board) == (True, True, False)
    refused = press(console, f"{ticket['id']}/move/qa_in_progress")
    assert (refused.status_code, "Run the readiness check" in text_of(refused)) == (409, True)
    page = text_of(press(console, f"{ticket['id']}/recheck"))
    assert ("The ticket is ready for QA" in page, "Start QA" in page) == (True, True)
    page = text_of(press(console, f"{ticket['id']}/move/qa_in_progress"))
    assert f"{ticket['ticket_uid']} is now QA in progress" in page
    refused = press(console, f"{ticket['id']}/move/qa_approved")
    assert (refused.status_code, "0/12 steps are complete" in text_of(refused)) == (409, True)
    complete_steps(connection, ticket["id"])
    press(console, f"{ticket['id']}/move/qa_approved")
    assert status_of(connection, ticket["id"]) == "qa_approved"


def test_a_rejection_needs_its_reason_and_a_version_that_holds(console: FlaskClient, connection: Connection) -> None:
    ticket = make_ready_ticket(connection, status="qa_in_progress")
    refused = press(console, f"{ticket['id']}/move/qa_rejected")
    assert (refused.status_code, status_of(connection, ticket["id"])) == (409, "qa_in_progress")
    old = {"reason": "No light", "updated_at": "2020-01-01T00:00:00.000Z"}
    refused = press(console, f"{ticket['id']}/move/qa_rejected", **old)
    assert (refused.status_code, "No light" in text_of(refused)) == (409, True), "what was typed stays"
    press(console, f"{ticket['id']}/move/qa_rejected", reason="No light")
    assert status_of(connection, ticket["id"]) == "qa_rejected"


def test_ticked_tickets_are_checked_together_and_one_is_led_back_to_the_filter(
    console: FlaskClient, platform: Platform, connection: Connection
) -> None:
    ready, lacking = make_ready_ticket(connection), make_ticket(connection, status="pending_qa")
    page = press(
        console, "recheck", ticket_ids=[str(ready["id"]), str(lacking["id"])], back="/console/qa?is_ready=true"
    )
    assert "2 tickets will be checked in a moment" in text_of(page)
    assert ready["ticket_uid"] not in text_of(page)
    run_jobs(platform)
    board = text_of(console.get("/console/qa?is_ready=true"))
    assert (ready["ticket_uid"] in board, lacking["ticket_uid"] in board) == (True, False)
    assert press(console, "recheck").status_code == 422


def test_the_board_makes_qas_moves_only(console: FlaskClient, connection: Connection) -> None:
    ticket = make_ready_ticket(connection)
    assert press(console, f"{ticket['id']}/move/cancelled").status_code == 404
    assert press(console, f"{uuid4()}/move/qa_in_progress").status_code == 404
    assert press(console, f"{uuid4()}/recheck").status_code == 404


def test_who_only_looks_is_offered_nothing(app: Flask, platform: Platform, connection: Connection) -> None:
    make_ready_ticket(connection, status="qa_in_progress")
    board = text_of(open_console(app, make_api_key(platform, "viewer")).get("/console/qa"))
    assert "/console/qa/" not in board
    assert "data-row " not in board


def test_every_check_has_its_column() -> None:
    assert tuple(SHORT) == CHECKS
