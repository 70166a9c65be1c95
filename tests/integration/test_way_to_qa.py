"""One ticket on its way to QA over HTTP: steps, readiness refused and mended, QA, a rejection, a change, QA again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from admin_api.api import readiness, tickets, verification
from admin_api.app import create_app
from tests.answers import data_of
from tests.factories.access import client_with, make_api_key
from tests.factories.readiness import make_photo, make_photos
from tests.factories.tickets import make_actor

if TYPE_CHECKING:
    from jobs.platform import Platform

TICKETS = "/api/ticketing/tickets"


@pytest.fixture
def app(platform: Platform) -> Flask:
    return create_app(platform=platform, blueprints=[tickets.api, verification.api, readiness.api])


def missing(answer: Any) -> list[str]:
    assert answer.status_code == 409, answer.get_json()
    return [item["condition"] for item in answer.get_json()["error"]["details"]["missing"]]


def test_a_ticket_goes_through_qa(app: Flask, platform: Platform) -> None:
    def person(*roles: Any) -> tuple[FlaskClient, str]:
        with platform.read() as connection:
            user = make_actor(connection, *roles).user_id
        return client_with(app, make_api_key(platform, *roles, user_id=user)), str(user)

    (manager, _), (technician, who), (lead, _) = person("manager"), person("technician"), person("qa")
    new = {"source": "ad_hoc", "ticket_type": "incident", "title": "No light", "assigned_to": who}
    ticket = data_of(manager.post(TICKETS, json=new | {"dr_number": "DR1737348"}), 201)
    url = f"{TICKETS}/{ticket['id']}"
    data_of(technician.put(url, json={"status": "in_progress"}))
    assert missing(technician.put(f"{url}/verification/5", json={"is_complete": True})) == ["photo", "ont_serial"]
    with platform.read() as connection:
        make_photos(connection, ticket["id"])
    data_of(technician.put(url, json={"ont_serial": "ALCL1", "ont_rx_level": -28, "pole_number": "A2", "zone_id": 3}))
    for number in range(1, 13):
        data_of(technician.put(f"{url}/verification/{number}", json={"is_complete": True, "notes": "-28 dBm, EXFO"}))
    steps = data_of(lead.get(f"{url}/verification"))
    assert {step["completed_by"] for step in steps} == {who}
    data_of(technician.put(url, json={"status": "pending_qa"}))

    assert missing(lead.put(url, json={"status": "qa_in_progress"})) == ["qa_readiness"]
    check = data_of(lead.post(f"{url}/qa-readiness-check"))
    assert [one["check_name"] for one in check["failed_checks"]] == ["pon_populated", "ont_rx_recorded"]
    data_of(technician.put(url, json={"ont_rx_level": -19.5, "pon_number": "7"}))
    assert data_of(lead.post(f"{url}/qa-readiness-check"))["passed"] is True
    data_of(lead.put(url, json={"status": "qa_in_progress"}))
    data_of(lead.put(url, json={"status": "qa_rejected", "reason": "Photo 4 is blurred"}))

    data_of(technician.put(url, json={"status": "in_progress"}))
    with platform.read() as connection:
        make_photo(connection, ticket["id"], 4)
    data_of(technician.put(url, json={"status": "pending_qa"}))
    assert data_of(technician.get(f"{url}/qa-readiness"))["next_action"] == "Run readiness check first"
    assert missing(lead.put(url, json={"status": "qa_in_progress"})) == ["qa_readiness"]
    assert data_of(lead.post(f"{url}/qa-readiness-check"))["passed"] is True
    data_of(lead.put(url, json={"status": "qa_in_progress"}))
    assert data_of(lead.put(url, json={"status": "qa_approved"}))["rectification_count"] == 1

    told = [event["event_type"] for event in data_of(lead.get(f"{url}/events?pageSize=100"))]
    assert told.count("verification_step_completed") == 12
    assert told.count("qa_readiness_checked") == 3
    assert told.count("qa_readiness_withdrawn") == 1
