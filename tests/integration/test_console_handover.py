"""The handover centre in the console: what waits, what has been handed over, a snapshot, and the proof of the chain."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.console import open_console, send, text_of
from tests.factories import make_project, make_ticket
from tests.factories.access import make_api_key
from tests.factories.handover import hand_over, make_chain, make_finished_ticket
from tests.factories.tickets import make_actor, make_risk

if TYPE_CHECKING:
    from jobs.platform import Platform

CENTRE = "/console/handovers"
AN_ID = "0198c5a2-7e1b-7c3d-9f00-0123456789ab"


@pytest.fixture
def admin(app: Flask, platform: Platform) -> FlaskClient:
    return open_console(app, make_api_key(platform, "admin"))


def test_where_nothing_waits_the_pages_say_so(admin: FlaskClient) -> None:
    assert "Nothing waits for a handover" in text_of(admin, CENTRE)
    assert "The first handover begins the chain" in text_of(admin, f"{CENTRE}/done")
    assert "None of this kind yet" in text_of(admin, f"{CENTRE}/done?handover_type=build_to_qa")


def test_what_waits_is_listed_with_what_is_in_the_way(admin: FlaskClient, platform: Platform) -> None:
    with platform.read() as connection:
        project = make_project(connection, code="LAW")["id"]
        ready = make_finished_ticket(platform, connection, project_id=project)
        begun = make_ticket(connection, status="in_progress", owner="build")
    text = text_of(admin, CENTRE)
    assert (text.count(" Open</span>"), text.count(" Shut</span>")) == (1, 1)
    assert "The ticket has no accepted evidence photo" in text
    assert f"/console/tickets/{ready['id']}/handover/qa_to_maintenance" in text
    assert f"/console/tickets/{begun['id']}/handover/build_to_qa" in text
    for query, found in {
        "handover_type=qa_to_maintenance": (True, False),
        "handover_type=build_to_qa": (False, True),
        "project_id=LAW": (True, False),
    }.items():
        shown = text_of(admin, f"{CENTRE}?{query}")
        assert (ready["ticket_uid"] in shown, begun["ticket_uid"] in shown) == found, query
    assert 'rel="next"' in text_of(admin, f"{CENTRE}?limit=1")


def test_a_query_that_makes_no_sense_is_told(admin: FlaskClient) -> None:
    text_of(admin, f"{CENTRE}?cursor=x", 422)
    text_of(admin, f"{CENTRE}/done?cursor=x", 422)


def test_what_was_handed_over_is_listed_and_shown(admin: FlaskClient, platform: Platform) -> None:
    with platform.read() as connection:
        chain = make_chain(platform, connection, 2)
    text = text_of(admin, f"{CENTRE}/done")
    assert all(one["snapshot_sha256"] in text for one in chain)
    assert "cursor=2" in text_of(admin, f"{CENTRE}/done?limit=1")
    shown = text_of(admin, f"{CENTRE}/{chain[1]['id']}")
    for said in (
        chain[1]["snapshot_sha256"],
        chain[0]["snapshot_sha256"],
        chain[1]["ticket_uid"],
        "12 of 12",
        "as stored",
    ):
        assert said in shown
    first = text_of(admin, f"{CENTRE}/{chain[0]['id']}")
    assert "It is the first" in first
    assert "Nobody had decided anything" in first
    text_of(admin, f"{CENTRE}/{AN_ID}", 404)


def test_a_snapshot_tells_who_decided_what(admin: FlaskClient, platform: Platform) -> None:
    with platform.read() as connection:
        lead = make_actor(connection, "qa", name="Thandi Example")
        ticket = make_finished_ticket(platform, connection)
        risk = {"accepted_by": lead.user_id, "risk_description": "Label <missing>", "covers_handover": True}
        make_risk(connection, ticket["id"], **risk)
    snapshot = hand_over(platform, lead, ticket["id"])
    text = text_of(admin, f"{CENTRE}/{snapshot['id']}")
    assert "Risk acceptance" in text
    assert "Label &lt;missing&gt;" in text
    assert text.count("Thandi Example") == 2


def test_the_chain_is_proved_by_a_job(admin: FlaskClient, app: Flask, platform: Platform) -> None:
    answer = send(admin, f"{CENTRE}/verify", admin.get(CENTRE))
    assert answer.status_code == 303
    assert "Verify handovers" in text_of(admin, answer.location)
    lead = open_console(app, make_api_key(platform, "qa"))
    assert "Prove the chain" not in text_of(lead, CENTRE)


def test_who_works_on_site_sees_what_is_theirs(app: Flask, platform: Platform) -> None:
    with platform.read() as connection:
        ticket = make_finished_ticket(platform, connection)
    browser = open_console(app, make_api_key(platform, "technician"))
    text = text_of(browser, CENTRE)
    assert ticket["ticket_uid"] not in text
    assert "Handed over" not in text
    text_of(browser, f"{CENTRE}/done", 403)
