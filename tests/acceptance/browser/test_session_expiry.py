"""A session that ends while a page is open: what was sent is not done, and one is led back to where one was."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from admin_api.console.session import IDLE
from tests.acceptance.browser.conftest import Person
from tests.clocks import FixedClock
from tests.factories import make_ticket
from tests.factories.access import make_api_key

if TYPE_CHECKING:
    from jobs.platform import Platform


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock()


def test_a_page_that_is_open_but_idle_leads_to_the_sign_in(person: Person, clock: FixedClock) -> None:
    page = person("manager")
    page.goto("/console/tickets")
    clock.advance(IDLE / 2)
    page.wait_for_event("response", lambda answer: answer.request.resource_type == "fetch")
    clock.advance(IDLE / 2 + timedelta(minutes=1))
    expect(page).to_have_url(re.compile("/console/sign-in"))
    page.get_by_label("API key").wait_for()


def test_a_form_sent_after_the_session_ended_changes_nothing_and_leads_to_the_sign_in_and_back(
    person: Person, platform: Platform, clock: FixedClock
) -> None:
    with platform.read() as connection:
        ticket_id = make_ticket(connection)["id"]
    page = person("manager")
    page.goto(f"/console/tickets/{ticket_id}")
    page.get_by_label("Write a note").fill("Called the client: at home after four")
    clock.advance(IDLE + timedelta(minutes=1))
    page.get_by_role("button", name="Add note").click()
    expect(page).to_have_url(re.compile("/console/sign-in"))
    expect(page.get_by_text("Your session has ended")).to_be_visible()
    with platform.read() as connection:
        assert connection.execute("select 1 from ticket_notes where ticket_id = %s", [ticket_id]).fetchone() is None

    page.goto(f"/console/tickets/{ticket_id}/edit")
    page.get_by_label("API key").fill(make_api_key(platform, "manager"))
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page).to_have_url(re.compile(f"/console/tickets/{ticket_id}/edit$"))
