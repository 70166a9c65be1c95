"""The dashboard over HTTP: the shapes of the wire contract, its filters, its lists and their plans, honest health."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient

from admin_api.api import dashboard
from admin_api.app import create_app
from jobs.platform import Platform as RealPlatform
from runtime.settings import Settings
from sql.database import Connection, Database, queries
from tests.clocks import FixedClock
from tests.factories import Row, insert, make_project, make_ticket, make_user, make_weekly_report
from tests.factories.access import client_as
from tests.factories.sla import close
from tests.factories.tickets import NOON, make_many_tickets
from tests.plans import nodes
from tests.races import race
from ticketing.dashboard import figures
from ticketing.dashboard.health import HealthView
from ticketing.dashboard.lists import TicketLine
from ticketing.vocabulary import EscalationScope

if TYPE_CHECKING:
    from jobs.platform import Platform

API = "/api/ticketing/dashboard"
HOUR = timedelta(hours=1)
MANY = 20_000


@pytest.fixture
def platform(settings: Settings) -> Iterator[Platform]:
    platform = RealPlatform.connect(settings, clock=FixedClock(NOON))
    platform.declare()
    yield platform
    platform.close()


@pytest.fixture
def connection(database: Database) -> Iterator[Connection]:
    with database.connection() as connection:
        yield connection


@pytest.fixture
def app(platform: Platform) -> Flask:
    return create_app(platform=platform, blueprints=[dashboard.api])


@pytest.fixture
def client(app: Flask, platform: Platform) -> FlaskClient:
    return client_as(app, platform, "viewer")


def get(client: FlaskClient, path: str) -> dict[str, Any]:
    answer = client.get(f"{API}/{path}")
    body: dict[str, Any] = answer.get_json()
    assert answer.status_code == 200, body
    assert body["success"] is True
    return body


def due(hours: float, **columns: Any) -> Row:
    """Columns of a ticket that is due so many hours from now."""
    at = NOON + hours * HOUR
    return {
        "created_at": NOON - 48 * HOUR,
        "sla_due_at": at,
        "sla_next_check_at": at,
        "sla_target_minutes": 60,
    } | columns


class TestSummary:
    def test_nothing_at_all(self, client: FlaskClient) -> None:
        assert get(client, "summary")["data"] == {
            "total_tickets": 0,
            "by_status": {},
            "sla_compliance": {"total": 0, "met": 0, "breached": 0, "running": 0, "compliance_rate": 0.0},
            "overdue_tickets": 0,
            "avg_resolution_hours": None,
        }

    def test_everything_at_once(self, client: FlaskClient, connection: Connection) -> None:
        make_ticket(connection, created_at=NOON)
        make_ticket(connection, **due(-1))
        make_ticket(connection, **due(1))
        make_ticket(
            connection, **due(-1, sla_paused_at=NOON - 2 * HOUR, sla_pause_reason="Rain", sla_next_check_at=None)
        )
        make_ticket(connection, **due(-1, status="cancelled"))
        for late in (-1, 1):
            done = make_ticket(connection, **due(0))
            close(connection, done["id"], NOON + late * HOUR)
        assert get(client, "summary")["data"] == {
            "total_tickets": 7,
            "by_status": {"cancelled": 1, "closed": 2, "open": 4},
            "sla_compliance": {"total": 5, "met": 1, "breached": 2, "running": 2, "compliance_rate": 33.33},
            "overdue_tickets": 1,
            "avg_resolution_hours": 48.0,
        }

    def test_a_ticket_is_late_from_its_due_time_on_and_not_only_once_somebody_noted_it(
        self, client: FlaskClient, connection: Connection, platform: Platform
    ) -> None:
        make_ticket(connection, **due(1))
        assert get(client, "summary")["data"]["overdue_tickets"] == 0
        assert isinstance(platform.clock, FixedClock)
        platform.clock.advance(HOUR)
        found = get(client, "summary")["data"]
        assert (found["overdue_tickets"], found["sla_compliance"]["breached"]) == (1, 1)
        connection.execute(
            "update tickets set sla_breached = true, sla_breached_at = sla_due_at, sla_next_check_at = null"
        )
        assert get(client, "summary")["data"] == found

    @pytest.mark.parametrize(
        ("query", "total", "ignored"),
        [
            ("", 4, []),
            ("start_date=2026-11-19", 2, []),
            ("end_date=2026-11-18", 2, []),
            ("start_date=2026-11-18&end_date=2026-11-19", 2, []),
            ("start_date=2026-11-18T22:30:00Z", 2, []),
            ("start_date=2026-11-21", 0, []),
            ("start_date=2026-11-20&end_date=2026-11-18", 0, []),
            ("start_date=invalid-date", 4, ["start_date"]),
            ("start_date=2026-11-19&end_date=soon", 2, ["end_date"]),
            ("project_id=law", 1, []),
            ("project_id=proj-123", 0, []),
            ("project_id=law&end_date=2026-11-18", 0, []),
        ],
    )
    def test_filters(
        self, client: FlaskClient, connection: Connection, query: str, total: int, ignored: list[str]
    ) -> None:
        project = make_project(connection, code="LAW")["id"]
        for day in range(4):
            make_ticket(connection, created_at=NOON - timedelta(days=day), project_id=project if day == 0 else None)
        body = get(client, f"summary?{query}")
        assert body["data"]["total_tickets"] == total
        assert sum(body["data"]["by_status"].values()) == total
        assert sorted(body["meta"]["ignored"]) == ignored

    def test_the_days_that_were_added_up_are_told(self, client: FlaskClient) -> None:
        meta = get(client, "summary?start_date=2026-11-18T22:30:00Z&end_date=2026-11-20")["meta"]
        assert (meta["start_date"], meta["end_date"], meta["ignored"]) == ("2026-11-19", "2026-11-20", {})


class TestSla:
    def test_nothing_at_all(self, client: FlaskClient) -> None:
        assert get(client, "sla")["data"] == {
            "total_tickets": 0,
            "sla_met": 0,
            "sla_breached": 0,
            "sla_running": 0,
            "compliance_rate": 0.0,
            "compliance_percentage": "0.00%",
        }

    def test_a_rate_has_two_decimals(self, client: FlaskClient, connection: Connection) -> None:
        for late in (-1, -1, 1):
            close(connection, make_ticket(connection, **due(0))["id"], NOON + late * HOUR)
        found = get(client, "sla?start_date=2026-11-01&end_date=nonsense")
        assert found["data"]["compliance_rate"] == 66.67
        assert found["data"]["compliance_percentage"] == "66.67%"
        assert list(found["meta"]["ignored"]) == ["end_date"]


class TestWorkload:
    def test_the_busiest_first_and_nobody_too(self, client: FlaskClient, connection: Connection) -> None:
        busy, other = (make_user(connection, name=name)["id"] for name in ("Thandi", "Sipho"))
        for columns in (due(-1), due(1), {"created_at": NOON, "status": "closed"}):
            make_ticket(connection, assigned_to=busy, **columns)
        make_ticket(connection, assigned_to=other, created_at=NOON, status="cancelled")
        for _ in range(2):
            make_ticket(connection, **due(-2))
        assert get(client, "workload")["data"] == [
            {"assigned_to": str(busy), "assignee_name": "Thandi", "ticket_count": 3, "overdue_count": 1},
            {"assigned_to": None, "assignee_name": "Unassigned", "ticket_count": 2, "overdue_count": 2},
            {"assigned_to": str(other), "assignee_name": "Sipho", "ticket_count": 1, "overdue_count": 0},
        ]
        active = get(client, "workload?active_only=true")["data"]
        assert [(row["assignee_name"], row["ticket_count"]) for row in active] == [("Thandi", 2), ("Unassigned", 2)]
        assert len(get(client, "workload?active_only=false")["data"]) == 3

    def test_more_people_than_are_shown(
        self, client: FlaskClient, connection: Connection, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        make_ticket(connection, assigned_to=make_user(connection)["id"])
        make_ticket(connection)
        monkeypatch.setattr(figures, "MOST_PEOPLE", 1)
        body = get(client, "workload")
        assert (len(body["data"]), body["meta"]["is_cut"]) == (1, True)


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("summary", "Failed to fetch dashboard summary"),
        ("sla", "Failed to fetch SLA compliance"),
        ("workload", "Failed to fetch workload data"),
    ],
)
def test_a_failure_is_worded_as_the_contract_wants_it(
    client: FlaskClient, connection: Connection, path: str, message: str
) -> None:
    connection.execute("alter view ticket_totals_now rename to ticket_totals_gone")
    answer = client.get(f"{API}/{path}")
    assert answer.status_code == 500
    error = answer.get_json()["error"]
    assert (error["code"], error["message"]) == ("DATABASE_ERROR", message)


class TestLists:
    def test_the_newest_first_and_on_from_there(self, client: FlaskClient, connection: Connection) -> None:
        made = [make_ticket(connection, created_at=NOON + number * HOUR)["id"] for number in range(5)]
        first = get(client, "recent?limit=2")
        assert set(first["data"][0]) == set(TicketLine.model_fields)
        second = get(client, f"recent?limit=2&cursor={first['meta']['next_cursor']}")
        last = get(client, f"recent?limit=2&cursor={second['meta']['next_cursor']}")
        shown = [row["id"] for body in (first, second, last) for row in body["data"]]
        assert shown == [str(ticket_id) for ticket_id in reversed(made)]
        assert last["meta"]["next_cursor"] is None

    def test_the_longest_overdue_first(self, client: FlaskClient, connection: Connection) -> None:
        person = make_user(connection, name="Thandi")["id"]
        project = make_project(connection, code="LAW")["id"]
        overdue = [make_ticket(connection, **due(-hours))["id"] for hours in (3, 2, 2)]
        overdue.append(make_ticket(connection, **due(0, assigned_to=person, project_id=project))["id"])
        make_ticket(connection, **due(1))
        make_ticket(connection, **due(-1, sla_paused_at=NOON, sla_pause_reason="Rain", sla_next_check_at=None))
        shown: list[dict[str, Any]] = []
        cursor: str | None = ""
        while cursor is not None:
            body = get(client, f"overdue?limit=1&cursor={cursor}")
            shown += body["data"]
            cursor = body["meta"]["next_cursor"]
        assert [row["id"] for row in shown] == [str(ticket_id) for ticket_id in overdue]
        assert (shown[-1]["assignee_name"], shown[-1]["is_overdue"]) == ("Thandi", True)
        assert len(get(client, "overdue?project_id=LAW")["data"]) == 1
        assert get(client, "summary")["data"]["overdue_tickets"] == len(overdue)

    @pytest.mark.parametrize("query", ["cursor=xyz", "limit=0", "limit=few"])
    def test_what_is_no_page(self, client: FlaskClient, query: str) -> None:
        for path in ("recent", "overdue"):
            assert client.get(f"{API}/{path}?{query}").status_code == 422

    def test_unresolved_escalations_by_scope(self, client: FlaskClient, connection: Connection) -> None:
        project = make_project(connection, code="LAW")["id"]
        for number, (scope, status) in enumerate([("pole", "open"), ("pole", "investigating"), ("zone", "open")]):
            insert(
                connection, "repeat_fault_escalations", scope_type=scope, scope_value=str(uuid4()), status=status,
                fault_count=3, fault_threshold=3, created_at=NOON + number * HOUR, project_id=project,
            )  # fmt: skip
        found = {row["scope_type"]: row for row in get(client, "escalations")["data"]}
        assert set(found) == set(EscalationScope)
        assert (found["pole"]["open"], found["pole"]["investigating"], found["pole"]["faults"]) == (1, 1, 6)
        assert found["pole"]["oldest_at"] == "2026-11-20T10:00:00.000Z"
        assert found["dr"] == {"scope_type": "dr", "open": 0, "investigating": 0, "faults": 0, "oldest_at": None}
        nothing = get(client, "escalations?project_id=other")["data"]
        assert sum(row["open"] + row["investigating"] for row in nothing) == 0


class TestHealth:
    def test_what_never_came_is_never(self, client: FlaskClient) -> None:
        found = HealthView.model_validate(get(client, "health")["data"])
        assert (found.weekly_import.state, found.weekly_import.age_hours) == ("never", None)
        assert (found.qcontact_sync.state, found.qcontact_sync.last_failure) == ("never", None)
        assert found.qcontact_sync.inbound.last_success_at is None

    def test_the_last_report(self, client: FlaskClient, connection: Connection) -> None:
        done = {"status": "completed", "phase": "finished", "total_rows": 93}
        make_weekly_report(
            connection, **done, created_at=NOON - 9 * HOUR, imported_at=NOON - 6 * HOUR, rejected_count=3
        )
        found = HealthView.model_validate(get(client, "health")["data"]).weekly_import
        assert (found.state, found.total_rows, found.rejected_rows, found.age_hours) == ("rejected_rows", 93, 3, 6.0)
        make_weekly_report(
            connection, created_at=NOON - HOUR, status="failed", phase="finished", failure_code="PARSE_ERROR",
            failure_message="Not a workbook",
        )  # fmt: skip
        found = HealthView.model_validate(get(client, "health")["data"]).weekly_import
        assert (found.state, found.failure_code, found.age_hours) == ("failed", "PARSE_ERROR", 6.0)

    def test_the_last_syncs(self, client: FlaskClient, connection: Connection) -> None:
        def log(direction: str, status: str, hours: float) -> None:
            insert(
                connection, "qcontact_sync_log", sync_direction=direction, sync_type="full_sync", status=status,
                synced_at=NOON - hours * HOUR, error_message="Timed out" if status == "failed" else None,
            )  # fmt: skip

        log("inbound", "failed", 3)
        log("inbound", "success", 2)
        log("inbound", "success", 30)
        found = HealthView.model_validate(get(client, "health")["data"]).qcontact_sync
        assert (found.state, found.inbound.state, found.outbound.state) == ("ok", "ok", "never")
        assert (found.inbound.succeeded, found.inbound.failed) == (1, 1)
        log("outbound", "partial", 2)
        log("outbound", "failed", 1)
        found = HealthView.model_validate(get(client, "health")["data"]).qcontact_sync
        assert (found.state, found.inbound.state, found.outbound.state) == ("failing", "ok", "failing")
        assert found.last_failure is not None
        assert found.last_failure["sync_direction"] == "outbound"
        assert found.last_failure["error_message"] == "Timed out"


class TestProof:
    @pytest.mark.parametrize(("path", "role"), [("prove", "operator"), ("rebuild", "admin")])
    def test_two_who_ask_at_once_get_one_job(
        self, app: Flask, platform: Platform, connection: Connection, path: str, role: Any
    ) -> None:
        client = client_as(app, platform, role)
        headers = dict(client.environ_base)

        def ask() -> Any:
            with app.test_client() as own:
                own.environ_base.update(headers)
                return own.post(f"{API}/totals/{path}")

        answers, _ = race([ask, ask])
        assert [answer.status_code for answer in answers] == [202, 202]
        assert sorted(answer.get_json()["data"]["existing"] for answer in answers) == [False, True]
        assert len({answer.get_json()["data"]["job_id"] for answer in answers}) == 1
        audited = connection.execute("select count(*) as n from operator_audit").fetchone()
        assert audited == {"n": 1 if path == "rebuild" else 0}

    def test_a_manager_may_prove_and_not_rebuild(self, app: Flask, platform: Platform) -> None:
        client = client_as(app, platform, "manager")
        assert client.post(f"{API}/totals/prove").status_code == 202
        assert client.post(f"{API}/totals/rebuild").status_code == 403


@pytest.fixture(scope="module")
def many(module_connection: Connection) -> Connection:
    """A database of many tickets, most of the open ones overdue and noted; the tests below only read."""
    make_many_tickets(module_connection, MANY)
    module_connection.execute(
        "update tickets set sla_target_minutes = 2880, sla_due_at = reported_at, sla_breached = true,"
        " sla_breached_at = reported_at where status <> 'closed' and ticket_uid not like '%77'"
    )
    module_connection.execute(
        "update tickets set sla_due_at = %s, sla_next_check_at = %s where status <> 'closed'"
        " and ticket_uid like '%%77'",
        [NOON, NOON],
    )
    module_connection.execute("vacuum analyze tickets")
    return module_connection


def scans(connection: Connection, statement: str, **parameters: Any) -> set[str]:
    """By which kinds of scan, or which indexes, a statement reads tickets."""
    row = connection.execute("explain (format json) " + statement, parameters, prepare=False).fetchone()
    assert row is not None
    return {
        node.get("Index Name", node["Node Type"])
        for node in nodes(row["QUERY PLAN"][0]["Plan"])
        if node.get("Relation Name") == "tickets"
        or ("Bitmap Index" in node["Node Type"] and node["Index Name"] != "ticket_totals_key")
    }


LATE = {"tickets_sla_next_check_at_idx", "tickets_late_unswept_idx"}


@pytest.mark.parametrize("narrowed", [False, True], ids=["all", "of a project"])
def test_of_the_tickets_figures_read_only_what_nobody_noted_yet(many: Connection, narrowed: bool) -> None:
    project = many.execute("select id from projects limit 1").fetchone()
    assert project is not None
    values = {"project": project["id"] if narrowed else None, "from_day": None, "to_day": None, "now": NOON}
    assert scans(many, queries("dashboard").summarise.sql, **values, zone="Africa/Johannesburg") == LATE
    assert scans(many, queries("dashboard").list_workload.sql, active_only=True, now=NOON, most=10) == LATE


@pytest.mark.parametrize("after", [None, NOON - timedelta(days=300)], ids=["from the start", "further on"])
def test_lists_read_by_an_index_in_their_own_order(many: Connection, after: Any) -> None:
    values = {"now": NOON, "after_at": after, "after_id": uuid4() if after else None, "row_limit": 51}
    assert scans(many, queries("dashboard").list_overdue.sql, project=None, **values) == {"tickets_sla_due_at_idx"}
    assert scans(many, queries("dashboard").list_recent.sql, project=None, **values) == {"tickets_created_at_idx"}
    project = many.execute("select id from projects limit 1").fetchone()
    assert project is not None
    recent = scans(many, queries("dashboard").list_recent.sql, project=project["id"], **values)
    assert recent == {"tickets_project_id_idx"}
