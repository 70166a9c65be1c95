"""Risks in the console: the list with its tabs and filters, and resolving."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.clocks import FixedClock
from tests.console import open_console, send
from tests.factories import Row, make_project, make_ticket, make_user
from tests.factories.access import make_api_key
from tests.factories.tickets import make_risk
from ticketing.risks.views import read_risk

if TYPE_CHECKING:
    from jobs.platform import Platform

LIST = "/console/risks"


@pytest.fixture
def lead(app: Flask, platform: Platform) -> FlaskClient:
    with platform.read() as connection:
        user = make_user(connection, roles=["qa"])
    return open_console(app, make_api_key(platform, "qa", user_id=user["id"]))


def text_of(browser: FlaskClient, address: str) -> str:
    answer = browser.get(address)
    assert answer.status_code == 200, answer.get_data(as_text=True)
    return answer.get_data(as_text=True)


def accepted(platform: Platform, **columns: Any) -> tuple[Row, Row]:
    with platform.read() as connection:
        project = columns.pop("project_id", None)
        ticket = make_ticket(connection, project_id=project)
        return ticket, make_risk(connection, ticket["id"], **columns)


def status_of(platform: Platform, risk_id: UUID) -> str:
    with platform.read() as connection:
        return str(read_risk(connection, risk_id)["status"])


def test_without_any_the_list_says_so(lead: FlaskClient) -> None:
    assert "A risk is accepted on the page of a ticket" in text_of(lead, LIST)
    assert "None match" in text_of(lead, f"{LIST}?status=expired")


def test_a_risk_is_shown_with_what_one_decides_by(lead: FlaskClient, platform: Platform) -> None:
    platform.clock = FixedClock(platform.clock.now())
    soon = platform.clock.now() + timedelta(days=1)
    ticket, _ = accepted(
        platform,
        risk_description="Label <missing>",
        conditions="Until Friday",
        outstanding_steps=[3, 7],
        covers_handover=True,
        risk_expiry_date=soon,
    )
    text = text_of(lead, LIST)
    for said in (
        "Label &lt;missing&gt;",
        "Until Friday",
        "Open steps: 3, 7",
        "may go ahead",
        "tomorrow",
        "Minor defect",
    ):
        assert said in text
    assert ticket["ticket_uid"] in text


def test_tabs_count_and_filters_narrow(lead: FlaskClient, platform: Platform) -> None:
    with platform.read() as connection:
        project = make_project(connection, code="LAW")["id"]
    active, _ = accepted(platform, project_id=project, risk_expiry_date=platform.clock.now() + timedelta(days=20))
    past = platform.clock.now() - timedelta(days=2)
    expired, _ = accepted(platform, status="expired", accepted_at=past - timedelta(days=9), risk_expiry_date=past)
    for query, found in {
        "": (True, True),
        "status=active": (True, False),
        "status=expired": (False, True),
        "project_id=law": (True, False),
        "expiring_within_days=30": (True, False),
        "expiring_within_days=7": (False, False),
    }.items():
        text = text_of(lead, f"{LIST}?{query}")
        assert (active["ticket_uid"] in text, expired["ticket_uid"] in text) == found, query
    assert 'Expired <span class="count">1</span>' in text_of(lead, LIST)


def test_a_long_list_goes_on(lead: FlaskClient, platform: Platform) -> None:
    for _ in range(3):
        accepted(platform)
    first = text_of(lead, f"{LIST}?status=active&limit=2")
    assert 'rel="next"' in first
    assert first.count("<tr data-row-link") == 2


def test_it_is_resolved_once(lead: FlaskClient, platform: Platform) -> None:
    _, risk = accepted(platform)
    place = f"{LIST}/{risk['id']}/resolve"
    fields = {"resolution_notes": "Label put on", "back": f"{LIST}?status=active"}
    answer = send(lead, place, lead.get(LIST), **fields)
    assert (answer.status_code, answer.location) == (303, f"{LIST}?status=active")
    assert status_of(platform, risk["id"]) == "resolved"
    again = send(lead, place, lead.get(LIST), **fields)
    assert again.status_code == 409
    assert "resolved already" in again.get_data(as_text=True)


def test_a_resolution_needs_words_and_a_person(lead: FlaskClient, app: Flask, platform: Platform) -> None:
    _, risk = accepted(platform)
    place = f"{LIST}/{risk['id']}/resolve"
    answer = send(lead, place, lead.get(LIST), resolution_notes="  ")
    assert answer.status_code == 422
    assert "invalid-feedback" in answer.get_data(as_text=True)
    program = open_console(app, make_api_key(platform, "qa"))
    assert "/resolve" not in text_of(program, LIST)
    assert send(program, place, program.get(LIST), resolution_notes="Done").status_code == 403
    assert status_of(platform, risk["id"]) == "active"


def test_who_works_on_site_sees_the_risks_of_their_tickets_only(app: Flask, platform: Platform) -> None:
    ticket, _ = accepted(platform)
    browser = open_console(app, make_api_key(platform, "technician"))
    assert ticket["ticket_uid"] not in text_of(browser, LIST)
