"""QContact in the console: how the sync does, what waits for a choice, and what is done about it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest
from flask import Flask
from flask.testing import FlaskClient

from sql.database import Connection
from tests.console import open_console, send, text_of
from tests.factories import insert, make_ticket, make_user
from tests.factories.access import make_api_key

if TYPE_CHECKING:
    from jobs.platform import Platform

PAGE = "/console/qcontact"
CONFLICTS = f"{PAGE}/conflicts"
ASSIGNEES = f"{PAGE}/assignees"
SERVICES = "/console/services"
PAGES = {
    PAGE: "Nothing has been read yet",
    CONFLICTS: "No conflicts here",
    f"{PAGE}/runs": "Nothing has been read yet",
    f"{PAGE}/log": "Nothing in the log",
    ASSIGNEES: "Nobody has a record yet",
    SERVICES: "Not set up",
}
CASE = "21934500001"


@pytest.fixture
def manager(app: Flask, platform: Platform) -> FlaskClient:
    return open_console(app, make_api_key(platform, "manager", name="Thandi"))


@pytest.fixture
def ticket(connection: Connection) -> dict[str, Any]:
    ticket = make_ticket(connection, source="qcontact", status="assigned", title="No light at the mast")
    insert(connection, "qcontact_cases", case_id=CASE, ticket_id=ticket["id"], agreed_status="assigned")
    return ticket


@pytest.fixture
def conflict(connection: Connection, ticket: dict[str, Any]) -> dict[str, Any]:
    row = {"ticket_id": ticket["id"], "case_id": CASE, "field": "status", "reason": "moved here and there"}
    return insert(connection, "qcontact_conflicts", **row, ours='"assigned"', theirs='"in_progress"')


def act(browser: FlaskClient, address: str, page: str = PAGE, **fields: Any) -> tuple[int, str]:
    """Send a form and return its status with the page that follows."""
    answer = send(browser, address, browser.get(page), back=page, **fields)
    text = text_of(browser, answer.location) if answer.status_code == 303 else answer.get_data(as_text=True)
    return answer.status_code, text


def kinds(connection: Connection) -> list[str]:
    return [row["kind"] for row in connection.execute("select kind from jobs order by kind").fetchall()]


def status_of(connection: Connection, ticket_id: UUID) -> str:
    (row,) = connection.execute("select status from tickets where id = %s", [ticket_id]).fetchall()
    return str(row["status"])


def make_log(connection: Connection, ticket: dict[str, Any], **columns: Any) -> None:
    row = {"ticket_id": ticket["id"], "qcontact_ticket_id": CASE, "sync_direction": "inbound", "sync_type": "full_sync"}
    told = {"status": "failed", "error_code": "OUTSIDE_NOT_FOUND", "error_message": "The case is not there any more"}
    insert(connection, "qcontact_sync_log", **row | told | columns)


def test_before_anything_was_synced_the_pages_say_so(manager: FlaskClient) -> None:
    for address, said in PAGES.items():
        assert said in text_of(manager, address), address


def test_the_overview_tells_how_the_sync_does(
    manager: FlaskClient, connection: Connection, ticket: dict[str, Any], conflict: dict[str, Any]
) -> None:
    make_log(connection, ticket)
    insert(
        connection,
        "qcontact_sync_runs",
        direction="inbound",
        scope="recent",
        finished_at="now()",
        processed=41,
        failed=1,
    )
    text = text_of(manager, PAGE)
    assert conflict["id"]
    for said in (
        "1 of 1 exchanges failed",
        "below 80%",
        "What is new",
        "Done, with failures",
        "Keep ours",
        "Take theirs",
    ):
        assert said in text


def test_a_sync_is_started_once(manager: FlaskClient, connection: Connection) -> None:
    for _ in range(2):
        status, text = act(manager, f"{PAGE}/sync")
        assert (status, "The sync has been queued" in text) == (303, True)
    assert kinds(connection) == ["sync_qcontact_recent", "sync_unpushed_tickets"]


def test_a_part_is_synced_when_a_part_is_asked_for(manager: FlaskClient, connection: Connection) -> None:
    act(manager, f"{PAGE}/sync", sync_direction="inbound", force_resync="true")
    assert kinds(connection) == ["sync_qcontact"]
    _, text = act(manager, f"{PAGE}/sync", sync_direction="inbound", start_date="2026-11-20T06:00:00Z")
    assert "nothing to sync" in text
    status, text = act(manager, f"{PAGE}/sync", start_date="yesterday")
    assert (status, "yesterday" in text, "start_date:" in text) == (422, True, True)


def test_one_ticket_is_found_and_its_case_read_again(
    manager: FlaskClient, connection: Connection, ticket: dict[str, Any]
) -> None:
    assert "No ticket matches" in text_of(manager, f"{PAGE}?find_ticket=nowhere")
    assert f"{PAGE}/tickets/{ticket['id']}/resync" in text_of(manager, f"{PAGE}?find_ticket={ticket['ticket_uid']}")
    status, text = act(manager, f"{PAGE}/tickets/{ticket['id']}/resync")
    assert (status, "will be read again" in text) == (303, True)
    assert kinds(connection) == ["reread_qcontact_case"]


def test_a_ticket_without_a_case_has_none_to_read(manager: FlaskClient, connection: Connection) -> None:
    status, text = act(manager, f"{PAGE}/tickets/{make_ticket(connection)['id']}/resync")
    assert (status, "No case of QContact belongs to" in text) == (404, True)


@pytest.mark.parametrize(("choice", "becomes"), [("ours", "assigned"), ("theirs", "in_progress")])
def test_a_side_is_chosen(
    manager: FlaskClient, connection: Connection, conflict: dict[str, Any], choice: str, becomes: str
) -> None:
    shown = text_of(manager, CONFLICTS)
    assert shown.index("Assigned") < shown.index("Keep ours") < shown.index("In progress") < shown.index("Take theirs")
    address = f"{CONFLICTS}/{conflict['id']}/resolve"
    page = manager.get(CONFLICTS)
    assert act(manager, address, CONFLICTS, choice=choice, note="Phoned them")[0] == 303
    assert status_of(connection, conflict["ticket_id"]) == becomes
    decided = text_of(manager, f"{CONFLICTS}?status={choice}")
    assert f"Thandi chose {choice}" in decided
    assert "Phoned them" in decided
    again = send(manager, address, page, choice=choice)
    assert (again.status_code, "decided already" in again.get_data(as_text=True)) == (409, True)


def test_a_choice_that_the_ticket_cannot_follow_is_refused_and_the_note_kept(
    manager: FlaskClient, connection: Connection, conflict: dict[str, Any]
) -> None:
    connection.execute("update qcontact_conflicts set theirs = '\"Parked\"'")
    address = f"{CONFLICTS}/{conflict['id']}/resolve"
    status, text = act(manager, address, CONFLICTS, choice="theirs", note="They know better")
    assert (status, "no status that this system knows" in text) == (409, True)
    assert 'value="They know better"' in text
    assert f"{CONFLICTS}?status=ours" in text


def test_who_only_looks_is_offered_no_choice(app: Flask, platform: Platform, conflict: dict[str, Any]) -> None:
    viewer = open_console(app, make_api_key(platform, "viewer"))
    for address in (PAGE, CONFLICTS):
        text = text_of(viewer, address)
        assert conflict["reason"].capitalize() in text
        assert "Keep ours" not in text
        assert "Sync now" not in text


def test_the_log_is_filtered_by_its_address(
    manager: FlaskClient, connection: Connection, ticket: dict[str, Any]
) -> None:
    make_log(connection, ticket, request_payload='{"status": "Assigned"}')
    text = text_of(manager, f"{PAGE}/log?status=failed&sync_direction=&sync_type=full_sync")
    for said in ("The case is not there any more", "OUTSIDE_NOT_FOUND", CASE, "From QContact", "1 failed"):
        assert said in text
    assert "No exchange matches" in text_of(manager, f"{PAGE}/log?status=success")
    assert text_of(manager, f"{PAGE}/log?status=lost", 422)


def test_lists_go_on_where_they_end(manager: FlaskClient, connection: Connection) -> None:
    for _ in range(3):
        insert(connection, "qcontact_sync_runs", direction="inbound", scope="one")
    first = manager.get(f"{PAGE}/runs?pageSize=2").get_data(as_text=True)
    assert 'rel="next"' in first
    assert "Under way" in first
    cursor = first.split("cursor=")[1].split('"')[0]
    assert 'rel="next"' not in text_of(manager, f"{PAGE}/runs?cursor={cursor}")


def test_a_record_is_named_and_forgotten(manager: FlaskClient, connection: Connection) -> None:
    user = make_user(connection, name="Sipho Ndlovu")
    assert f'value="user:{user["id"]}"' in text_of(manager, ASSIGNEES)
    status, text = act(manager, ASSIGNEES, ASSIGNEES, who=f"user:{user['id']}", qcontact_id="21900000101")
    assert (status, "<code>21900000101</code>" in text) == (303, True)
    forget = f"{ASSIGNEES}/user/{user['id']}/forget"
    page = manager.get(ASSIGNEES)
    assert act(manager, forget, ASSIGNEES)[0] == 303
    assert "Nobody has a record yet" in text_of(manager, ASSIGNEES)
    assert send(manager, forget, page).status_code == 404
    audit = connection.execute("select action from operator_audit order by id").fetchall()
    assert [row["action"] for row in audit] == ["qcontact_assignee_set", "qcontact_assignee_remove"]


@pytest.mark.parametrize("record", ["Sipho", ""])
def test_what_is_no_record_is_refused_and_stays_in_the_form(
    manager: FlaskClient, connection: Connection, record: str
) -> None:
    user = make_user(connection)
    status, text = act(manager, ASSIGNEES, ASSIGNEES, who=f"user:{user['id']}", qcontact_id=record)
    assert (status, "invalid-feedback" in text) == (422, True)
    assert f'value="user:{user["id"]}" selected' in text


def test_a_service_is_held_back_and_released(manager: FlaskClient) -> None:
    assert "Hold back" in text_of(manager, PAGE)
    status, text = act(manager, f"{SERVICES}/qcontact/hold", reason="they move house")
    assert (status, "Held back" in text, "they move house" in text) == (303, True, True)
    status, text = act(manager, f"{SERVICES}/qcontact/hold", SERVICES, reason="again")
    assert (status, "is held already, by Thandi" in text) == (409, True)
    status, text = act(manager, f"{SERVICES}/qcontact/release")
    assert (status, "Held back" in text) == (303, False)
    assert act(manager, f"{SERVICES}/qcontact/hold", SERVICES)[0] == 422
    assert act(manager, f"{SERVICES}/fax/hold", SERVICES, reason="why")[0] == 404


def test_what_is_not_set_up_is_not_tried(manager: FlaskClient) -> None:
    status, text = act(manager, f"{SERVICES}/qcontact/probe", SERVICES)
    assert (status, "is not set up" in text) == (409, True)
    assert "Not set up" in text
