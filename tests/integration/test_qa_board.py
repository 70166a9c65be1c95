"""The QA board: which tickets, in what order, with what missing; for whom; by which index."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest
from flask import Flask
from flask.testing import FlaskClient

from admin_api.api import qa_board
from admin_api.app import create_app
from sql.database import queries
from tests.factories import Row, make_project, make_ticket
from tests.factories.access import client_as
from tests.factories.readiness import PLACES, make_photo, make_ready_ticket
from tests.factories.tickets import complete_steps, make_actor, make_many_tickets, make_risk
from ticketing import readiness
from ticketing.people import SYSTEM
from ticketing.readiness import Policy
from ticketing.readiness.board import ON_BOARD
from ticketing.readiness.rules import CHECKS
from ticketing.ticket_views import EVERYTHING
from ticketing.verification_steps import PHOTO_STEPS

if TYPE_CHECKING:
    from jobs.platform import Platform
    from sql.database import Connection

BOARD = "/api/ticketing/qa/board"


@pytest.fixture
def app(platform: Platform) -> Flask:
    return create_app(platform=platform, blueprints=[qa_board.api])


@pytest.fixture
def client(app: Flask, platform: Platform) -> FlaskClient:
    return client_as(app, platform, "qa")


def board(client: FlaskClient, query: str = "") -> dict[str, Any]:
    answer = client.get(f"{BOARD}?{query}")
    assert answer.status_code == 200, answer.get_json()
    body: dict[str, Any] = answer.get_json()
    return body


def ids(body: dict[str, Any]) -> list[UUID]:
    return [UUID(row["id"]) for row in body["data"]]


def waiting(connection: Connection, day: int, **columns: Any) -> Row:
    """A ticket that has waited for QA since a day of November."""
    return make_ticket(connection, **{"status": "pending_qa", "created_at": f"2026-11-{day:02}T08:00:00Z"} | columns)


def test_the_oldest_comes_first_whatever_its_status_and_a_cursor_goes_on(
    client: FlaskClient, connection: Connection
) -> None:
    third, first = waiting(connection, 12), waiting(connection, 10)
    second = waiting(connection, 11, status="qa_in_progress")
    waiting(connection, 9, status="in_progress")
    begun = board(client, "pageSize=2")
    assert ids(begun) == [first["id"], second["id"]]
    assert begun["counts"] == {"pending_qa": 2, "qa_in_progress": 1}
    rest = board(client, f"pageSize=2&cursor={begun['meta']['next_cursor']}")
    assert (ids(rest), rest["meta"]["next_cursor"]) == ([third["id"]], None)


def test_what_is_missing_is_told_as_it_is_now(client: FlaskClient, connection: Connection) -> None:
    ticket = waiting(connection, 10, **PLACES | {"pole_number": None})
    make_photo(connection, ticket["id"], 3)
    make_photo(connection, ticket["id"], 4, inspection_status="suspect")
    complete_steps(connection, ticket["id"], 1, 2)
    make_risk(connection, ticket["id"])
    [row] = board(client)["data"]
    assert [check["check_name"] for check in row["checks"]] == list(CHECKS)
    failed = {check["check_name"]: check["reason"] for check in row["checks"] if not check["passed"]}
    assert failed.keys() == {"photos_exist", "pole_populated", "ont_serial_recorded", "ont_rx_recorded"}
    assert failed["pole_populated"] == "The pole number is missing"
    assert row["missing_photo_steps"] == [step for step in PHOTO_STEPS if step != 3]
    assert (row["steps_completed"], row["steps_total"], row["active_risks"]) == (10, 12, 1)
    assert (row["is_ready"], row["checked_at"]) == (False, None)


def test_a_ticket_is_ready_while_its_passed_check_stands(
    client: FlaskClient, platform: Platform, connection: Connection
) -> None:
    ready, lacking = make_ready_ticket(connection), waiting(connection, 10)
    with platform.begin(SYSTEM) as work:
        readiness.check(work, ready["id"], Policy(), checked_by=None)
    assert ids(board(client, "is_ready=true")) == [ready["id"]]
    assert ids(board(client, "is_ready=false")) == [lacking["id"]]
    connection.execute("update tickets set pole_number = null where id = %s", [ready["id"]])
    body = board(client, "is_ready=true")
    assert (body["data"], body["counts"]) == ([], {"pending_qa": 0, "qa_in_progress": 0})


def test_it_narrows_by_status_and_project(client: FlaskClient, connection: Connection) -> None:
    project = make_project(connection)
    mine = waiting(connection, 10, project_id=project["id"])
    other = waiting(connection, 11, status="qa_in_progress")
    assert ids(board(client, "status=qa_in_progress")) == [other["id"]]
    assert ids(board(client, f"project_id={project['code']}")) == [mine["id"]]
    assert ids(board(client, "project_id=nowhere")) == []
    for query in ("status=closed", "status=x", "cursor=x", "is_ready=perhaps"):
        assert client.get(f"{BOARD}?{query}").status_code == 422, query


def test_who_works_on_site_sees_their_own(app: Flask, platform: Platform, connection: Connection) -> None:
    technician = make_actor(connection, "technician")
    mine = waiting(connection, 10, assigned_to=technician.user_id)
    waiting(connection, 11)
    own = board(client_as(app, platform, "technician", user_id=technician.user_id))
    assert (ids(own), own["counts"]["pending_qa"]) == ([mine["id"]], 1)


def test_it_is_read_by_index(connection: Connection) -> None:
    make_many_tickets(connection, 20_000)
    connection.execute("update tickets set status = 'pending_qa' where status = 'in_progress' and dr_number like '%06'")
    connection.execute("analyze tickets")
    middle = connection.execute(
        "select created_at, id from tickets order by created_at offset 10000 limit 1"
    ).fetchone()
    assert middle is not None
    place = {"after_at": middle["created_at"], "after_id": middle["id"], "row_limit": 26}
    narrowed = {"is_ready": None, "project": None, **EVERYTHING.parameters()}
    for status in ON_BOARD:
        values = narrowed | {"status": status}
        for query, more in (("list_qa_board", place), ("count_qa_board", {"most": 10_001})):
            text = "explain " + getattr(queries("readiness"), query).sql
            rows = connection.execute(text, values | more, prepare=False).fetchall()
            plan = "\n".join(next(iter(row.values())) for row in rows)
            assert "tickets_status_idx" in plan, plan
            assert "Seq Scan on tickets" not in plan
            assert "Seq Scan on verification_steps" not in plan
