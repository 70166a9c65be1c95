"""Guarantee on a real database and over HTTP: classification, decisions, installations, periods, nights and imports."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from admin_api.api import guarantee, tickets
from admin_api.app import create_app
from jobs.kinds.sweep_guarantees import sweep_guarantees
from jobs.platform import Platform
from sql.database import Connection, queries
from tests.clocks import FixedClock
from tests.factories import Row, make_drop, make_project, make_ticket
from tests.factories.access import client_as
from tests.factories.weekly import import_report, weekly_row
from tests.running import run_jobs
from ticketing import tickets as ticket_service
from ticketing.paging import PageRequest
from ticketing.people import SYSTEM
from ticketing.ticket_changes import version
from ticketing.ticket_input import TicketChanges
from ticketing.ticket_views import list_events, read_ticket

NOW = datetime(2026, 11, 20, 10, tzinfo=UTC)
API = "/api/ticketing"
FIELDS = ("guarantee_status", "billing_classification", "is_billable")
PENDING = ("pending_classification", "pending_classification", False)
CONTRACTOR_PAYS = ("under_guarantee", "contractor_under_guarantee", False)
CLIENT_PAYS = ("out_of_guarantee", "client_out_of_guarantee", True)


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(NOW)


@pytest.fixture
def app(platform: Platform) -> Flask:
    return create_app(platform=platform, blueprints=[guarantee.api, tickets.api])


@pytest.fixture
def client(app: Flask, platform: Platform) -> FlaskClient:
    return client_as(app, platform, "manager")


def classes(connection: Connection, ticket: Row) -> tuple[Any, ...]:
    shown = read_ticket(connection, ticket["id"])
    return tuple(shown[field] for field in FIELDS)


def put(platform: Platform, ticket: Row, **fields: Any) -> dict[str, Any]:
    with platform.begin(SYSTEM) as work:
        return ticket_service.update(work, ticket["id"], TicketChanges.model_validate(fields))


def event_types(connection: Connection, ticket: Row) -> list[str]:
    rows, _ = list_events(connection, SYSTEM, ticket["id"], PageRequest())
    return [row["event_type"] for row in rows]


def guaranteed(connection: Connection, installed_on: date | None = date(2026, 11, 1), **columns: Any) -> Row:
    drop = make_drop(connection, installed_on=installed_on)
    return make_ticket(connection, dr_number=drop["dr_number"], project_id=drop["project_id"], **columns)


def sweep(platform: Platform) -> dict[str, Any]:
    with platform.begin(SYSTEM) as work:
        job = work.enqueue(sweep_guarantees)
    (row,) = [row for row in run_jobs(platform) if row["id"] == job.id]
    assert row["state"] == "completed", row["error_message"]
    result: dict[str, Any] = row["result"]
    return result


class TestFollowingAChange:
    def test_a_ticket_begins_pending_and_is_classified_when_its_cause_is_known(
        self, platform: Platform, connection: Connection
    ) -> None:
        ticket = guaranteed(connection)
        assert classes(connection, ticket) == PENDING
        shown = put(platform, ticket, fault_cause="workmanship")
        assert tuple(shown[field] for field in FIELDS) == CONTRACTOR_PAYS
        assert shown["guarantee_expires_at"] == datetime(2027, 1, 30, 22, tzinfo=UTC)
        assert event_types(connection, ticket) == ["guarantee_classified", "ticket_updated"]
        assert put(platform, ticket, fault_cause=None)["guarantee_expires_at"] is None
        assert classes(connection, ticket) == PENDING

    def test_another_drop_brings_another_installation(self, platform: Platform, connection: Connection) -> None:
        ticket = guaranteed(connection, fault_cause="workmanship")
        old = make_drop(connection, installed_on=date(2020, 1, 1))
        put(platform, ticket, dr_number=old["dr_number"])
        assert classes(connection, ticket) == CLIENT_PAYS

    def test_another_project_brings_other_periods(self, platform: Platform, connection: Connection) -> None:
        ticket = guaranteed(connection, date(2026, 1, 1), fault_cause="workmanship")
        generous = make_project(connection)
        connection.execute(
            "insert into guarantee_periods (project_id, installation_days) values (%s, 1000)", [generous["id"]]
        )
        put(platform, ticket, project_id=str(generous["id"]))
        assert classes(connection, ticket) == CONTRACTOR_PAYS

    def test_the_tickets_own_installation_goes_before_the_drops(
        self, platform: Platform, connection: Connection
    ) -> None:
        ticket = guaranteed(connection, installation_date=date(2020, 1, 1))
        put(platform, ticket, fault_cause="workmanship")
        assert classes(connection, ticket) == CLIENT_PAYS

    def test_closing_classifies_a_last_time_and_later_corrections_are_judged_as_of_then(
        self, platform: Platform, connection: Connection, clock: FixedClock
    ) -> None:
        ticket = guaranteed(connection, status="handed_to_maintenance")
        put(platform, ticket, fault_cause="workmanship", status="closed")
        clock.advance(timedelta(days=365))
        sweep(platform)
        assert classes(connection, ticket) == CONTRACTOR_PAYS
        put(platform, ticket, fault_cause="client_damage")
        assert classes(connection, ticket) == ("under_guarantee", "client_damage", True)

    def test_what_a_person_puts_stays(self, platform: Platform, connection: Connection) -> None:
        ticket = guaranteed(connection)
        put(platform, ticket, billing_classification="free_of_charge", reason="Goodwill")
        put(platform, ticket, fault_cause="client_damage")
        assert classes(connection, ticket) == ("pending_classification", "free_of_charge", False)
        assert "guarantee_overridden" in event_types(connection, ticket)


class TestTheNight:
    def test_what_ran_out_is_classified_anew_and_only_once(
        self, platform: Platform, connection: Connection, clock: FixedClock
    ) -> None:
        ticket = guaranteed(connection, date(2026, 8, 23))
        put(platform, ticket, fault_cause="workmanship")
        assert classes(connection, ticket) == CONTRACTOR_PAYS
        assert sweep(platform) == {"ran_out": 0, "first_time": 0}
        # The last covered day is 21 November; it ends at 22:00 in UTC.
        clock.advance(datetime(2026, 11, 21, 22, tzinfo=UTC) - NOW)
        assert sweep(platform) == {"ran_out": 1, "first_time": 0}
        assert classes(connection, ticket) == CLIENT_PAYS
        assert sweep(platform) == {"ran_out": 0, "first_time": 0}

    def test_tickets_from_before_are_classified_once(self, platform: Platform, connection: Connection) -> None:
        old = guaranteed(connection, date(2020, 1, 1), fault_cause="workmanship", guarantee_status=None)
        kept = make_ticket(connection, guarantee_status=None, is_billable=None)
        with platform.begin(SYSTEM) as work:
            queries("guarantee").put_override(
                work.connection,
                ticket_id=kept["id"],
                reason="by hand",
                overridden_by=None,
                overridden_by_name="somebody",
                now=NOW,
            )
        assert sweep(platform) == {"ran_out": 0, "first_time": 1}
        assert (classes(connection, old), classes(connection, kept)[0]) == (CLIENT_PAYS, None)

    @pytest.mark.parametrize(
        ("name", "parameters", "index"),
        [
            ("list_run_out", {"now": NOW, "most": 1000}, "tickets_guarantee_runs_out_idx"),
            ("list_never_classified", {"most": 1000}, "tickets_never_classified_idx"),
        ],
    )
    def test_it_is_led_by_an_index(
        self, connection: Connection, name: str, parameters: dict[str, Any], index: str
    ) -> None:
        make_tickets(connection, 20_000)
        statement = getattr(queries("guarantee"), name).sql
        plan = connection.execute(f"explain {statement}", parameters).fetchall()
        text = "\n".join(str(row["QUERY PLAN"]) for row in plan)
        assert index in text
        assert "Seq Scan on tickets" not in text


def make_tickets(connection: Connection, count: int) -> None:
    """Tickets under guarantee, of which 1 in 400 has run out."""
    connection.execute(
        """
        insert into tickets (source, ticket_type, title, fault_cause, guarantee_status, guarantee_expires_at)
        select 'ad_hoc', 'maintenance', 'No light', 'workmanship', 'under_guarantee',
            %s::timestamptz + (n %% 400) * interval '1 day'
        from generate_series(0, %s - 1) as n
        """,
        [NOW, count],
    )
    connection.execute("analyze tickets")


class TestAnImport:
    def test_its_tickets_are_classified_by_one_job(self, platform: Platform, connection: Connection) -> None:
        drop = make_drop(connection, installed_on=date(2020, 1, 1))
        rows = [
            weekly_row(FT_Ref=f"FT49000{n}", DR_Number=drop["dr_number"], Fault_Cause=cause)
            for n, cause in enumerate(("Workmanship", None, "Client damage"))
        ]
        import_report(platform, *rows)
        found = connection.execute(
            "select guarantee_status, is_billable from tickets where source = 'weekly_report' order by external_id"
        ).fetchall()
        assert [tuple(row.values()) for row in found] == [
            ("out_of_guarantee", True),
            ("pending_classification", False),
            ("out_of_guarantee", True),
        ]
        jobs = connection.execute("select state, result from jobs where kind = 'classify_imported'").fetchall()
        assert jobs == [{"state": "completed", "result": {"looked_at": 2, "changed": 2}}]


class TestOverHttp:
    def test_a_ticket_shows_its_guarantee(self, client: FlaskClient, connection: Connection) -> None:
        ticket = guaranteed(connection)
        shown = client.get(f"{API}/tickets/{ticket['id']}/guarantee").get_json()["data"]
        assert (shown["installed_on"], shown["installation_date"]) == ("2026-11-01", None)
        assert shown["periods"]["installation_days"] == 90
        assert shown["override"] is None

    def test_a_decision_needs_a_reason_and_holds_until_it_is_given_back(
        self, client: FlaskClient, connection: Connection
    ) -> None:
        ticket = guaranteed(connection, fault_cause="workmanship")
        url = f"{API}/tickets/{ticket['id']}/guarantee"
        assert client.put(url, json={"billing_classification": "client_damage"}).status_code == 422
        said = {"billing_classification": "client_damage", "reason": "Photos show a spade"}
        shown = client.put(url, json=said).get_json()["data"]
        assert (shown["is_billable"], shown["override"]["reason"]) == (True, "Photos show a spade")
        shown = client.put(url, json={"installation_date": "2020-01-01"}).get_json()["data"]
        assert (shown["billing_classification"], shown["installed_on"]) == ("client_damage", "2020-01-01")
        shown = client.put(url, json={"automatic": True}).get_json()["data"]
        assert (shown["override"], shown["billing_classification"]) == (None, "client_out_of_guarantee")
        assert "guarantee_override_ended" in event_types(connection, ticket)

    def test_an_installation_ahead_is_refused(self, client: FlaskClient, connection: Connection) -> None:
        ticket = guaranteed(connection)
        url = f"{API}/tickets/{ticket['id']}/guarantee"
        assert client.put(url, json={"installation_date": "2026-11-21"}).status_code == 422
        assert client.put(url, json={"installation_date": "2026-11-20"}).status_code == 200

    @pytest.mark.parametrize("far", ["9999-12-31T23:59:59Z", "9999-12-31T23:59:59-02:00", "0001-01-01T00:00:00+02:00"])
    def test_moments_beyond_the_calendar_are_refused(
        self, client: FlaskClient, connection: Connection, far: str
    ) -> None:
        url = f"{API}/tickets/{guaranteed(connection)['id']}/guarantee"
        for body in ({"guarantee_expires_at": far, "reason": "For ever"}, {"automatic": True, "updated_at": far}):
            assert client.put(url, json=body).status_code == 422
        periods = {"installation_days": 200, "material_days": 365, "updated_at": far}
        assert client.put(f"{API}/guarantee/periods/default", json=periods).status_code == 422

    def test_installations_of_drops_classify_their_tickets(
        self, client: FlaskClient, platform: Platform, connection: Connection
    ) -> None:
        ticket = guaranteed(connection, None, fault_cause="workmanship")
        body = {"installations": [{"dr_number": ticket["dr_number"].lower(), "installed_on": "2026-11-02"}]}
        noted = client.post(f"{API}/guarantee/installations", json=body).get_json()["data"]
        assert noted["tickets_reclassified"] == 1
        assert noted["drops"] == [{"dr_number": ticket["dr_number"], "installed_on": "2026-11-02", "before": None}]
        assert classes(connection, ticket) == CONTRACTOR_PAYS
        again = client.post(f"{API}/guarantee/installations", json=body).get_json()["data"]
        assert again == {"drops": [], "tickets_reclassified": 0}
        audit = connection.execute("select action, target_id from operator_audit").fetchall()
        assert audit == [{"action": "drop_installed", "target_id": ticket["dr_number"]}]

    def test_an_unknown_drop_stops_all_of_them(self, client: FlaskClient, connection: Connection) -> None:
        drop = make_drop(connection)
        body = [{"dr_number": number, "installed_on": "2026-11-02"} for number in (drop["dr_number"], "DR99999999")]
        answer = client.post(f"{API}/guarantee/installations", json={"installations": body})
        assert answer.status_code == 422
        assert answer.get_json()["error"]["details"]["unknown"] == ["DR99999999"]

    def test_periods_of_a_project_are_changed_with_an_audit_and_judge_its_open_tickets_anew(
        self, client: FlaskClient, platform: Platform, connection: Connection
    ) -> None:
        open_, closed = (guaranteed(connection, date(2026, 8, 1)) for _ in range(2))
        for ticket in (open_, closed):
            put(platform, ticket, fault_cause="workmanship")
            connection.execute("update tickets set project_id = %s where id = %s", [open_["project_id"], ticket["id"]])
        connection.execute("alter table tickets disable trigger tickets_status_machine")
        connection.execute("update tickets set status = 'closed', closed_at = %s where id = %s", [NOW, closed["id"]])
        url = f"{API}/guarantee/periods/{open_['project_id']}"
        body = {"installation_days": 300, "material_days": 400, "reason": "New contract"}
        listed = client.put(url, json=body).get_json()["data"]
        assert [row["installation_days"] for row in listed] == [90, 300]
        run_jobs(platform)
        assert (classes(connection, open_), classes(connection, closed)) == (CONTRACTOR_PAYS, CLIENT_PAYS)
        assert client.delete(url).status_code == 200
        run_jobs(platform)
        assert classes(connection, open_) == CLIENT_PAYS
        assert client.delete(url).status_code == 404
        audit = connection.execute("select action, reason from operator_audit order by id").fetchall()
        assert [tuple(row.values()) for row in audit] == [
            ("guarantee_periods_set", "New contract"),
            ("guarantee_periods_dropped", None),
        ]

    def test_the_default_is_changed_for_projects_without_their_own(
        self, client: FlaskClient, platform: Platform, connection: Connection
    ) -> None:
        ticket = guaranteed(connection, date(2026, 8, 1))
        put(platform, ticket, fault_cause="workmanship")
        url = f"{API}/guarantee/periods/default"
        seen = client.get(f"{API}/guarantee/periods").get_json()["data"][0]["updated_at"]
        body = {"installation_days": 200, "material_days": 365, "updated_at": seen}
        assert client.put(url, json=body).status_code == 200
        run_jobs(platform)
        assert classes(connection, ticket) == CONTRACTOR_PAYS
        assert client.put(url, json=body).status_code == 409
        assert client.delete(url).status_code == 404
        assert client.put(f"{API}/guarantee/periods/NOWHERE", json=body).status_code == 404

    def test_only_a_manager_decides(self, app: Flask, platform: Platform, connection: Connection) -> None:
        ticket = guaranteed(connection)
        for role in ("qa", "technician", "viewer"):
            other = client_as(app, platform, role)
            body = {"is_billable": True, "reason": "I think so"}
            assert other.put(f"{API}/tickets/{ticket['id']}/guarantee", json=body).status_code == 403
        hidden = client_as(app, platform, "contractor")
        assert hidden.get(f"{API}/tickets/{ticket['id']}/guarantee").status_code == 404


class TestRaces:
    def test_of_two_decisions_on_one_version_one_wins(
        self, app: Flask, platform: Platform, connection: Connection
    ) -> None:
        ticket = guaranteed(connection)
        seen = version(ticket["updated_at"])

        def decide(client: FlaskClient) -> int:
            body = {"is_billable": True, "reason": "mine", "updated_at": seen}
            return client.put(f"{API}/tickets/{ticket['id']}/guarantee", json=body).status_code

        assert sorted(at_once(app, platform, decide)) == [200, 409]

    def test_of_two_changes_of_periods_one_wins(self, app: Flask, platform: Platform, connection: Connection) -> None:
        default = connection.execute("select updated_at from guarantee_periods").fetchone()
        assert default is not None
        seen = version(default["updated_at"])
        days = iter((100, 200))

        def change(client: FlaskClient) -> int:
            body = {"installation_days": next(days), "material_days": 365, "updated_at": seen}
            return client.put(f"{API}/guarantee/periods/default", json=body).status_code

        assert sorted(at_once(app, platform, change)) == [200, 409]


def at_once(app: Flask, platform: Platform, act: Callable[[FlaskClient], int]) -> list[int]:
    """Two clients act at the same moment."""
    clients = [client_as(app, platform, "manager") for _ in range(2)]
    start = threading.Barrier(2)

    def run(client: FlaskClient) -> int:
        start.wait(20)
        return act(client)

    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(run, clients))
