"""Risk acceptances over HTTP: the envelopes, codes and shapes of the wire contract, and who may do what."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient

from admin_api.api import risks
from admin_api.app import create_app
from tests.answers import error_of
from tests.factories import make, make_contractor, make_ticket, make_user
from tests.factories.access import client_as
from tests.factories.tickets import make_risk
from ticketing.risks.views import RiskView

if TYPE_CHECKING:
    from jobs.platform import Platform

API = "/api/ticketing"


@pytest.fixture
def app(platform: Platform) -> Flask:
    return create_app(platform=platform, blueprints=[risks.api])


@pytest.fixture
def client(app: Flask, platform: Platform) -> FlaskClient:
    return client_as(app, platform, "admin")


@pytest.fixture
def lead(platform: Platform) -> str:
    """The id of a QA lead, for whom the administrator's program acts."""
    return str(make(platform, make_user, roles=["qa"])["id"])


def body_for(lead: str, **fields: Any) -> dict[str, Any]:
    return {"risk_type": "minor_defect", "risk_description": "Label missing", "accepted_by": lead} | fields


class TestAccepting:
    def test_a_risk_is_accepted_in_the_contracts_shape(
        self, client: FlaskClient, platform: Platform, lead: str
    ) -> None:
        ticket = make(platform, make_ticket)
        answer = client.post(
            f"{API}/tickets/{ticket['id']}/risk-acceptance", json=body_for(lead, risk_expiry_date="2034-12-31")
        )
        body = answer.get_json()
        assert answer.status_code == 201, body
        assert "created successfully" in body["message"]
        assert set(body["data"]) == set(RiskView.model_fields)
        assert RiskView.model_validate(body["data"]).status == "active"
        assert body["data"]["risk_expiry_date"] == "2034-12-31T22:00:00.000Z"
        assert body["data"]["outstanding_steps"] == list(range(1, 13))

    def test_what_is_wrong_is_named(self, client: FlaskClient, platform: Platform, lead: str) -> None:
        url = f"{API}/tickets/{make(platform, make_ticket)['id']}/risk-acceptance"
        missing = error_of(client.post(url, json={}), 422, "VALIDATION_ERROR")
        assert set(missing["details"]) == {"risk_type", "risk_description", "accepted_by"}
        broken = error_of(client.post(url, data="{", content_type="application/json"), 422, "VALIDATION_ERROR")
        assert "Invalid JSON" in broken["message"]
        wrong = error_of(client.post(f"{API}/tickets/12/risk-acceptance", json=body_for(lead)), 422, "VALIDATION_ERROR")
        assert "Invalid ticket ID format" in wrong["message"]
        error_of(client.post(f"{API}/tickets/{uuid4()}/risk-acceptance", json=body_for(lead)), 404, "NOT_FOUND")
        closed = make(platform, make_ticket, status="closed")["id"]
        error_of(client.post(f"{API}/tickets/{closed}/risk-acceptance", json=body_for(lead)), 409, "CONDITION_NOT_MET")

    def test_a_repeated_request_with_one_key_accepts_once(
        self, client: FlaskClient, platform: Platform, lead: str
    ) -> None:
        url = f"{API}/tickets/{make(platform, make_ticket)['id']}/risk-acceptance"
        answers = [client.post(url, json=body_for(lead), headers={"Idempotency-Key": "once"}) for _ in range(2)]
        assert answers[0].get_json()["data"] == answers[1].get_json()["data"]
        assert client.get(f"{url}s").get_json()["meta"]["count"] == 1

    @pytest.mark.parametrize("role", ["operator", "technician", "contractor", "viewer"])
    def test_only_qa_and_managers_may(self, app: Flask, platform: Platform, lead: str, role: Any) -> None:
        ticket = make(platform, make_ticket)
        made = make(platform, make_risk, ticket["id"])
        client = client_as(app, platform, role)
        error_of(client.post(f"{API}/tickets/{ticket['id']}/risk-acceptance", json=body_for(lead)), 403, "FORBIDDEN")
        error_of(client.put(f"{API}/risk-acceptances/{made['id']}/resolve", json={}), 403, "FORBIDDEN")


class TestResolving:
    @pytest.mark.parametrize("method", ["put", "post"])
    def test_both_verbs_resolve_once(self, client: FlaskClient, platform: Platform, lead: str, method: str) -> None:
        made = make(platform, make_risk, make(platform, make_ticket)["id"])
        url = f"{API}/risk-acceptances/{made['id']}/resolve"
        body = {"resolved_by": lead, "resolution_notes": "Relabelled"}
        answer = getattr(client, method)(url, json=body)
        assert answer.status_code == 200, answer.json
        assert "resolved successfully" in answer.get_json()["message"]
        data = answer.get_json()["data"]
        assert (data["status"], data["resolved_by"]) == ("resolved", lead)
        assert data["resolved_at"].endswith("Z")
        error_of(getattr(client, method)(url, json=body), 409, "CONFLICT")

    def test_what_is_wrong_is_named(self, client: FlaskClient, platform: Platform, lead: str) -> None:
        made = make(platform, make_risk, make(platform, make_ticket)["id"])
        url = f"{API}/risk-acceptances/{made['id']}/resolve"
        placeholder = {"resolved_by": "current-user", "resolution_notes": "Done"}
        assert set(error_of(client.put(url, json=placeholder), 422, "VALIDATION_ERROR")["details"]) == {"resolved_by"}
        body = {"resolved_by": lead, "resolution_notes": "Done"}
        wrong = error_of(client.put(f"{API}/risk-acceptances/7/resolve", json=body), 422, "VALIDATION_ERROR")
        assert "Invalid risk acceptance ID format" in wrong["message"]
        error_of(client.put(f"{API}/risk-acceptances/{uuid4()}/resolve", json=body), 404, "NOT_FOUND")


class TestListing:
    def test_those_of_a_ticket_are_the_active_ones_unless_asked(self, client: FlaskClient, platform: Platform) -> None:
        ticket = make(platform, make_ticket)["id"]
        active = str(make(platform, make_risk, ticket)["id"])
        expired = str(make(platform, make_risk, ticket, status="expired")["id"])
        url = f"{API}/tickets/{ticket}/risk-acceptances"

        def listed(query: str) -> list[str]:
            body = client.get(f"{url}?{query}").get_json()
            assert body["meta"]["count"] == len(body["data"])
            return [risk["id"] for risk in body["data"]]

        assert listed("") == [active]
        assert listed("status=expired") == [expired]
        assert listed("status=all") == listed("status=active,expired") == [active, expired]
        error_of(client.get(f"{url}?status=open"), 422, "VALIDATION_ERROR")
        error_of(client.get(f"{API}/tickets/x/risk-acceptances"), 422, "VALIDATION_ERROR")

    def test_a_ticket_that_one_may_not_see_is_not_there(self, app: Flask, platform: Platform) -> None:
        company = make(platform, make_contractor)["id"]
        contractor = client_as(app, platform, "contractor", contractor_id=company)
        other = make(platform, make_ticket)["id"]
        make(platform, make_risk, other)
        error_of(contractor.get(f"{API}/tickets/{other}/risk-acceptances"), 404, "NOT_FOUND")
        assert contractor.get(f"{API}/risk-acceptances").get_json()["data"] == []

    def test_all_are_paged_by_offset_or_cursor_and_counted(self, client: FlaskClient, platform: Platform) -> None:
        ticket = make(platform, make_ticket)["id"]
        for status in ("active", "active", "active", "expired", "escalated"):
            make(platform, make_risk, ticket, status=status)
        first = client.get(f"{API}/risk-acceptances?limit=2&status=active,expired").get_json()
        cursor = first["pagination"].pop("next_cursor")
        assert first["pagination"] == {"total": 4, "limit": 2, "offset": 0, "has_more": True}
        assert first["counts"] == {"active": 3, "resolved": 0, "expired": 1, "escalated": 1}
        assert first["meta"]["timestamp"].endswith("Z")
        by_cursor = client.get(f"{API}/risk-acceptances?limit=2&status=active,expired&cursor={cursor}").get_json()
        by_offset = client.get(f"{API}/risk-acceptances?limit=2&status=active,expired&offset=2").get_json()
        assert by_cursor["data"] == by_offset["data"]
        assert [risk["status"] for risk in by_offset["data"]] == ["active", "expired"]
        assert by_offset["pagination"]["has_more"] is False
        everything = client.get(f"{API}/risk-acceptances?limit=500&status=&expiring_within_days=&offset=").get_json()
        assert (everything["pagination"]["limit"], len(everything["data"])) == (100, 5)

    @pytest.mark.parametrize(
        "query",
        [
            "status=open",
            "expiring_within_days=-1",
            "expiring_within_days=soon",
            "limit=x",
            "limit=0",
            "offset=-1",
            "offset=10001",
            "cursor=x",
        ],
    )
    def test_a_query_that_makes_no_sense_is_400(self, client: FlaskClient, query: str) -> None:
        assert error_of(client.get(f"{API}/risk-acceptances?{query}"), 400, "VALIDATION_ERROR")["details"]
