"""SLA over HTTP: clocks, targets and compliance, their envelopes and codes, and who may do what."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient

from admin_api.api import audit, sla, tickets
from admin_api.app import create_app
from tests.answers import error_of
from tests.clocks import FixedClock
from tests.factories import Row, make_contractor, make_project
from tests.factories.access import client_as
from tests.factories.sla import MONDAY
from ticketing.sla.service import ClockView
from ticketing.sla.settings import TargetView

if TYPE_CHECKING:
    from jobs.platform import Platform

API = "/api/ticketing"
TARGET = {"first_response_minutes": 30, "resolve_minutes": 60}


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(MONDAY)


@pytest.fixture
def app(platform: Platform) -> Flask:
    return create_app(platform=platform, blueprints=[sla.api, tickets.api, audit.api])


@pytest.fixture
def client(app: Flask, platform: Platform) -> FlaskClient:
    return client_as(app, platform, "admin")


@pytest.fixture
def project(platform: Platform) -> Row:
    with platform.read() as connection:
        return make_project(connection)


def create(client: FlaskClient, **fields: Any) -> Row:
    body = {"source": "ad_hoc", "title": "No light", "ticket_type": "maintenance"} | fields
    answer = client.post(f"{API}/tickets", json=body)
    assert answer.status_code == 201, answer.json
    data: Row = answer.get_json()["data"]
    return data


def data_of(answer: Any) -> Any:
    assert answer.status_code == 200, answer.json
    return answer.get_json()["data"]


class TestClocks:
    def test_those_of_many_tickets_are_shown_at_once(self, app: Flask, client: FlaskClient, platform: Platform) -> None:
        made = [create(client), create(client, priority="critical")]
        wanted = "&".join(f"ticket_id={one}" for one in (*(ticket["id"] for ticket in made), uuid4()))
        clocks = data_of(client.get(f"{API}/sla/clocks?{wanted}"))
        each = [data_of(client.get(f"{API}/tickets/{ticket['id']}/sla")) for ticket in made]
        assert len(clocks) == 2
        assert {clock["ticket_id"]: clock for clock in clocks} == {clock["ticket_id"]: clock for clock in each}
        assert data_of(client_as(app, platform, "technician").get(f"{API}/sla/clocks?{wanted}")) == []

    def test_as_many_as_a_list_shows_and_no_more(self, client: FlaskClient) -> None:
        error_of(client.get(f"{API}/sla/clocks"), 422, "VALIDATION_ERROR")
        many = "&".join(f"ticket_id={uuid4()}" for _ in range(101))
        error_of(client.get(f"{API}/sla/clocks?{many}"), 422, "VALIDATION_ERROR")


class TestClock:
    def test_it_is_shown_paused_and_resumed(self, client: FlaskClient, clock: FixedClock) -> None:
        ticket = create(client, priority="critical")
        clock.advance(timedelta(seconds=1))
        url = f"{API}/tickets/{ticket['id']}/sla"
        shown = data_of(client.get(url))
        assert set(shown) == set(ClockView.model_fields)
        assert (shown["state"], shown["round_the_clock"], shown["target_minutes"]) == ("running", True, 240)
        assert shown["sla_due_at"] == ticket["sla_due_at"]
        assert (shown["remaining_minutes"], shown["elapsed_percent"]) == (239, 0.0)
        paused = data_of(client.post(f"{url}/pause", json={"reason": " Waits for the municipality "}))
        assert (paused["state"], paused["sla_pause_reason"]) == ("paused", "Waits for the municipality")
        assert paused["sla_paused_at"].endswith("Z")
        error_of(client.post(f"{url}/pause", json={"reason": "Again"}), 409, "CONFLICT")
        resumed = data_of(client.post(f"{url}/resume"))
        assert (resumed["state"], resumed["sla_pause_reason"], len(resumed["pauses"])) == ("running", None, 1)
        assert resumed["sla_due_at"] >= ticket["sla_due_at"]
        error_of(client.post(f"{url}/resume"), 409, "CONFLICT")
        events = data_of(client.get(f"{API}/tickets/{ticket['id']}/events"))
        assert [event["event_type"] for event in events][:2] == ["sla_resumed", "sla_paused"]

    def test_what_is_wrong_is_named(self, client: FlaskClient) -> None:
        url = f"{API}/tickets/{create(client)['id']}/sla/pause"
        for body in ({}, {"reason": " "}, {"reason": "x" * 501}, {"reason": "a\0b"}):
            assert set(error_of(client.post(url, json=body), 422, "VALIDATION_ERROR")["details"]) == {"reason"}
        for path in ("sla", "sla/pause", "sla/resume"):
            call = client.get if path == "sla" else client.post
            error_of(call(f"{API}/tickets/12/{path}", json={"reason": "x"}), 422, "VALIDATION_ERROR")
            error_of(call(f"{API}/tickets/{uuid4()}/{path}", json={"reason": "x"}), 404, "NOT_FOUND")

    def test_a_ticket_that_one_may_not_see_has_no_clock(
        self, app: Flask, platform: Platform, client: FlaskClient
    ) -> None:
        with platform.read() as connection:
            company = make_contractor(connection)["id"]
        theirs = create(client, assigned_contractor_id=str(company))
        contractor = client_as(app, platform, "contractor", contractor_id=company)
        assert data_of(contractor.get(f"{API}/tickets/{theirs['id']}/sla"))["state"] == "running"
        error_of(contractor.get(f"{API}/tickets/{create(client)['id']}/sla"), 404, "NOT_FOUND")
        error_of(contractor.post(f"{API}/tickets/{theirs['id']}/sla/pause", json={"reason": "x"}), 403, "FORBIDDEN")


class TestTargets:
    def test_they_are_read_and_changed_and_the_change_is_audited(self, client: FlaskClient, project: Row) -> None:
        listed = data_of(client.get(f"{API}/sla/settings"))
        assert [row["priority"] for row in listed] == ["critical", "urgent", "high", "normal", "low"]
        assert set(listed[0]) == set(TargetView.model_fields)
        url = f"{API}/sla/settings/{project['code']}/high"
        changed = data_of(client.put(f"{url}?reason=New+contract", json=TARGET))
        assert {row["priority"]: row["resolve_minutes"] for row in changed}["high"] == 60
        assert data_of(client.get(f"{API}/sla/settings?project_id={project['id']}")) == changed
        assert data_of(client.get(f"{API}/sla/settings")) == listed
        (entry,) = data_of(client.get(f"{API}/audit?action=sla_target_set"))
        assert (entry["reason"], entry["details"]["before"]) == ("New contract", None)
        assert entry["details"]["after"] == TARGET | {"round_the_clock": False}
        assert data_of(client.delete(url)) == listed
        error_of(client.delete(url), 404, "NOT_FOUND")

    def test_the_default_can_be_changed_and_not_taken_away(self, client: FlaskClient) -> None:
        url = f"{API}/sla/settings/default/low"
        assert data_of(client.put(url, json=TARGET))[-1]["resolve_minutes"] == 60
        error_of(client.delete(url), 404, "NOT_FOUND")
        stale = TARGET | {"resolve_minutes": 90, "updated_at": "2026-01-01T00:00:00Z"}
        error_of(client.put(url, json=stale), 409, "STALE_WRITE")

    def test_what_is_wrong_is_named(self, client: FlaskClient) -> None:
        url = f"{API}/sla/settings/default/low"
        far = {"updated_at": "0001-01-01T00:00:00+02:00"}
        for body in ({}, TARGET | {"resolve_minutes": 0}, TARGET | {"first_response_minutes": 61}, TARGET | far):
            error_of(client.put(url, json=body), 422, "VALIDATION_ERROR")
        error_of(client.put(f"{API}/sla/settings/default/medium", json=TARGET), 422, "VALIDATION_ERROR")
        error_of(client.put(f"{API}/sla/settings/nowhere/low", json=TARGET), 404, "NOT_FOUND")
        error_of(client.get(f"{API}/sla/settings?project_id=nowhere"), 404, "NOT_FOUND")

    @pytest.mark.parametrize("role", ["manager", "qa", "operator", "viewer", "technician", "contractor"])
    def test_only_admins_change_them(self, app: Flask, platform: Platform, role: Any) -> None:
        client = client_as(app, platform, role)
        error_of(client.put(f"{API}/sla/settings/default/low", json=TARGET), 403, "FORBIDDEN")
        error_of(client.delete(f"{API}/sla/settings/default/low"), 403, "FORBIDDEN")


class TestCompliance:
    def test_groups_with_their_names_and_all_together(self, client: FlaskClient, project: Row) -> None:
        create(client, priority="high", project_id=project["code"])
        create(client)
        body = client.get(f"{API}/sla/compliance").get_json()
        assert [(row["priority"], row["total_tickets"], row["sla_running"]) for row in body["data"]] == [
            ("high", 1, 1),
            ("normal", 1, 1),
        ]
        assert body["meta"]["overall"]["compliance_percentage"] == "0.00%"
        assert body["meta"]["is_cut"] is False
        by_project = data_of(client.get(f"{API}/sla/compliance?group_by=project&period=month"))
        assert {row["project_code"] for row in by_project} == {project["code"], None}
        assert all(row["period"].endswith("-01") for row in by_project)
        only = data_of(client.get(f"{API}/sla/compliance?group_by=contractor&project_id={project['id']}&priority="))
        assert [(row["contractor_id"], row["contractor_name"], row["total_tickets"]) for row in only] == [
            (None, None, 1)
        ]
        assert data_of(client.get(f"{API}/sla/compliance?start_date=2025-01-01&end_date=2025-12-31")) == []

    @pytest.mark.parametrize(
        "query",
        [
            "group_by=pole",
            "period=hour",
            "priority=medium",
            "contractor_id=7",
            "start_date=soon",
            "end_date=2020-13-01",
        ],
    )
    def test_what_is_wrong_is_named(self, client: FlaskClient, query: str) -> None:
        error = error_of(client.get(f"{API}/sla/compliance?{query}"), 422, "VALIDATION_ERROR")
        assert query.partition("=")[0] in error["details"]

    @pytest.mark.parametrize("role", ["technician", "contractor"])
    def test_who_works_on_site_has_no_sight_of_it(self, app: Flask, platform: Platform, role: Any) -> None:
        error_of(client_as(app, platform, role).get(f"{API}/sla/compliance"), 403, "FORBIDDEN")
