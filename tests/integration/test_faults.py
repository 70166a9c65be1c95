"""Fault attribution on a real database and over HTTP: causes, who may set them, who wins a race, trends and plans."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient

from admin_api.api import faults
from admin_api.app import create_app
from jobs.platform import Platform
from runtime.errors import FibreflowError
from sql.database import Connection, queries
from tests.answers import error_of
from tests.factories import Row, insert, make_contractor, make_project, make_ticket, make_user
from tests.factories.access import client_as
from tests.factories.tickets import NOON, actor_of, make_actor, make_many_tickets
from tests.plans import nodes
from ticketing import ticket_views
from ticketing.errors import Forbidden, NotFound, StaleWrite
from ticketing.faults import service, trends
from ticketing.faults.rules import Grouping, Period
from ticketing.faults.service import Attribution
from ticketing.faults.trends import TrendRequest, Trends
from ticketing.paging import PageRequest
from ticketing.people import SYSTEM, Actor
from ticketing.ticket_access import Sight
from ticketing.ticket_changes import version
from ticketing.ticket_views import TicketView
from ticketing.vocabulary import FaultCause

WAIT = 20
API = "/api/ticketing"
MANY = 20_000


@pytest.fixture
def client(platform: Platform) -> FlaskClient:
    return client_as(app_of(platform), platform, "manager")


def app_of(platform: Platform) -> Flask:
    return create_app(platform=platform, blueprints=[faults.api])


def attribute(platform: Platform, actor: Actor, ticket_id: UUID, **fields: Any) -> dict[str, Any]:
    with platform.begin(actor) as work:
        return service.attribute(work, ticket_id, Attribution.model_validate(fields))


class TestAttributing:
    def test_a_cause_and_its_details_are_set_and_told(self, platform: Platform, connection: Connection) -> None:
        manager = make_actor(connection, "manager")
        ticket = make_ticket(connection)
        changed = attribute(
            platform, manager, ticket["id"], fault_cause="workmanship", fault_cause_details=" Loose connector "
        )
        assert (changed["fault_cause"], changed["fault_cause_details"]) == ("workmanship", "Loose connector")
        rows, _ = ticket_views.list_events(connection, SYSTEM, ticket["id"], PageRequest())
        (event,) = rows
        assert (event["event_type"], event["actor_id"]) == ("ticket_updated", manager.user_id)
        assert event["before"] == {"fault_cause": None, "fault_cause_details": None}
        assert event["after"] == {"fault_cause": "workmanship", "fault_cause_details": "Loose connector"}

    def test_details_go_with_the_cause_that_they_explained(self, platform: Platform, connection: Connection) -> None:
        ticket = make_ticket(connection, fault_cause="vandalism", fault_cause_details="Cut cable")["id"]
        assert attribute(platform, SYSTEM, ticket, fault_cause="vandalism")["fault_cause_details"] == "Cut cable"
        assert attribute(platform, SYSTEM, ticket, fault_cause="unknown")["fault_cause_details"] is None

    def test_on_site_it_is_for_those_whose_ticket_it_is(self, platform: Platform, connection: Connection) -> None:
        technician = make_actor(connection, "technician")
        own = make_ticket(connection, status="in_progress", assigned_to=technician.user_id)["id"]
        with pytest.raises(NotFound):
            attribute(platform, technician, make_ticket(connection)["id"], fault_cause="unknown")
        assert attribute(platform, technician, own, fault_cause="third_party")["fault_cause"] == "third_party"
        done = make_ticket(connection, status="closed", assigned_to=technician.user_id)["id"]
        with pytest.raises(Forbidden):
            attribute(platform, technician, done, fault_cause="third_party")
        with pytest.raises(NotFound):
            attribute(platform, SYSTEM, uuid4(), fault_cause="unknown")

    def test_of_two_who_read_the_same_version_one_wins(self, platform: Platform, connection: Connection) -> None:
        ticket = make_ticket(connection)
        start = threading.Barrier(2, timeout=WAIT)

        def run(cause: str) -> Any:
            start.wait()
            try:
                seen = version(ticket["updated_at"])
                return attribute(platform, SYSTEM, ticket["id"], fault_cause=cause, updated_at=seen)
            except FibreflowError as error:
                return error

        with ThreadPoolExecutor(2) as pool:
            ends = list(pool.map(run, ["workmanship", "vandalism"], timeout=WAIT))
        (lost,) = [end for end in ends if isinstance(end, FibreflowError)]
        (won,) = [end for end in ends if not isinstance(end, FibreflowError)]
        assert isinstance(lost, StaleWrite)
        assert isinstance(lost.details, dict)
        assert lost.details["changed"]["fault_cause"]["value"] == won["fault_cause"]


class TestOverHttp:
    def test_a_cause_is_put_in_the_contracts_shape(self, client: FlaskClient, connection: Connection) -> None:
        ticket = make_ticket(connection)
        url = f"{API}/tickets/{ticket['id']}/fault-cause"
        answer = client.put(url, json={"fault_cause": "material_failure", "fault_cause_details": "Cracked splitter"})
        body = answer.get_json()
        assert answer.status_code == 200, body
        assert set(body["data"]) == set(TicketView.model_fields)
        assert (body["data"]["fault_cause"], body["data"]["fault_cause_details"]) == (
            "material_failure",
            "Cracked splitter",
        )
        assert answer.headers["ETag"] == f'"{body["data"]["updated_at"]}"'
        stale = client.put(url, json={"fault_cause": "unknown"}, headers={"If-Match": '"2020-01-01T00:00:00.000Z"'})
        error_of(stale, 409, "STALE_WRITE")

    @pytest.mark.parametrize("wrong", ["bad_luck", "", None, 7, ["unknown"]])
    def test_an_unknown_cause_is_answered_with_the_known(
        self, client: FlaskClient, connection: Connection, wrong: Any
    ) -> None:
        url = f"{API}/tickets/{make_ticket(connection)['id']}/fault-cause"
        error = error_of(client.put(url, json={"fault_cause": wrong}), 422, "VALIDATION_ERROR")
        assert "Invalid fault_cause" in error["message"]
        assert error["details"]["valid_values"] == list(FaultCause)

    def test_what_else_is_wrong_is_named(self, client: FlaskClient, connection: Connection) -> None:
        known = f"{API}/tickets/{make_ticket(connection)['id']}/fault-cause"
        body = {"fault_cause": "unknown"}
        broken = error_of(client.put(known, data="{", content_type="application/json"), 422, "VALIDATION_ERROR")
        assert "Invalid JSON" in broken["message"]
        wrong = error_of(client.put(f"{API}/tickets/FF1/fault-cause", json=body), 422, "VALIDATION_ERROR")
        assert "Invalid ticket ID format" in wrong["message"]
        error_of(client.put(f"{API}/tickets/{uuid4()}/fault-cause", json=body), 404, "NOT_FOUND")
        zero = {"fault_cause": "unknown", "fault_cause_details": "a\0b"}
        assert set(error_of(client.put(known, json=zero), 422, "VALIDATION_ERROR")["details"]) == {
            "fault_cause_details"
        }

    def test_readers_read(self, platform: Platform, connection: Connection) -> None:
        viewer = client_as(app_of(platform), platform, "viewer")
        url = f"{API}/tickets/{make_ticket(connection)['id']}/fault-cause"
        error_of(viewer.put(url, json={"fault_cause": "unknown"}), 403, "FORBIDDEN")
        assert viewer.get(f"{API}/analytics/fault-trends").get_json()["data"] == [
            {"fault_cause": None, "count": "1", "percentage": "100.00"}
        ]

    def test_trends_echo_what_was_asked(self, client: FlaskClient, connection: Connection) -> None:
        make_fault(connection, zone="3", fault_cause="vandalism")
        make_fault(connection, zone="3", fault_cause="vandalism")
        make_fault(connection, zone="4", fault_cause="vandalism")
        make_fault(connection, zone="4")
        given = {"start_date": "2026-11-20", "end_date": "2026-11-20T10:00:00+00:00", "fault_cause": "vandalism"}
        query = "&".join(f"{name}={value}" for name, value in given.items())
        body = client.get(f"{API}/analytics/fault-trends?group_by=zone_id&{query}&project_id=").get_json()
        nobody = {"project_id": None, "project_code": None}
        assert body["data"] == [
            {"zone_id": "3", **nobody, "count": "2", "percentage": "66.67"},
            {"zone_id": "4", **nobody, "count": "1", "percentage": "33.33"},
        ]
        meta = body["meta"]
        assert (meta["group_by"], meta["total_count"], meta["result_count"]) == ("zone_id", 3, 2)
        assert {name: meta[name].replace(" ", "+") for name in given} == given
        assert "project_id" not in meta
        assert client.get(f"{API}/analytics/fault-trends?project_id=proj-123").get_json()["data"] == []
        monthly = client.get(f"{API}/analytics/fault-trends?group_by=period").get_json()["data"]
        assert monthly == [{"period": "2026-11-01", "count": "4", "percentage": "100.00"}]

    @pytest.mark.parametrize(
        ("query", "field"),
        [
            ("group_by=colour", "group_by"),
            ("period=year", "period"),
            ("fault_cause=bad_luck", "fault_cause"),
            ("start_date=soon", "start_date"),
            ("end_date=2026-02-30", "end_date"),
            ("limit=0", "limit"),
        ],
    )
    def test_a_query_that_makes_no_sense_is_refused(self, client: FlaskClient, query: str, field: str) -> None:
        error = error_of(client.get(f"{API}/analytics/fault-trends?{query}"), 422, "VALIDATION_ERROR")
        assert field in error["details"]
        if field == "group_by":
            assert "Invalid group_by parameter" in error["message"]
            assert error["details"]["valid_values"] == list(Grouping)


def make_fault(connection: Connection, **columns: Any) -> Row:
    return make_ticket(connection, **{"created_at": NOON} | columns)


def counted(connection: Connection, group_by: Grouping, actor: Actor = SYSTEM, **wanted: Any) -> Trends:
    return trends.count_faults(connection, actor, TrendRequest(group_by=group_by, **wanted))


def pairs(found: Trends, *names: str) -> list[tuple[Any, ...]]:
    return [(*(row[name] for name in names), row["count"]) for row in found.rows]


class TestTrends:
    def test_causes_count_the_unknown_too_and_places_leave_it_out(self, connection: Connection) -> None:
        for cause, pole in (("vandalism", "P1"), ("vandalism", "P2"), ("unknown", "P1"), (None, None)):
            make_fault(connection, fault_cause=cause, pole_number=pole)
        causes = counted(connection, Grouping.FAULT_CAUSE)
        assert pairs(causes, "fault_cause") == [("vandalism", "2"), ("unknown", "1"), (None, "1")]
        assert [row["percentage"] for row in causes.rows] == ["50.00", "25.00", "25.00"]
        poles = counted(connection, Grouping.POLE_NUMBER)
        assert (pairs(poles, "pole_number"), poles.total_count) == ([("P1", "2"), ("P2", "1")], 3)

    def test_only_faults_are_counted(self, connection: Connection) -> None:
        make_fault(connection, dr_number="DR1000001")
        make_fault(connection, dr_number="DR1000001", ticket_type="incident")
        make_fault(connection, dr_number="DR1000001", ticket_type="new_installation")
        make_fault(connection, dr_number="DR1000001", status="cancelled")
        escalation = insert(
            connection,
            "repeat_fault_escalations",
            scope_type="dr",
            scope_value="DR1000001",
            fault_count=2,
            fault_threshold=2,
        )
        make_fault(connection, dr_number="DR1000001", escalation_id=escalation["id"])
        assert pairs(counted(connection, Grouping.DR_NUMBER), "dr_number") == [("DR1000001", "2")]

    @pytest.mark.parametrize(("grouping", "column"), [(Grouping.ZONE_ID, "zone"), (Grouping.PON_NUMBER, "pon_number")])
    def test_zones_and_pons_count_within_their_project(
        self, connection: Connection, grouping: Grouping, column: str
    ) -> None:
        law, moh = (make_project(connection, code=code)["id"] for code in ("LAW", "MOH"))
        for project in (law, law, moh):
            make_fault(connection, project_id=project, **{column: "1"})
        found = counted(connection, grouping)
        assert pairs(found, grouping.value, "project_code") == [("1", "LAW", "2"), ("1", "MOH", "1")]
        assert pairs(counted(connection, grouping, project_id="moh"), "project_id") == [(moh, "1")]

    def test_contractors_have_names(self, connection: Connection) -> None:
        company = make_contractor(connection, name="Fibre Kings")
        make_fault(connection, assigned_contractor_id=company["id"])
        make_fault(connection)
        found = counted(connection, Grouping.ASSIGNED_CONTRACTOR_ID)
        assert pairs(found, "assigned_contractor_id", "contractor_name") == [(str(company["id"]), "Fibre Kings", "1")]

    def test_periods_are_local_and_read_forward(self, connection: Connection) -> None:
        # 22:30 UTC on the last of October is November at Johannesburg.
        for text, cause in (
            ("2026-10-31T21:30Z", "vandalism"),
            ("2026-10-31T22:30Z", "vandalism"),
            ("2026-11-20T10:00Z", "unknown"),
            ("2026-11-21T10:00Z", "unknown"),
        ):
            make_fault(connection, created_at=datetime.fromisoformat(text), fault_cause=cause)
        months = counted(connection, Grouping.PERIOD)
        assert [(str(month), count) for month, count in pairs(months, "period")] == [
            ("2026-10-01", "1"),
            ("2026-11-01", "3"),
        ]
        weeks = counted(connection, Grouping.PERIOD, period=Period.WEEK)
        assert [str(row["period"]) for row in weeks.rows] == ["2026-10-26", "2026-11-16"]
        causes = counted(connection, Grouping.FAULT_CAUSE, period=Period.MONTH)
        assert [(str(month), cause, count) for month, cause, count in pairs(causes, "period", "fault_cause")] == [
            ("2026-10-01", "vandalism", "1"),
            ("2026-11-01", "unknown", "2"),
            ("2026-11-01", "vandalism", "1"),
        ]
        newest = counted(connection, Grouping.PERIOD, limit=1)
        assert (str(newest.rows[0]["period"]), newest.total_count, newest.is_cut) == ("2026-11-01", 4, True)

    def test_a_range_includes_its_beginning_and_excludes_its_end(self, connection: Connection) -> None:
        for hours in range(3):
            make_fault(connection, created_at=NOON + timedelta(hours=hours), pole_number=f"P{hours}")
        found = counted(
            connection,
            Grouping.POLE_NUMBER,
            reported_from=NOON + timedelta(hours=1),
            reported_before=NOON + timedelta(hours=2),
        )
        assert pairs(found, "pole_number") == [("P1", "1")]

    def test_the_date_is_that_of_the_report(self, connection: Connection) -> None:
        make_fault(connection, reported_at=NOON - timedelta(days=40))
        assert str(counted(connection, Grouping.PERIOD).rows[0]["period"]) == "2026-10-01"

    def test_a_technician_counts_their_own(self, connection: Connection) -> None:
        technician = actor_of(make_user(connection))
        make_fault(connection, pole_number="P1", assigned_to=technician.user_id)
        make_fault(connection, pole_number="P1")
        assert pairs(counted(connection, Grouping.POLE_NUMBER, technician), "pole_number") == [("P1", "1")]
        assert counted(connection, Grouping.POLE_NUMBER, technician, project_id="LAW").rows == []


@pytest.fixture(scope="module")
def many(module_connection: Connection) -> Connection:
    """A database with many tickets, made once for the tests below; they only read."""
    make_many_tickets(module_connection, MANY)
    return module_connection


@pytest.mark.parametrize("grouping", Grouping)
@pytest.mark.parametrize("narrowed", ["range", "project", "person"])
def test_trends_read_no_more_than_they_must(many: Connection, grouping: Grouping, narrowed: str) -> None:
    """A range, a project or a person is found by its index; only a count of everything reads everything."""
    january = NOON.replace(month=1, day=2)
    wanted = TrendRequest(
        group_by=grouping,
        project_id="BULK7" if narrowed == "project" else None,
        reported_from=january if narrowed == "range" else None,
        reported_before=january + timedelta(days=1) if narrowed == "range" else None,
    )
    row = many.execute("select id from users limit 1").fetchone()
    assert row is not None
    sight = ticket_views.EVERYTHING if narrowed != "person" else Sight(user_id=row["id"])
    values = trends._parameters(wanted, trends._project(many, wanted), sight)
    statement = "explain (format json) " + queries("faults").count_faults.sql
    planned = many.execute(statement, values, prepare=False).fetchone()
    assert planned is not None
    scans = [
        node["Node Type"]
        for node in nodes(planned["QUERY PLAN"][0]["Plan"])
        if "Bitmap Index" in node["Node Type"] or node.get("Alias") == "t"
    ]
    assert scans
    assert "Seq Scan" not in scans
