"""Repeat faults in the console: the list and its map, one place with its faults, a look, and deciding."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.console import open_console, send, text_of
from tests.factories import make_project, make_ticket, make_user
from tests.factories.access import make_api_key
from ticketing.people import SYSTEM
from ticketing.repeat_faults import views
from ticketing.repeat_faults.raising import raise_due
from ticketing.repeat_faults.scan import Question

if TYPE_CHECKING:
    from jobs.platform import Platform

LIST = "/console/repeat-faults"
AN_ID = "0198c5a2-7e1b-7c3d-9f00-0123456789ab"
POLE = "LAW.P.<A002>"


@pytest.fixture
def manager(app: Flask, platform: Platform) -> FlaskClient:
    return signed_in(app, platform, "manager")


def signed_in(app: Flask, platform: Platform, role: Any) -> FlaskClient:
    with platform.read() as connection:
        user = make_user(connection, roles=[role], name="Thandi Example")
    return open_console(app, make_api_key(platform, role, user_id=user["id"]))


def raised(platform: Platform, *places: tuple[float, float] | None, **columns: Any) -> UUID:
    """Report a fault on the pole at each of the places, and scan; return the escalation."""
    at = platform.clock.now() - timedelta(minutes=1)
    with platform.begin(SYSTEM) as work:
        for place in places:
            position = {"latitude": place[0], "longitude": place[1]} if place else {}
            make_ticket(work.connection, created_at=at, **{"pole_number": POLE} | position | columns)
        raise_due(work, Question(everywhere=True))
    with platform.read() as connection:
        row = connection.execute("select id from repeat_fault_escalations order by id desc limit 1").fetchone()
    assert row is not None
    escalation_id: UUID = row["id"]
    return escalation_id


def escalation_of(platform: Platform, escalation_id: UUID) -> dict[str, Any]:
    with platform.read() as connection:
        return views.get_escalation(connection, escalation_id)


class TestLooking:
    def test_without_any_the_list_says_so(self, manager: FlaskClient) -> None:
        assert "it is raised here" in text_of(manager, LIST)
        assert "None match" in text_of(manager, f"{LIST}?scope_type=pole&status=open,investigating")

    def test_a_place_is_listed_and_is_on_the_map(self, manager: FlaskClient, platform: Platform) -> None:
        escalation = raised(platform, (-26.40, 27.40), (-26.42, 27.42), None)
        text = text_of(manager, LIST)
        assert "Pole LAW.P.&lt;A002&gt;" in text
        assert text.count("<circle") == 1
        assert f'href="{LIST}/{escalation}" class="tone-bad"' in text
        assert "1: Pole LAW.P.&lt;A002&gt;, 3 faults, open" in text
        assert "no known position" not in text

    def test_without_positions_there_is_a_list_and_no_map(self, manager: FlaskClient, platform: Platform) -> None:
        escalation = raised(platform, None, None, None)
        assert "<circle" not in text_of(manager, LIST)
        text = text_of(manager, f"{LIST}/{escalation}")
        assert "<circle" not in text
        assert text.count("data-row-link") == 3

    def test_filters_narrow_and_stay_in_the_address(self, manager: FlaskClient, platform: Platform) -> None:
        with platform.read() as connection:
            make_project(connection, code="LAW")
        raised(platform, None, None, None)
        for query, found in (("scope_type=pole", True), ("scope_type=dr", False), ("project_id=LAW", False)):
            text = text_of(manager, f"{LIST}?{query}")
            assert ("LAW.P.&lt;A002&gt;" in text) == found
        assert "scope_type=pole&amp;status=open" in text_of(manager, f"{LIST}?scope_type=pole").replace(
            "status=open&amp;scope_type=pole", "scope_type=pole&amp;status=open"
        )
        assert text_of(manager, f"{LIST}?scope_type=street", 422)

    def test_one_place_with_its_faults(self, manager: FlaskClient, platform: Platform) -> None:
        escalation = raised(platform, (-26.40, 27.40), (-26.40, 27.40), (-26.42, 27.42), None)
        text = text_of(manager, f"{LIST}/{escalation}")
        assert text.count("<circle") == 2
        assert "1 more has no known position" in text
        assert 'href="#faults"' in text
        for ticket in escalation_of(platform, escalation)["tickets"]:
            assert ticket["ticket_uid"] in text
        text_of(manager, f"{LIST}/{AN_ID}", 404)
        text_of(manager, f"{LIST}/12", 422)

    def test_a_look_tells_and_raises_nothing(self, manager: FlaskClient, platform: Platform) -> None:
        assert "Every other project" in text_of(manager, f"{LIST}/look")
        raised(platform, (-26.40, 27.40), None, None)
        found = manager.get(f"{LIST}/look", query_string={"scope_type": "pole", "scope_value": POLE})
        text = found.get_data(as_text=True)
        assert "<strong>3 faults</strong>" in text
        assert "under way" in text
        assert "<circle" in text
        quiet = text_of(manager, f"{LIST}/look?scope_type=dr&scope_value=DR1737348")
        assert "would be too many" in quiet
        text_of(manager, f"{LIST}/look?scope_type=pole", 422)


class TestDeciding:
    def test_it_is_investigated_and_resolved_once(self, manager: FlaskClient, platform: Platform) -> None:
        escalation = raised(platform, None, None, None)
        page = f"{LIST}/{escalation}"
        answer = send(manager, f"{page}/investigate", manager.get(page), escalation_type="replacement")
        assert (answer.status_code, answer.location) == (303, page)
        shown = escalation_of(platform, escalation)
        assert (shown["status"], shown["escalation_type"]) == ("investigating", "replacement")
        again = send(manager, f"{page}/investigate", manager.get(page), escalation_type="")
        assert again.status_code == 409
        assert "being investigated already" in again.get_data(as_text=True)

        fields = {"status": "no_action", "resolution_notes": "A storm, nothing is broken"}
        assert send(manager, f"{page}/resolve", manager.get(page), **fields).status_code == 303
        shown = escalation_of(platform, escalation)
        assert (shown["status"], shown["resolution_notes"]) == ("no_action", "A storm, nothing is broken")
        text = text_of(manager, page)
        assert "Thandi Example" in text
        assert "/resolve" not in text
        assert send(manager, f"{page}/resolve", manager.get(page), **fields).status_code == 409

    def test_what_is_missing_is_said_and_what_was_chosen_kept(self, manager: FlaskClient, platform: Platform) -> None:
        page = f"{LIST}/{raised(platform, None, None, None)}"
        answer = send(manager, f"{page}/resolve", manager.get(page), status="no_action", resolution_notes=" ")
        text = answer.get_data(as_text=True)
        assert answer.status_code == 422
        assert '<option value="no_action" selected>' in text
        assert "invalid-feedback" in text

    def test_a_key_of_nobody_resolves_nothing(self, app: Flask, platform: Platform) -> None:
        page = f"{LIST}/{raised(platform, None, None, None)}"
        browser = open_console(app, make_api_key(platform, "manager"))
        answer = send(browser, f"{page}/resolve", browser.get(page), status="resolved", resolution_notes="New pole")
        assert answer.status_code == 403
        assert "Only a person resolves" in answer.get_data(as_text=True)

    def test_who_only_looks_is_offered_nothing(self, app: Flask, platform: Platform) -> None:
        page = f"{LIST}/{raised(platform, None, None, None)}"
        assert "/investigate" not in text_of(signed_in(app, platform, "viewer"), page)
