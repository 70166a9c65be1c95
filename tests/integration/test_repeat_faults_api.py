"""Escalations over HTTP: the envelopes, codes and shapes of the wire contract, lists, plans, and the thresholds."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient

from admin_api.api import escalations
from admin_api.app import create_app
from sql.database import Connection, queries
from tests.answers import error_of
from tests.factories import Row, insert, make, make_drop, make_project, make_ticket, make_user
from tests.factories.access import client_as
from tests.factories.tickets import NOON
from tests.plans import nodes
from ticketing.people import SYSTEM
from ticketing.repeat_faults import views
from ticketing.repeat_faults.raising import raise_due
from ticketing.repeat_faults.scan import Question
from ticketing.repeat_faults.views import EscalationFilter, EscalationWithTickets, PatternView
from ticketing.vocabulary import EscalationScope, EscalationStatus, EscalationType

if TYPE_CHECKING:
    from jobs.platform import Platform

API = "/api/ticketing"
POLE = "LAW.P.A002"
MANY = 20_000


@pytest.fixture
def app(platform: Platform) -> Flask:
    return create_app(platform=platform, blueprints=[escalations.api])


@pytest.fixture
def client(app: Flask, platform: Platform) -> FlaskClient:
    return client_as(app, platform, "admin")


def make_escalation(connection: Connection, **columns: Any) -> Row:
    row = {"scope_type": "zone", "scope_value": str(uuid4().int % 10**9), "fault_count": 10, "fault_threshold": 10}
    if columns.get("status") in ("resolved", "no_action"):
        row |= {"resolved_at": columns.get("created_at", NOON), "resolution_notes": "New feeder"}
    return insert(connection, "repeat_fault_escalations", **row | {"created_at": NOON} | columns)


def raised(platform: Platform, count: int = 3, **columns: Any) -> UUID:
    """Report faults a minute ago and scan; return the escalation."""
    at = platform.clock.now() - timedelta(minutes=1)
    for _ in range(count):
        make(platform, make_ticket, created_at=at, **{"pole_number": POLE} | columns)
    with platform.begin(SYSTEM) as work:
        raise_due(work, Question(everywhere=True))
    with platform.read() as connection:
        row = connection.execute("select id from repeat_fault_escalations").fetchone()
    assert row is not None
    escalation_id: UUID = row["id"]
    return escalation_id


class TestReading:
    def test_an_escalation_is_shown_with_its_faults(self, client: FlaskClient, platform: Platform) -> None:
        escalation = raised(platform)
        body = client.get(f"{API}/escalations/{str(escalation).upper()}").get_json()
        assert set(body["data"]) == set(EscalationWithTickets.model_fields)
        shown = EscalationWithTickets.model_validate(body["data"])
        assert (shown.scope_type, shown.scope_value, shown.fault_count, shown.status) == ("pole", POLE, 3, "open")
        assert len(shown.contributing_tickets) == 3
        assert {ticket.ticket_id for ticket in shown.tickets} == set(shown.contributing_tickets)
        assert shown.escalation_ticket_uid is not None

    def test_faults_and_escalations_are_placed_by_tickets_and_drops(
        self, client: FlaskClient, platform: Platform
    ) -> None:
        make(platform, make_drop, dr_number="DR1737348", latitude=-26.4, longitude=27.4)
        make(platform, make_ticket, created_at=NOON, pole_number="nowhere")
        own = {"latitude": -26.2, "longitude": 27.8}
        at = platform.clock.now() - timedelta(minutes=1)
        make(platform, make_ticket, created_at=at, pole_number=POLE, **own)
        make(platform, make_ticket, created_at=at, pole_number=POLE, dr_number="DR1737348")
        escalation = raised(platform, 1)
        shown = client.get(f"{API}/escalations/{escalation}").get_json()["data"]["tickets"]
        assert {(one["latitude"], one["longitude"]) for one in shown} == {(-26.2, 27.8), (-26.4, 27.4), (None, None)}
        nobody_knows = make(platform, make_escalation)["id"]
        placed = client.get(f"{API}/escalations/positions?id={escalation}&id={nobody_knows}").get_json()["data"]
        assert placed == [{"id": str(escalation), "latitude": -26.3, "longitude": 27.6, "faults": 2}]
        error_of(client.get(f"{API}/escalations/positions"), 422, "VALIDATION_ERROR")

    def test_what_is_not_there(self, client: FlaskClient) -> None:
        error_of(client.get(f"{API}/escalations/12"), 422, "VALIDATION_ERROR")
        error_of(client.get(f"{API}/escalations/{uuid4()}"), 404, "NOT_FOUND")

    @pytest.mark.parametrize(
        ("query", "found"),
        [
            ("", 4),
            ("scope_type=pole", 1),
            ("scope_type=pole,pon", 2),
            ("status=open", 2),
            ("status=open,investigating", 3),
            ("status=resolved", 1),
            ("status=open,resolved", 3),
            ("escalation_type=inspection", 1),
            ("project_id=law", 1),
            ("project_id=proj-123", 0),
            ("limit=3", 3),
        ],
    )
    def test_filters(self, client: FlaskClient, platform: Platform, query: str, found: int) -> None:
        project = make(platform, make_project, code="LAW")["id"]
        make(platform, make_escalation, scope_type="pole", escalation_type="inspection")
        make(platform, make_escalation, scope_type="pon", status="investigating", project_id=project)
        make(platform, make_escalation, status="resolved")
        make(platform, make_escalation)
        body = client.get(f"{API}/escalations?{query}").get_json()
        assert len(body["data"]) == found
        assert body["meta"]["count"] == (4 if query == "limit=3" else found)

    @pytest.mark.parametrize("field", ["scope_type", "status", "escalation_type"])
    def test_an_unknown_word_is_answered_with_the_known_ones(self, client: FlaskClient, field: str) -> None:
        error = error_of(client.get(f"{API}/escalations?{field}=broken"), 422, "VALIDATION_ERROR")
        kinds = {"scope_type": EscalationScope, "status": EscalationStatus, "escalation_type": EscalationType}
        assert error["details"]["valid_values"] == [word.value for word in kinds[field]]

    def test_cursors_walk_the_list_once_newest_first(self, client: FlaskClient, platform: Platform) -> None:
        made = [str(make(platform, make_escalation, created_at=NOON + timedelta(hours=n // 3))["id"]) for n in range(8)]
        seen: list[str] = []
        cursor: str | None = ""
        while cursor is not None:
            body = client.get(f"{API}/escalations?limit=3&cursor={cursor}").get_json()
            seen += [row["id"] for row in body["data"]]
            cursor = body["meta"]["next_cursor"]
        assert len(seen) == 8
        assert set(seen) == set(made)
        assert [row["created_at"] for row in client.get(f"{API}/escalations").get_json()["data"]] == sorted(
            (row["created_at"] for row in client.get(f"{API}/escalations").get_json()["data"]), reverse=True
        )
        error_of(client.get(f"{API}/escalations?cursor=x"), 422, "VALIDATION_ERROR")


class TestDeciding:
    def body(self, platform: Platform, **fields: Any) -> dict[str, Any]:
        lead = str(make(platform, make_user, roles=["manager"])["id"])
        return {"resolved_by": lead, "resolution_notes": "New pole", "status": "resolved"} | fields

    def test_resolving(self, client: FlaskClient, platform: Platform) -> None:
        url = f"{API}/escalations/{raised(platform)}/resolve"
        body = self.body(platform)
        answer = client.post(url, json=body, headers={"Idempotency-Key": "once"}).get_json()
        assert "resolved" in answer["message"]
        assert (answer["data"]["status"], answer["data"]["resolved_by"]) == ("resolved", body["resolved_by"])
        again = client.post(url, json=body, headers={"Idempotency-Key": "once"})
        assert (again.status_code, again.get_json()["data"]) == (200, answer["data"])
        error_of(client.post(url, json=body), 409, "CONFLICT")

    def test_what_is_wrong_is_named(self, client: FlaskClient, platform: Platform) -> None:
        url = f"{API}/escalations/{uuid4()}/resolve"
        missing = error_of(client.post(url, json={}), 422, "VALIDATION_ERROR")
        assert set(missing["details"]) == {"resolved_by", "resolution_notes", "status"}
        blank = error_of(client.post(url, json=self.body(platform, resolution_notes=" ")), 422, "VALIDATION_ERROR")
        assert set(blank["details"]) == {"resolution_notes"}
        error_of(client.post(url, json=self.body(platform, status="open")), 422, "VALIDATION_ERROR")
        error_of(client.post(url, json=self.body(platform)), 404, "NOT_FOUND")
        error_of(client.post(f"{API}/escalations/12/resolve", json=self.body(platform)), 422, "VALIDATION_ERROR")

    def test_investigating(self, client: FlaskClient, platform: Platform) -> None:
        url = f"{API}/escalations/{raised(platform)}/investigate"
        assert client.post(url, json={"escalation_type": "replacement"}).get_json()["data"]["status"] == "investigating"
        error_of(client.post(url, json={}), 409, "CONFLICT")

    @pytest.mark.parametrize("role", ["operator", "qa", "technician", "contractor", "viewer"])
    def test_only_a_manager_decides(self, app: Flask, platform: Platform, role: Any) -> None:
        client = client_as(app, platform, role)
        error_of(client.post(f"{API}/escalations/{uuid4()}/resolve", json=self.body(platform)), 403, "FORBIDDEN")
        seen = client.get(f"{API}/escalations").status_code
        assert seen == (403 if role in ("technician", "contractor") else 200)


class TestLooking:
    def look(self, client: FlaskClient, **query: Any) -> dict[str, Any]:
        answer = client.get(f"{API}/repeat-faults/check", query_string=query)
        body: dict[str, Any] = answer.get_json()
        assert answer.status_code == 200, body
        assert set(body["data"]) == set(PatternView.model_fields)
        return body

    def report(self, platform: Platform, count: int, **columns: Any) -> None:
        at = platform.clock.now() - timedelta(minutes=1)
        for _ in range(count):
            make(platform, make_ticket, created_at=at, **columns)

    def test_a_pattern_is_told_and_nothing_written(self, client: FlaskClient, platform: Platform) -> None:
        self.report(platform, 3, pole_number=POLE)
        body = self.look(client, scope_type="pole", scope_value=f" {POLE} ")
        data = body["data"]
        assert (data["pattern_detected"], data["should_escalate"], data["fault_count"]) == (True, True, 3)
        assert data["existing_escalation_id"] is None
        (shown, *_) = data["contributing_tickets"]
        assert {"ticket_id", "ticket_uid", "created_at", "fault_cause", "status"} <= set(shown)
        assert body["meta"]["defaults_used"] == {"threshold": True, "time_window_days": True}
        assert body["meta"]["default_thresholds"] == {
            "pole_threshold": 3,
            "pon_threshold": 5,
            "zone_threshold": 10,
            "dr_threshold": 2,
            "time_window_days": 30,
        }
        with platform.read() as connection:
            assert connection.execute("select 1 from repeat_fault_escalations").fetchall() == []

    def test_what_is_given_takes_the_place_of_what_is_set(self, client: FlaskClient, platform: Platform) -> None:
        self.report(platform, 2, pole_number=POLE)
        make(platform, make_ticket, created_at=platform.clock.now() - timedelta(days=40), pole_number=POLE)
        assert self.look(client, scope_type="pole", scope_value=POLE)["data"]["pattern_detected"] is False
        assert self.look(client, scope_type="pole", scope_value=POLE, threshold=2)["data"]["should_escalate"] is True
        wide = self.look(client, scope_type="pole", scope_value=POLE, time_window_days=60)
        assert (wide["data"]["fault_count"], wide["meta"]["defaults_used"]) == (
            3,
            {"threshold": True, "time_window_days": False},
        )

    def test_a_place_without_faults_has_no_pattern(self, client: FlaskClient) -> None:
        data = self.look(client, scope_type="dr", scope_value="dr1737348")["data"]
        assert (data["pattern_detected"], data["fault_count"], data["threshold"]) == (False, 0, 2)
        assert data["scope_value"] == "DR1737348"

    def test_an_escalation_that_is_there_is_named(self, client: FlaskClient, platform: Platform) -> None:
        escalation = raised(platform)
        data = self.look(client, scope_type="pole", scope_value=POLE)["data"]
        assert (data["pattern_detected"], data["should_escalate"]) == (True, False)
        assert data["existing_escalation_id"] == str(escalation)
        quiet = make(platform, make_escalation, scope_value="3")
        assert self.look(client, scope_type="zone", scope_value="3")["data"]["existing_escalation_id"] == str(
            quiet["id"]
        )

    def test_a_pon_is_looked_for_in_its_project_or_where_it_has_the_most_faults(
        self, client: FlaskClient, platform: Platform
    ) -> None:
        few, more = (make(platform, make_project, code=code)["id"] for code in ("LAW", "MOH"))
        self.report(platform, 2, pon_number="7", project_id=few)
        self.report(platform, 3, pon_number="7", project_id=more)
        anywhere = self.look(client, scope_type="pon", scope_value="7")["data"]
        assert (anywhere["fault_count"], anywhere["project_id"]) == (3, str(more))
        assert self.look(client, scope_type="pon", scope_value="7", project_id="law")["data"]["fault_count"] == 2
        assert self.look(client, scope_type="pon", scope_value="7", project_id="proj-123")["data"]["fault_count"] == 0

    @pytest.mark.parametrize(
        ("query", "field"),
        [
            ({"scope_value": POLE}, "scope_type"),
            ({"scope_type": "pole"}, "scope_value"),
            ({"scope_type": "street", "scope_value": POLE}, "scope_type"),
            ({"scope_type": "pole", "scope_value": POLE, "threshold": 0}, "threshold"),
            ({"scope_type": "pole", "scope_value": POLE, "time_window_days": "x"}, "time_window_days"),
        ],
    )
    def test_what_is_wrong_is_named(self, client: FlaskClient, query: dict[str, Any], field: str) -> None:
        answer = client.get(f"{API}/repeat-faults/check", query_string=query)
        assert field in error_of(answer, 422, "VALIDATION_ERROR")["details"]


class TestThresholds:
    URL = f"{API}/repeat-faults/settings"
    WHOLE = {
        "window_days": 60,
        "pole_threshold": 4,
        "pon_threshold": 6,
        "zone_threshold": 12,
        "dr_threshold": 3,
    }

    def test_a_project_gets_its_own_and_gives_them_back(self, client: FlaskClient, platform: Platform) -> None:
        project = str(make(platform, make_project, code="LAW")["id"])
        own = client.put(f"{self.URL}/law", json=self.WHOLE | {"reason": "New poles"}).get_json()["data"]
        assert [row["project_id"] for row in own] == [None, project]
        assert {name: own[1][name] for name in self.WHOLE} == self.WHOLE
        with platform.read() as connection:
            audit = connection.execute("select action, reason from operator_audit").fetchall()
        assert audit == [{"action": "repeat_fault_thresholds_set", "reason": "New poles"}]
        left = client.delete(f"{self.URL}/{project}").get_json()["data"]
        assert [row["project_id"] for row in left] == [None]
        error_of(client.delete(f"{self.URL}/{project}"), 404, "NOT_FOUND")

    def test_the_default_changes_and_stays(self, client: FlaskClient) -> None:
        (row,) = client.put(f"{self.URL}/default", json=self.WHOLE).get_json()["data"]
        assert row["pole_threshold"] == 4
        assert client.get(self.URL).get_json()["data"] == [row]
        error_of(client.delete(f"{self.URL}/default"), 404, "NOT_FOUND")
        stale = self.WHOLE | {"pole_threshold": 5, "updated_at": "2020-01-01T00:00:00Z"}
        error_of(client.put(f"{self.URL}/default", json=stale), 409, "STALE_WRITE")
        again = client.put(f"{self.URL}/default", json=self.WHOLE).get_json()["data"]
        assert again == [row]

    def test_a_manager_does_not_change_settings(self, app: Flask, platform: Platform) -> None:
        manager = client_as(app, platform, "manager")
        assert manager.get(self.URL).status_code == 200
        error_of(manager.put(f"{self.URL}/default", json=self.WHOLE), 403, "FORBIDDEN")
        error_of(manager.delete(f"{self.URL}/default"), 403, "FORBIDDEN")

    def test_what_is_wrong_is_named(self, client: FlaskClient) -> None:
        error = error_of(client.put(f"{self.URL}/default", json={"pole_threshold": 0}), 422, "VALIDATION_ERROR")
        assert set(error["details"]) == set(self.WHOLE)
        far = self.WHOLE | {"updated_at": "9999-12-31T23:59:59-02:00"}
        error_of(client.put(f"{self.URL}/default", json=far), 422, "VALIDATION_ERROR")
        error_of(client.put(f"{self.URL}/nowhere", json=self.WHOLE), 404, "NOT_FOUND")


@pytest.fixture(scope="module")
def many(module_connection: Connection) -> Connection:
    """A database with many escalations, one in a hundred of them unresolved; the tests below only read."""
    module_connection.execute(
        "insert into projects (code, name) select 'B' || n, 'B ' || n from generate_series(1, 50) n"
    )
    module_connection.execute(
        "insert into repeat_fault_escalations (scope_type, scope_value, project_id, fault_count, fault_threshold,"
        " escalation_type, status, resolution_notes, resolved_at, created_at)"
        " select (array['pole', 'pon', 'zone', 'dr'])[n %% 4 + 1], 'P' || n, p.id, 5, 5, 'inspection',"
        " case when n %% 100 = 0 then 'open' else 'resolved' end, 'Mended',"
        " case when n %% 100 <> 0 then '2026-01-01'::timestamptz + n * interval '1 minute' end,"
        " '2026-01-01'::timestamptz + n * interval '1 minute'"
        " from generate_series(1, %s::integer) as n join projects as p on p.code = 'B' || (n %% 50 + 1)",
        [MANY],
    )
    module_connection.execute("analyze repeat_fault_escalations")
    return module_connection


class TestPlans:
    @pytest.mark.parametrize(
        "wanted",
        [
            EscalationFilter(),
            EscalationFilter(statuses=(EscalationStatus.OPEN,)),
            EscalationFilter(statuses=(EscalationStatus.OPEN, EscalationStatus.INVESTIGATING)),
            EscalationFilter(scopes=(EscalationScope.POLE,)),
            EscalationFilter(project_id="B7"),
            EscalationFilter(escalation_type=EscalationType.INSPECTION),
        ],
        ids=str,
    )
    @pytest.mark.parametrize("deep", [False, True], ids=["first page", "keyset page"])
    def test_a_list_uses_an_index(self, many: Connection, wanted: EscalationFilter, deep: bool) -> None:
        (row,) = many.execute("select id from projects where code = 'B7'").fetchall()
        project = row["id"] if wanted.project_id else None
        position = {"after_at": NOON if deep else None, "after_id": uuid4() if deep else None, "row_limit": 51}
        parameters = views._filters(wanted, project) | position | {"escalation_id": None}
        query = queries("repeat_faults").list_escalations
        (row,) = many.execute("explain (format json) " + query.sql, parameters, prepare=False).fetchall()
        scans = [
            node["Node Type"]
            for node in nodes(row["QUERY PLAN"][0]["Plan"])
            if node.get("Relation Name") == "repeat_fault_escalations"
        ]
        assert scans
        assert "Seq Scan" not in scans

    def test_positions_are_read_by_keys(self, many: Connection) -> None:
        ids = [row["id"] for row in many.execute("select id from repeat_fault_escalations limit 100").fetchall()]
        with many.transaction(force_rollback=True):
            many.execute("set local enable_seqscan = off")
            plan = many.execute(
                "explain " + queries("repeat_faults").list_positions.sql, {"escalation_ids": ids, "most": 50}
            ).fetchall()
        text = "\n".join(next(iter(row.values())) for row in plan)
        assert "Seq Scan" not in text
        assert "escalation_tickets_pkey" in text
