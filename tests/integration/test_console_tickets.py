"""Tickets in the console: the list, the board, and one ticket with what is done on its page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from admin_api.app import create_app
from tests.console import open_console
from tests.factories_access import make_api_key
from tests.factories_sla import create

if TYPE_CHECKING:
    from jobs.platform import Platform

LIST = "/console/tickets"
BOARD = "/console/tickets/board"


@pytest.fixture
def app(platform: Platform) -> Flask:
    return create_app(platform=platform)


@pytest.fixture
def manager(app: Flask, platform: Platform) -> FlaskClient:
    return open_console(app, make_api_key(platform, "manager"))


def text_of(browser: FlaskClient, address: str, status: int = 200) -> str:
    answer = browser.get(address)
    assert answer.status_code == status, answer.get_data(as_text=True)
    return answer.get_data(as_text=True)


def page_of(ticket: dict[str, Any]) -> str:
    return f"{LIST}/{ticket['id']}"


@pytest.mark.parametrize("address", [LIST, BOARD])
def test_without_tickets_the_pages_say_so(manager: FlaskClient, address: str) -> None:
    text = text_of(manager, address)
    assert "No tickets here" in text or "None." in text


@pytest.mark.parametrize("address", [LIST, BOARD])
def test_a_ticket_is_shown_with_what_one_decides_by(manager: FlaskClient, platform: Platform, address: str) -> None:
    ticket = create(platform, title="No light at the mast", priority="urgent", source="construction")
    text = text_of(manager, address)
    for said in (ticket["ticket_uid"], "No light at the mast", "Urgent", "Construction", "Nobody", " left"):
        assert said in text


def test_the_page_of_a_ticket_shows_it(manager: FlaskClient, platform: Platform) -> None:
    ticket = create(platform, title="No light at the mast", dr_number="DR1737348")
    text = text_of(manager, page_of(ticket))
    for said in (ticket["ticket_uid"], "DR1737348", "Ticket created", "No notes yet", "Mark as assigned"):
        assert said in text


def test_new_and_edit_forms_are_shown(manager: FlaskClient, platform: Platform) -> None:
    ticket = create(platform, title="No light at the mast", dr_number="DR1737348")
    assert "New ticket" in text_of(manager, f"{LIST}/new")
    assert "DR1737348" in text_of(manager, f"{page_of(ticket)}/edit")
    assert "None yet" in text_of(manager, f"{LIST}/bulk")
