"""Tickets over HTTP: the envelopes, codes and shapes of the wire contract, and who may do what."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient

from admin_api.api import tickets
from admin_api.app import create_app
from tests.factories import Row, make_contractor, make_drop, make_project, make_ticket, make_user
from tests.factories.access import client_as
from tests.factories.tickets import NOON
from ticketing.ticket_views import TicketView

if TYPE_CHECKING:
    from jobs.platform import Platform

TICKETS = "/api/ticketing/tickets"
NEW = {"source": "ad_hoc", "ticket_type": "maintenance", "title": "No light"}


@pytest.fixture
def app(platform: Platform) -> Flask:
    return create_app(platform=platform, blueprints=[tickets.api])


@pytest.fixture
def client(app: Flask, platform: Platform) -> FlaskClient:
    return client_as(app, platform, "manager")


def make(platform: Platform, factory: Any, **columns: Any) -> Row:
    with platform.read() as connection:
        row: Row = factory(connection, **columns)
        return row


def created(client: FlaskClient, **fields: Any) -> dict[str, Any]:
    answer = client.post(TICKETS, json=NEW | fields)
    assert answer.status_code == 201, answer.json
    data: dict[str, Any] = answer.get_json()["data"]
    return data


def error_of(answer: Any, status: int, code: str) -> dict[str, Any]:
    body = answer.get_json()
    assert (answer.status_code, body["success"], body["error"]["code"]) == (status, False, code), body
    assert answer.content_type == "application/json"
    assert body["meta"]["timestamp"].endswith("Z")
    error: dict[str, Any] = body["error"]
    return error


class TestCreating:
    def test_a_ticket_is_created_in_the_contracts_shape(self, client: FlaskClient) -> None:
        answer = client.post(TICKETS, json=NEW | {"status": "closed", "colour": "blue", "zone_id": 3})
        body = answer.get_json()
        assert answer.status_code == 201
        assert body["success"] is True
        assert "created" in body["message"]
        ticket = body["data"]
        assert set(ticket) == set(TicketView.model_fields)
        assert (ticket["status"], ticket["priority"], ticket["zone_id"]) == ("open", "normal", "3")
        assert (ticket["qa_ready"], ticket["sla_breached"], ticket["rectification_count"]) == (False, False, 0)
        assert ticket["created_at"].endswith("Z")
        assert TicketView.model_validate(ticket).ticket_uid.startswith("FF")

    def test_everything_wrong_is_named_by_field(self, client: FlaskClient) -> None:
        answer = client.post(TICKETS, json={"source": "fax", "title": "  ", "priority": "medium"})
        error = error_of(answer, 422, "VALIDATION_ERROR")
        assert set(error["details"]) == {"source", "title", "ticket_type", "priority"}

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("dr_number", "DR12"),
            ("title", "x" * 256),
            ("pole_number", "x" * 51),
            ("external_id", "x" * 101),
            ("gps_coordinates", {"latitude": 91, "longitude": 0}),
            ("assigned_to", "user123"),
            ("assigned_contractor_id", "00000000-0000-7000-8000-00000000c0de"),
            ("assigned_team_id", "00000000-0000-7000-8000-00000000cafe"),
            ("project_id", "proj-123"),
            ("title", "zero\u0000character"),
            ("description", "half a \ud800 character"),
            ("title", {"text": "x"}),
        ],
    )
    def test_what_cannot_be_kept_is_refused(self, client: FlaskClient, field: str, value: Any) -> None:
        error = error_of(client.post(TICKETS, data=json.dumps(NEW | {field: value})), 422, "VALIDATION_ERROR")
        assert next(iter(error["details"])).startswith(field)

    @pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"x"', b"\xff"])
    def test_what_is_no_json_object_is_refused(self, client: FlaskClient, body: bytes) -> None:
        answer = client.post(TICKETS, data=body, content_type="application/json")
        error_of(answer, 422, "VALIDATION_ERROR")

    def test_empty_form_fields_mean_nothing(self, client: FlaskClient) -> None:
        ticket = created(client, pole_number="", dr_number=" ", assigned_to="", priority="", project_id=None)
        assert (ticket["pole_number"], ticket["dr_number"], ticket["priority"]) == (None, None, "normal")

    def test_a_reference_that_is_taken_is_409(self, client: FlaskClient) -> None:
        first = created(client, external_id="FT490441")
        error = error_of(client.post(TICKETS, json=NEW | {"external_id": "FT490441"}), 409, "ALREADY_EXISTS")
        assert error["details"]["ticket_uid"] == first["ticket_uid"]

    def test_a_repeated_request_with_one_key_makes_one_ticket(self, client: FlaskClient) -> None:
        answers = [client.post(TICKETS, json=NEW, headers={"Idempotency-Key": "once"}) for _ in range(2)]
        assert answers[0].get_json()["data"] == answers[1].get_json()["data"]
        assert client.get(TICKETS).get_json()["pagination"]["total"] == 1


class TestReading:
    def test_a_ticket_is_read_with_its_version(self, client: FlaskClient) -> None:
        ticket = created(client)
        answer = client.get(f"{TICKETS}/{ticket['id'].upper()}")
        assert answer.get_json()["data"] == ticket
        assert answer.get_json()["meta"]["enriched"] is False
        assert answer.headers["ETag"] == f'"{ticket["updated_at"]}"'

    def test_enriching_adds_what_the_register_says(self, client: FlaskClient, platform: Platform) -> None:
        project = make(platform, make_project, code="LAW", name="Lawley")
        company = make(platform, make_contractor)
        drop = make(
            platform,
            make_drop,
            project_id=project["id"],
            pole_number="LAW.P.A002",
            pon_number=7,
            zone_number=3,
            latitude=-26.5,
            longitude=27.25,
            address="1 Main Rd",
            municipality="Johannesburg",
        )
        ticket = created(client, dr_number=drop["dr_number"], assigned_contractor_id=str(company["id"]))
        body = client.get(f"{TICKETS}/{ticket['id']}?enrich=true").get_json()
        assert body["meta"]["enriched"] is True
        assert body["data"]["fibreflow_enrichment"] == {
            "fibreflow_gps": {"latitude": -26.5, "longitude": 27.25, "address": "1 Main Rd"},
            "fibreflow_pole_number": "LAW.P.A002",
            "fibreflow_pon": 7,
            "fibreflow_zone": 3,
            "fibreflow_contractor": company["name"],
            "fibreflow_municipality": "Johannesburg",
            "onemap_customer_name": None,
            "onemap_contact_number": None,
            "onemap_address": None,
            "onemap_gps": None,
            "project": {"project_id": str(project["id"]), "project_name": "Lawley", "project_code": "LAW"},
            "sow_match_found": True,
            "onemap_match_found": False,
            "project_match_found": True,
        }

    def test_enriching_a_ticket_that_the_register_does_not_know(self, client: FlaskClient) -> None:
        ticket = created(client, dr_number="DR9999999")
        enrichment = client.get(f"{TICKETS}/{ticket['id']}?enrich=true").get_json()["data"]["fibreflow_enrichment"]
        assert {name for name, value in enrichment.items() if value} == set()

    @pytest.mark.parametrize("method", ["get", "put", "delete"])
    def test_an_id_must_be_a_uuid_of_a_ticket(self, client: FlaskClient, method: str) -> None:
        body = {"json": {"title": "x"}} if method == "put" else {}
        wrong = error_of(getattr(client, method)(f"{TICKETS}/FF100001", **body), 422, "VALIDATION_ERROR")
        assert "Invalid ticket ID" in wrong["message"]
        unknown = error_of(getattr(client, method)(f"{TICKETS}/{uuid4()}", **body), 404, "NOT_FOUND")
        assert "not found" in unknown["message"]

    def test_the_timeline_is_read_newest_first_and_in_parts(self, client: FlaskClient) -> None:
        ticket = created(client)
        url = f"{TICKETS}/{ticket['id']}"
        for number in range(4):
            client.put(url, json={"address": f"{number} Main Rd"})
        seen: list[tuple[str, str | None]] = []
        cursor: str | None = ""
        while cursor is not None:
            body = client.get(f"{url}/events?pageSize=2&cursor={cursor}").get_json()
            seen += [(event["event_type"], event["after"].get("address")) for event in body["data"]]
            cursor = body["meta"]["next_cursor"]
        assert seen == [
            *[("ticket_updated", f"{number} Main Rd") for number in (3, 2, 1, 0)],
            ("ticket_created", None),
        ]


class TestListing:
    def test_a_page_tells_where_it_stands(self, client: FlaskClient) -> None:
        ids = [created(client)["id"] for _ in range(3)][::-1]
        body = client.get(f"{TICKETS}?page=1&pageSize=2").get_json()
        assert [ticket["id"] for ticket in body["data"]] == ids[:2]
        cursor = body["pagination"].pop("next_cursor")
        assert body["pagination"] == {
            "page": 1,
            "pageSize": 2,
            "total": 3,
            "totalPages": 2,
            "totalIsCapped": False,
        }
        rest = client.get(f"{TICKETS}?pageSize=2&cursor={cursor}").get_json()
        assert [ticket["id"] for ticket in rest["data"]] == ids[2:]
        assert rest["pagination"]["next_cursor"] is None

    def test_odd_paging_falls_back_and_is_capped(self, client: FlaskClient) -> None:
        pagination = client.get(f"{TICKETS}?page=x&pageSize=500&sort=title&limit=3").get_json()["pagination"]
        assert (pagination["page"], pagination["pageSize"], pagination["total"]) == (1, 100, 0)

    def test_flags_are_read_literally(self, client: FlaskClient, platform: Platform) -> None:
        ready = str(make(platform, make_ticket, qa_ready=True)["id"])
        other = created(client)["id"]

        def listed(query: str) -> list[str]:
            return [ticket["id"] for ticket in client.get(f"{TICKETS}?{query}").get_json()["data"]]

        assert listed("qa_ready=true") == [ready]
        assert listed("qa_ready=1") == listed("qa_ready=false") == [other]
        assert len(listed("qa_ready=&status=&search=")) == 2

    @pytest.mark.parametrize(("query", "field"), [("status=new", "status"), ("cursor=abc", "cursor")])
    def test_filters_that_mean_nothing_are_refused(self, client: FlaskClient, query: str, field: str) -> None:
        error = error_of(client.get(f"{TICKETS}?{query}"), 422, "VALIDATION_ERROR")
        assert field in error["details"]


class TestChanging:
    def test_a_change_is_answered_with_the_whole_ticket(self, client: FlaskClient) -> None:
        ticket = created(client)
        answer = client.put(f"{TICKETS}/{ticket['id']}", json={"priority": "high", "ont_rx_level": -18.25, "x": 1})
        body = answer.get_json()
        assert answer.status_code == 200
        assert body["message"]
        changed = body["data"]
        assert {name for name in ticket if ticket[name] != changed[name]} == {
            *("priority", "sla_due_at", "ont_rx_level", "updated_at")
        }
        assert changed["ont_rx_level"] == -18.25

    @pytest.mark.parametrize("body", [{}, {"colour": "blue"}, {"reason": "because"}])
    def test_a_change_needs_at_least_one_field(self, client: FlaskClient, body: dict[str, Any]) -> None:
        error = error_of(client.put(f"{TICKETS}/{created(client)['id']}", json=body), 422, "VALIDATION_ERROR")
        assert "at least one field" in error["message"]

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("status", "resolved"),
            ("status", None),
            ("priority", "medium"),
            ("title", ""),
            ("fault_cause", "gremlins"),
            ("guarantee_status", "maybe"),
            ("billing_classification", "free"),
            ("ont_rx_level", -99),
            ("ont_rx_level", "NaN"),
            ("sla_due_at", "tomorrow"),
            ("sla_due_at", "2026-11-22T10:00:00"),
            ("sla_due_at", "9999-12-31T23:59:59Z"),
            ("sla_first_response_at", "9999-12-31T23:59:59-02:00"),
            ("guarantee_expires_at", "0001-01-01T00:00:00+02:00"),
            ("assigned_to", "user123"),
            ("qa_ready", None),
        ],
    )
    def test_wrong_values_are_named(self, client: FlaskClient, field: str, value: Any) -> None:
        error = error_of(client.put(f"{TICKETS}/{created(client)['id']}", json={field: value}), 422, "VALIDATION_ERROR")
        assert list(error["details"]) == [field]

    def test_the_machine_refuses_with_its_moves(self, client: FlaskClient) -> None:
        ticket = created(client)
        error = error_of(
            client.put(f"{TICKETS}/{ticket['id']}", json={"status": "closed"}), 409, "INVALID_STATUS_TRANSITION"
        )
        assert error["details"] == {"current": "open", "requested": "closed", "allowed": ["assigned", "cancelled"]}

    def test_a_condition_refuses_with_what_is_missing(self, client: FlaskClient, platform: Platform) -> None:
        ticket = make(platform, make_ticket, status="qa_approved")
        error = error_of(client.put(f"{TICKETS}/{ticket['id']}", json={"status": "closed"}), 409, "CONDITION_NOT_MET")
        assert [item["condition"] for item in error["details"]["missing"]] == ["fault_cause"]

    def test_assigning_as_the_screen_does_it(self, client: FlaskClient, platform: Platform) -> None:
        user = make(platform, make_user)
        ticket = created(client)
        sent = {"assigned_to": str(user["id"]), "status": "assigned"}
        changed = client.put(f"{TICKETS}/{ticket['id']}", json=sent).get_json()["data"]
        assert changed["status"] == "assigned"
        assert changed["assigned_user"] == {"id": str(user["id"]), "name": user["name"], "email": user["email"]}
        cleared = client.put(f"{TICKETS}/{ticket['id']}", json={"assigned_to": None}).get_json()["data"]
        assert (cleared["assigned_to"], cleared["assigned_user"]) == (None, None)

    def test_a_ticket_goes_through_its_life_by_put(self, client: FlaskClient) -> None:
        ticket = created(client)
        for status in ("assigned", "in_progress", "pending_qa"):
            assert (
                client.put(f"{TICKETS}/{ticket['id']}", json={"status": status}).get_json()["data"]["status"] == status
            )

    @pytest.mark.parametrize("by", ["header", "body"])
    def test_a_stale_version_is_409_and_a_fresh_one_is_not(self, client: FlaskClient, by: str) -> None:
        ticket = created(client)

        def put(version: str, **fields: Any) -> Any:
            headers = {"If-Match": f'"{version}"'} if by == "header" else {}
            body = fields | ({"updated_at": version} if by == "body" else {})
            return client.put(f"{TICKETS}/{ticket['id']}", json=body, headers=headers)

        changed = put(ticket["updated_at"], address="2 Main Rd")
        assert changed.status_code == 200
        error = error_of(put(ticket["updated_at"], priority="high"), 409, "STALE_WRITE")
        assert error["details"]["updated_at"] == changed.get_json()["data"]["updated_at"]
        assert error["details"]["changed"]["address"]["value"] == "2 Main Rd"
        assert put(changed.get_json()["data"]["updated_at"], priority="high").status_code == 200

    def test_a_deletion_names_its_version_in_the_body_too(self, client: FlaskClient) -> None:
        ticket = created(client)
        url = f"{TICKETS}/{ticket['id']}"
        changed = client.put(url, json={"address": "2 Main Rd"}).get_json()["data"]
        error = error_of(client.delete(url, json={"updated_at": ticket["updated_at"]}), 409, "STALE_WRITE")
        assert error["details"]["changed"]["address"]["was"] is None
        error_of(client.delete(url, json={"updated_at": "yesterday"}), 422, "VALIDATION_ERROR")
        assert client.delete(url, json={"updated_at": changed["updated_at"]}).status_code == 200

    def test_any_version_will_do_for_a_star_and_none_for_a_made_up_one(self, client: FlaskClient) -> None:
        url = f"{TICKETS}/{created(client)['id']}"
        assert client.put(url, json={"address": "1"}, headers={"If-Match": "*"}).status_code == 200
        error_of(client.put(url, json={"address": "2"}, headers={"If-Match": '"abc"'}), 409, "STALE_WRITE")
        error_of(client.delete(url, headers={"If-Match": '"abc"'}), 409, "STALE_WRITE")

    @pytest.mark.parametrize(
        "far", ["9999-12-31T23:59:59.999Z", "9999-12-31T23:59:59-02:00", "0001-01-01T00:00:00+02:00"]
    )
    def test_a_version_beyond_the_calendar_is_none_of_ours(self, client: FlaskClient, far: str) -> None:
        url = f"{TICKETS}/{created(client)['id']}"
        error_of(client.put(url, json={"address": "2", "updated_at": far}), 422, "VALIDATION_ERROR")
        error_of(client.delete(url, json={"updated_at": far}), 422, "VALIDATION_ERROR")
        error = error_of(client.put(url, json={"address": "2"}, headers={"If-Match": f'"{far}"'}), 409, "STALE_WRITE")
        assert error["details"]["changed"] == {}

    def test_line_ends_of_a_browser_are_no_change(self, client: FlaskClient) -> None:
        ticket = created(client, description="No light\r\nPole leans\rDog")
        assert ticket["description"] == "No light\nPole leans\nDog"
        same = client.put(f"{TICKETS}/{ticket['id']}", json={"description": "No light\r\nPole leans\r\nDog"})
        assert same.get_json()["data"]["updated_at"] == ticket["updated_at"]

    def test_deleting_cancels_and_keeps(self, client: FlaskClient) -> None:
        ticket = created(client)
        answer = client.delete(f"{TICKETS}/{ticket['id']}")
        assert answer.status_code == 200
        assert "deleted" in answer.get_json()["message"]
        assert answer.get_json()["data"]["status"] == "cancelled"
        assert client.get(f"{TICKETS}/{ticket['id']}").get_json()["data"]["status"] == "cancelled"
        error_of(client.put(f"{TICKETS}/{ticket['id']}", json={"status": "open"}), 409, "INVALID_STATUS_TRANSITION")


class TestRoles:
    @pytest.mark.parametrize("role", ["operator", "viewer"])
    def test_readers_read_and_change_nothing(
        self, app: Flask, platform: Platform, client: FlaskClient, role: Any
    ) -> None:
        ticket, reader = created(client), client_as(app, platform, role)
        url = f"{TICKETS}/{ticket['id']}"
        assert reader.get(url).status_code == 200
        assert reader.get(TICKETS).get_json()["pagination"]["total"] == 1
        error_of(reader.post(TICKETS, json=NEW), 403, "FORBIDDEN")
        error_of(reader.put(url, json={"title": "x"}), 403, "FORBIDDEN")
        error_of(reader.delete(url), 403, "FORBIDDEN")

    def test_nobody_gets_in_without_signing_in(self, app: Flask) -> None:
        error_of(app.test_client().get(TICKETS), 401, "UNAUTHORIZED")

    def test_a_technician_works_on_the_own_tickets_and_sees_no_other(
        self, app: Flask, platform: Platform, client: FlaskClient
    ) -> None:
        person = make(platform, make_user, roles=["technician"])
        technician = client_as(app, platform, "technician", user_id=person["id"])
        mine = created(client, assigned_to=str(person["id"]))
        other = created(client)
        assert [ticket["id"] for ticket in technician.get(TICKETS).get_json()["data"]] == [mine["id"]]
        for path in (other["id"], f"{other['id']}/events"):
            error_of(technician.get(f"{TICKETS}/{path}"), 404, "NOT_FOUND")
        error_of(technician.put(f"{TICKETS}/{other['id']}", json={"ont_serial": "A"}), 404, "NOT_FOUND")
        url = f"{TICKETS}/{mine['id']}"
        assert technician.put(url, json={"status": "in_progress", "ont_serial": "A"}).status_code == 200
        assert technician.put(url, json={"status": "pending_qa"}).status_code == 200
        error = error_of(technician.put(url, json={"priority": "low"}), 403, "FORBIDDEN")
        assert error["details"] == {"fields": ["priority"]}
        error_of(technician.put(url, json={"status": "qa_in_progress"}), 403, "FORBIDDEN")
        error_of(technician.delete(url), 403, "FORBIDDEN")

    def test_a_contractor_sees_the_companys_tickets(self, app: Flask, platform: Platform, client: FlaskClient) -> None:
        company = make(platform, make_contractor)
        contractor = client_as(app, platform, "contractor", contractor_id=company["id"])
        theirs = created(client, assigned_contractor_id=str(company["id"]))
        other = created(client)
        assert contractor.get(f"{TICKETS}/{theirs['id']}").status_code == 200
        error_of(contractor.get(f"{TICKETS}/{other['id']}"), 404, "NOT_FOUND")

    def test_qa_rejects_with_a_reason(self, app: Flask, platform: Platform) -> None:
        ticket = make(platform, make_ticket, status="qa_in_progress", created_at=NOON - timedelta(days=1))
        qa = client_as(app, platform, "qa")
        url = f"{TICKETS}/{ticket['id']}"
        error_of(qa.put(url, json={"status": "qa_rejected"}), 409, "CONDITION_NOT_MET")
        rejected = qa.put(url, json={"status": "qa_rejected", "reason": "Photo 4 is blurred"}).get_json()["data"]
        assert rejected["rectification_count"] == 1
        (event,) = qa.get(f"{url}/events").get_json()["data"]
        assert event["details"] == {"reason": "Photo 4 is blurred"}


def test_the_document_describes_the_ticket(app: Flask) -> None:
    document = app.test_client().get("/openapi/openapi.json").get_json()
    schema = document["components"]["schemas"]["TicketView"]
    assert set(schema["properties"]) == set(TicketView.model_fields)
    assert "409" in document["paths"][f"{TICKETS}/{{ticket_id}}"]["put"]["responses"]
