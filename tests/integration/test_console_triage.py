"""Triage in the console: messages that wait, the picture that came along, and a person's decision about each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient

from integrations.storage import Storage
from sql.database import Connection
from tests.console import open_console, send, text_of
from tests.factories import make_ticket
from tests.factories.access import make_api_key
from tests.factories.attachments import draw
from tests.inbound import DROP, PHONE, messages, queue, write
from ticketing.inbound_messages import media

if TYPE_CHECKING:
    from jobs.platform import Platform

TRIAGE = "/console/whatsapp/triage"


@pytest.fixture
def manager(app: Flask, platform: Platform) -> FlaskClient:
    return open_console(app, make_api_key(platform, "manager", name="Thandi M"))


def act(browser: FlaskClient, address: str, page: str, **fields: Any) -> tuple[int, str]:
    """Send a form and return its status with the page that follows."""
    answer = send(browser, address, browser.get(page), **fields)
    text = text_of(browser, answer.location) if answer.status_code == 303 else answer.get_data(as_text=True)
    return answer.status_code, text


def waiting(platform: Platform, text: str = "Where is my technician?") -> str:
    """A message that waits in the queue; returns its page's address."""
    write(platform, text)
    with platform.read() as connection:
        return f"{TRIAGE}/{queue(connection)[-1]['id']}"


def decided(connection: Connection) -> dict[str, Any]:
    (item,) = queue(connection)
    return item


def test_an_empty_queue_says_so(manager: FlaskClient) -> None:
    assert "Every message found its ticket" in text_of(manager, TRIAGE)
    assert "None match" in text_of(manager, f"{TRIAGE}?status=dismissed")
    assert text_of(manager, f"{TRIAGE}/{uuid4()}", 404)


def test_what_waits_is_listed_with_where_it_may_belong(
    manager: FlaskClient, platform: Platform, connection: Connection
) -> None:
    tickets = [make_ticket(connection, dr_number=DROP) for _ in range(2)]
    page = waiting(platform, f"{DROP} no light")
    for address in (TRIAGE, page):
        text = text_of(manager, address)
        assert all(ticket["ticket_uid"] in text for ticket in tickets)
        assert "Several open tickets" in text
    assert PHONE in text
    assert "Nothing waits" not in text_of(manager, f"{TRIAGE}?reason=several_open_tickets")
    assert "None match" in text_of(manager, f"{TRIAGE}?reason=no_drop_number")


def test_a_message_is_attached_to_a_ticket_that_is_searched_for(
    manager: FlaskClient, platform: Platform, connection: Connection
) -> None:
    ticket = make_ticket(connection, title="No light at the mast")
    page = waiting(platform)
    assert "No open ticket is known" in text_of(manager, page)
    assert str(ticket["id"]) in text_of(manager, f"{page}?find_ticket={ticket['ticket_uid']}")
    form = manager.get(page)
    status, text = act(manager, f"{page}/attach", page, ticket_id=str(ticket["id"]), reason="Asked her")
    assert (status, f"on ticket {ticket['ticket_uid']}" in text) == (303, True)
    assert (decided(connection)["status"], decided(connection)["decision_reason"]) == ("attached", "Asked her")
    assert "Thandi M attached it to" in text_of(manager, page)
    again = send(manager, f"{page}/dismiss", form, reason="Spam")
    assert (again.status_code, "Thandi M has decided" in again.get_data(as_text=True)) == (409, True)


def test_a_ticket_is_made_of_a_message(manager: FlaskClient, platform: Platform, connection: Connection) -> None:
    page = waiting(platform, "The pole fell over")
    fields = {"title": "", "ticket_type": "maintenance", "priority": "urgent", "dr_number": "nonsense"}
    status, text = act(manager, f"{page}/new-ticket", page, **fields)
    assert (status, 'value="nonsense"' in text, "invalid-feedback" in text) == (422, True, True)
    status, text = act(manager, f"{page}/new-ticket", page, **fields | {"dr_number": ""})
    assert (status, "has been made of the message" in text) == (303, True)
    (made,) = connection.execute("select title, priority from tickets").fetchall()
    assert made == {"title": "The pole fell over", "priority": "urgent"}
    assert decided(connection)["status"] == "ticket_created"


def test_a_message_that_belongs_nowhere_is_dismissed_with_a_reason(
    manager: FlaskClient, platform: Platform, connection: Connection
) -> None:
    page = waiting(platform)
    status, text = act(manager, f"{page}/dismiss", page)
    assert (status, "invalid-feedback" in text) == (422, True)
    status, text = act(manager, f"{page}/dismiss", page, reason="Spam")
    assert (status, "Nothing waits" in text) == (303, True)
    assert decided(connection)["decision_reason"] == "Spam"
    assert "dismissed it" in text_of(manager, page)


def test_who_only_looks_is_offered_no_decision(app: Flask, platform: Platform) -> None:
    page = waiting(platform)
    text = text_of(open_console(app, make_api_key(platform, "qa")), page)
    assert "Where is my technician?" in text
    for said in ("Dismiss", "Attach", "Make a ticket"):
        assert said not in text


def test_the_picture_of_a_message_is_shown(manager: FlaskClient, platform: Platform, connection: Connection) -> None:
    page = waiting(platform)
    assert "<img" not in text_of(manager, page)
    assert text_of(manager, f"{page}/media", 404)
    data = keep_photo(platform, connection)
    text = text_of(manager, page)
    assert f'<img src="{page}/media"' in text
    answer = manager.get(f"{page}/media")
    assert (answer.status_code, answer.mimetype, answer.data) == (200, "image/jpeg", data)


def keep_photo(platform: Platform, connection: Connection) -> bytes:
    """Let a photo have come with the only message; returns the photo."""
    (message,) = messages(connection)
    key, data = media.key_of(message["id"]), draw()
    Storage.from_settings(platform.settings).put(key, data)
    connection.execute(
        "update inbound_messages set media_status = 'stored', media_key = %s, media_mime_type = 'image/jpeg'", [key]
    )
    return data
