"""Handovers over HTTP: the envelopes, codes and shapes of the wire contract, who may, and how lists are read."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient

from admin_api.api import handover, tickets
from admin_api.app import create_app
from sql.database import Connection, queries
from tests.answers import data_of, error_of
from tests.factories import Row, make_contractor, make_project, make_user
from tests.factories.access import client_as, client_with, make_api_key
from tests.factories.handover import make_chain, make_finished_ticket
from tests.factories.tickets import NOON, make_many_tickets
from ticketing.handover.rules import PENDING
from ticketing.handover.views import HandoverLine, SnapshotView
from ticketing.ticket_views import EVERYTHING
from ticketing.vocabulary import Status

if TYPE_CHECKING:
    from jobs.platform import Platform

API = "/api/ticketing"

CONTRACT = {
    "ticket_uid",
    "title",
    "description",
    "status",
    "priority",
    "ticket_type",
    "dr_number",
    "project_id",
    "zone_id",
    "pole_number",
    "pon_number",
    "address",
    "ont_serial",
    "ont_rx_level",
    "ont_model",
    "assigned_to",
    "assigned_contractor_id",
    "assigned_team",
    "qa_ready",
    "qa_readiness_check_at",
    "fault_cause",
    "fault_cause_details",
    "verification_steps_completed",
    "verification_steps_total",
    "snapshot_timestamp",
}


@pytest.fixture
def app(platform: Platform) -> Flask:
    return create_app(platform=platform, blueprints=[handover.api, tickets.api])


@pytest.fixture
def client(app: Flask, platform: Platform) -> FlaskClient:
    return client_as(app, platform, "admin")


@pytest.fixture
def lead(platform: Platform) -> str:
    """The id of a QA lead, for whom the administrator's program acts."""
    with platform.read() as connection:
        return str(make_user(connection, roles=["qa"])["id"])


def finished(platform: Platform, **columns: Any) -> Row:
    with platform.read() as connection:
        return make_finished_ticket(platform, connection, **columns)


def body_for(lead: str, kind: str = "qa_to_maintenance", **fields: Any) -> dict[str, Any]:
    return {"handover_type": kind, "handover_by": lead} | fields


class TestHandingOver:
    def test_in_the_contracts_shape(self, client: FlaskClient, platform: Platform, lead: str) -> None:
        ticket = finished(platform)
        answer = client.post(f"{API}/tickets/{ticket['id']}/handover", json=body_for(lead))
        made = data_of(answer, 201)
        assert "created successfully" in answer.get_json()["message"]
        assert set(made) == set(SnapshotView.model_fields)
        assert (made["is_locked"], made["handover_by"], made["chain_number"]) == (True, lead, 1)
        assert set(made["snapshot_data"]) >= CONTRACT
        links = {"type", "step_number", "url", "filename", "uploaded_at", "uploaded_by"}
        assert all(links <= set(link) and link["step_number"] for link in made["evidence_links"])
        assert data_of(client.get(f"{API}/handovers/{made['id']}")) == made
        assert data_of(client.get(f"{API}/tickets/{ticket['id']}"))["status"] == "handed_to_maintenance"
        error_of(client.post(f"{API}/tickets/{ticket['id']}/handover", json=body_for(lead)), 409, "CONFLICT")

    def test_what_is_wrong_is_named(self, client: FlaskClient, platform: Platform, lead: str) -> None:
        url = f"{API}/tickets/{finished(platform)['id']}/handover"

        def told(status: int = 422, code: str = "VALIDATION_ERROR", **request: Any) -> str:
            return str(error_of(client.post(url, **request), status, code)["message"])

        assert "handover_type is required" in told(json={"handover_by": lead})
        assert "handover_by is required" in told(json={"handover_type": "qa_to_maintenance"})
        assert "Invalid handover_by ID format" in told(json=body_for("me"))
        assert "Invalid JSON" in told(data="{", content_type="application/json")
        told(json=body_for(lead, "QA_TO_MAINTENANCE"))
        told(json=body_for(lead, to_owner_type="client"))
        told(json=body_for(lead, to_owner_id="x"))
        assert "from_owner_type" in told(json=body_for(lead, from_owner_type="build"))
        error_of(client.post(f"{API}/tickets/1/handover", json=body_for(lead)), 422, "VALIDATION_ERROR")
        error_of(client.post(f"{API}/tickets/{uuid4()}/handover", json=body_for(lead)), 404, "NOT_FOUND")

    def test_gates_that_refuse_are_the_details(self, client: FlaskClient, platform: Platform, lead: str) -> None:
        ticket = finished(platform, status="qa_in_progress", dr_number=None)
        error = error_of(
            client.post(f"{API}/tickets/{ticket['id']}/handover", json=body_for(lead)), 422, "HANDOVER_GATE_FAILED"
        )
        assert "Handover gates validation failed" in error["message"]
        assert set(error["details"]) == {"can_handover", "blocking_issues", "warnings", "gates_passed", "gates_failed"}
        assert [issue["gate_name"] for issue in error["details"]["blocking_issues"]] == [
            "as_built_confirmed",
            "qa_approved",
        ]
        assert set(error["details"]["blocking_issues"][0]) == {"gate_name", "severity", "message", "resolution_hint"}

    def test_a_repeated_request_with_one_key_hands_over_once(
        self, client: FlaskClient, platform: Platform, lead: str
    ) -> None:
        url = f"{API}/tickets/{finished(platform)['id']}/handover"
        answers = [client.post(url, json=body_for(lead), headers={"Idempotency-Key": "once"}) for _ in range(2)]
        assert data_of(answers[0], 201) == data_of(answers[1], 201)

    def test_the_generic_change_does_not_reach_maintenance(self, client: FlaskClient, platform: Platform) -> None:
        ticket = finished(platform, status="pending_handover")
        error = error_of(
            client.put(f"{API}/tickets/{ticket['id']}", json={"status": "handed_to_maintenance"}),
            409,
            "CONDITION_NOT_MET",
        )
        assert [one["condition"] for one in error["details"]["missing"]] == ["handover"]


class TestReading:
    def test_gates_without_acting(self, client: FlaskClient, platform: Platform) -> None:
        ticket = finished(platform, status="in_progress", owner="build", pole_number=None)
        url = f"{API}/tickets/{ticket['id']}/handover/validate"
        result = data_of(client.get(f"{url}?type=build_to_qa"))
        assert result["can_handover"] is True
        assert "The pole is not recorded" in result["warnings"]
        assert (result["status"], result["owner"]) == ("in_progress", "build")
        assert data_of(client.get(f"{url}?type=qa_to_maintenance"))["can_handover"] is False
        error_of(client.get(f"{url}?type=x"), 422, "VALIDATION_ERROR")
        error_of(client.get(url), 422, "VALIDATION_ERROR")
        error_of(client.get(f"{API}/tickets/{uuid4()}/handover/validate?type=build_to_qa"), 404, "NOT_FOUND")

    def test_the_history_of_a_ticket(self, client: FlaskClient, platform: Platform, lead: str) -> None:
        ticket = finished(platform, fault_cause="unknown")
        url = f"{API}/tickets/{ticket['id']}/handover-history"
        none = data_of(client.get(url))
        assert none == {
            "ticket_id": str(ticket["id"]),
            "ticket_uid": ticket["ticket_uid"],
            "handovers": [],
            "total_handovers": 0,
            "current_owner_type": None,
            "current_owner_id": None,
        }
        first = data_of(
            client.post(f"{API}/tickets/{ticket['id']}/handover", json=body_for(lead, to_owner_id=lead)), 201
        )
        second = data_of(
            client.post(f"{API}/tickets/{ticket['id']}/handover", json=body_for(lead, "maintenance_complete")), 201
        )
        history = data_of(client.get(url))
        assert [one["id"] for one in history["handovers"]] == [first["id"], second["id"]]
        assert (history["total_handovers"], history["current_owner_type"]) == (2, "maintenance")
        assert history["current_owner_id"] is None
        error_of(client.get(f"{API}/tickets/{uuid4()}/handover-history"), 404, "NOT_FOUND")
        error_of(client.get(f"{API}/tickets/x/handover-history"), 422, "VALIDATION_ERROR")

    def test_a_snapshot_as_pdf(self, client: FlaskClient, platform: Platform) -> None:
        with platform.read() as connection:
            (made,) = make_chain(platform, connection, 1)
        answer = client.get(f"{API}/handovers/{made['id']}/pdf")
        assert (answer.status_code, answer.content_type) == (200, "application/pdf")
        assert f"handover-1-{made['ticket_uid']}.pdf" in answer.headers["Content-Disposition"]
        assert answer.data == client.get(f"{API}/handovers/{made['id']}/pdf").data
        error_of(client.get(f"{API}/handovers/{uuid4()}/pdf"), 404, "NOT_FOUND")
        error_of(client.get(f"{API}/handovers/{uuid4()}"), 404, "NOT_FOUND")
        error_of(client.get(f"{API}/handovers/1"), 422, "VALIDATION_ERROR")

    def test_what_one_may_not_see_is_not_there(self, app: Flask, platform: Platform) -> None:
        with platform.read() as connection:
            company = make_contractor(connection)["id"]
            (made,) = make_chain(platform, connection, 1)
            own = make_finished_ticket(platform, connection, assigned_contractor_id=company)["id"]
        contractor = client_as(app, platform, "contractor", contractor_id=company)
        error_of(contractor.get(f"{API}/handovers/{made['id']}"), 404, "NOT_FOUND")
        error_of(contractor.get(f"{API}/handovers/{made['id']}/pdf"), 404, "NOT_FOUND")
        error_of(contractor.get(f"{API}/tickets/{made['ticket_id']}/handover-history"), 404, "NOT_FOUND")
        assert [row["ticket_id"] for row in data_of(contractor.get(f"{API}/handovers/pending"))] == [str(own)]
        refused = contractor.post(f"{API}/tickets/{own}/handover", json=body_for(str(uuid4())))
        error_of(refused, 403, "FORBIDDEN")

    def test_the_proof_is_a_job_for_admins(self, app: Flask, client: FlaskClient, platform: Platform) -> None:
        platform.declare()
        first = data_of(client.post(f"{API}/handovers/verify"), 202)
        assert data_of(client.post(f"{API}/handovers/verify"), 202) == first
        error_of(client_as(app, platform, "manager").post(f"{API}/handovers/verify"), 403, "FORBIDDEN")


class TestAllHandovers:
    def test_the_latest_first_in_parts_and_by_type(self, client: FlaskClient, platform: Platform) -> None:
        with platform.read() as connection:
            made = [str(snapshot["id"]) for snapshot in make_chain(platform, connection, 3)]
        first = client.get(f"{API}/handovers?limit=2").get_json()
        assert set(first["data"][0]) == set(HandoverLine.model_fields)
        rest = client.get(f"{API}/handovers?limit=2&cursor={first['meta']['next_cursor']}").get_json()
        assert [row["id"] for row in [*first["data"], *rest["data"]]] == made[::-1]
        assert rest["meta"]["next_cursor"] is None
        assert len(client.get(f"{API}/handovers?handover_type=qa_to_maintenance").get_json()["data"]) == 3
        assert client.get(f"{API}/handovers?handover_type=build_to_qa").get_json()["data"] == []

    @pytest.mark.parametrize("query", ["cursor=x", "cursor=0", f"cursor={2**63}", "limit=0", "handover_type=none"])
    def test_a_query_that_makes_no_sense(self, client: FlaskClient, query: str) -> None:
        assert client.get(f"{API}/handovers?{query}").status_code == 422

    def test_who_works_on_site_does_not_see_all(self, app: Flask, platform: Platform) -> None:
        assert client_as(app, platform, "technician").get(f"{API}/handovers").status_code == 403
        assert client_as(app, platform, "viewer").get(f"{API}/handovers").status_code == 200


WAITING: list[dict[str, Any]] = [
    {"status": "in_progress", "owner": "build"},
    {"status": "qa_approved", "ont_serial": None},
    {"status": "pending_handover"},
    {"status": "handed_to_maintenance", "owner": "maintenance"},
    {"status": "pending_qa"},
    {"status": "closed", "fault_cause": "unknown"},
]


class TestPending:
    def test_rows_pages_and_summary(self, client: FlaskClient, platform: Platform) -> None:
        made = [
            finished(platform, created_at=NOON + timedelta(minutes=number), updated_at=NOON + timedelta(hours=1), **one)
            for number, one in enumerate(WAITING)
        ]
        first = client.get(f"{API}/handovers/pending?limit=2").get_json()
        assert [row["ticket_id"] for row in first["data"]] == [str(made[3]["id"]), str(made[2]["id"])]
        cursor = first["pagination"].pop("next_cursor")
        assert first["pagination"] == {"total": 4, "limit": 2, "offset": 0, "has_more": True}
        assert first["summary"] == {
            "ready_for_handover": 3,
            "blocked": 1,
            "by_type": {"BUILD_TO_QA": 1, "QA_TO_MAINTENANCE": 2, "MAINTENANCE_COMPLETE": 1},
            "gates_tried": 4,
        }
        by_cursor = client.get(f"{API}/handovers/pending?limit=2&cursor={cursor}").get_json()
        by_offset = client.get(f"{API}/handovers/pending?limit=2&offset=2").get_json()
        assert by_cursor["data"] == by_offset["data"]
        blocked, to_qa = by_offset["data"]
        assert (blocked["can_handover"], blocked["blockers"]) == (False, ["ONT serial not recorded"])
        assert (blocked["gate_status"], blocked["current_owner"]) == ({"passed": 6, "total": 7}, "qa")
        assert (to_qa["pending_handover_type"], to_qa["current_owner"]) == ("build_to_qa", "build")
        assert by_offset["pagination"]["has_more"] is False

    def test_by_type_and_project(self, client: FlaskClient, platform: Platform) -> None:
        with platform.read() as connection:
            project = make_project(connection)
        mine = finished(platform, project_id=project["id"])
        finished(platform)
        finished(platform, status="in_progress", owner="build")

        def listed(query: str) -> list[str]:
            return [row["ticket_id"] for row in data_of(client.get(f"{API}/handovers/pending?{query}"))]

        assert len(listed("")) == 3
        assert len(listed("handover_type=qa_to_maintenance")) == 2
        assert listed(f"project_id={project['code']}") == listed(f"project_id={project['id']}") == [str(mine["id"])]
        assert listed("project_id=nowhere") == []

    @pytest.mark.parametrize(
        "query",
        ["handover_type=QA_TO_MAINTENANCE", "limit=0", "limit=x", "offset=-1", "offset=10001", "cursor=x"],
    )
    def test_a_query_that_makes_no_sense_is_400(self, client: FlaskClient, query: str) -> None:
        assert error_of(client.get(f"{API}/handovers/pending?{query}"), 400, "VALIDATION_ERROR")["details"]


class TestPlans:
    def test_the_pending_list_reads_by_index(self, platform: Platform) -> None:
        with platform.read() as connection:
            make_many_tickets(connection, 30_000)
            narrowed = {"project": None, **EVERYTHING.parameters()}
            place = {"after_at": NOON, "after_id": uuid4(), "row_limit": 51}
            for status in PENDING:
                values = narrowed | {"status": status}
                plan = explained(connection, queries("handover").list_pending_handovers, values | place)
                assert "Seq Scan on tickets" not in plan
                # Where tickets of the status are few, nothing else is passed over to find them.
                assert "tickets_status_idx" in plan or status == Status.IN_PROGRESS
                plan = explained(connection, queries("handover").count_pending_handovers, values | {"most": 10_000})
                assert "tickets_status_idx" in plan or status == Status.IN_PROGRESS
            ids = [row["id"] for row in connection.execute("select id from tickets limit 50")]
            plan = explained(connection, queries("handover").list_gate_facts, {"ticket_ids": ids})
            assert "Seq Scan" not in plan

    def test_snapshots_are_read_by_index(self, platform: Platform) -> None:
        with platform.read() as connection:
            make_many_tickets(connection, 3_000)
            make_many_snapshots(connection)
            ticket_id = connection.execute("select ticket_id from handover_snapshots limit 1").fetchone()
            assert ticket_id is not None
            values = {"snapshot_id": None, **ticket_id, **EVERYTHING.parameters(), "after_at": None, "after_id": None}
            plan = explained(connection, queries("handover").list_snapshots, values | {"row_limit": 101})
            assert "handover_snapshots_ticket_id_idx" in plan
            plan = explained(connection, queries("handover").summarise_history, ticket_id)
            latest = {"handover_type": None, "before_number": 10, "row_limit": 51}
            assert "handover_snapshots_chain_number_key" in explained(
                connection, queries("handover").list_handovers, latest
            )
            assert "handover_snapshots_ticket_id_idx" in plan


def make_many_snapshots(connection: Connection) -> None:
    """Put a snapshot of every ticket on record; their hashes are made up."""
    connection.execute(
        """
        insert into handover_snapshots (
            chain_number, ticket_id, handover_type, snapshot_data, handover_by, previous_sha256, snapshot_sha256
        )
        select
            n, id, 'qa_to_maintenance', '{}', (select id from users limit 1),
            case when n > 1 then lpad(to_hex(n - 1), 64, '0') end, lpad(to_hex(n), 64, '0')
        from (select id, row_number() over (order by id) as n from tickets) as numbered
        order by n
        """
    )
    connection.execute("analyze handover_snapshots")


def explained(connection: Connection, query: Any, parameters: dict[str, Any]) -> str:
    rows = connection.execute("explain " + query.sql, parameters, prepare=False).fetchall()
    return "\n".join(next(iter(row.values())) for row in rows)


def test_a_person_hands_over_in_their_own_name_only(app: Flask, platform: Platform, lead: str) -> None:
    ticket = finished(platform)
    person = client_with(app, make_api_key(platform, "qa", user_id=lead))
    url = f"{API}/tickets/{ticket['id']}/handover"
    with platform.read() as connection:
        other = str(make_user(connection, roles=["qa"])["id"])
    error_of(person.post(url, json=body_for(other)), 403, "FORBIDDEN")
    assert data_of(person.post(url, json=body_for(lead)), 201)["handover_by"] == lead
