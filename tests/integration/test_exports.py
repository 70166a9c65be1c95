"""Exports over HTTP and by a job: what they hold, who may have what, what is left of one that broke off."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from openpyxl import load_workbook

from admin_api import exports as answering
from admin_api.api import exports
from admin_api.api.tickets import Sorting, TicketQuery
from admin_api.app import create_app
from integrations.storage import Storage
from jobs.kinds.forget_exports import forget_exports
from jobs.platform import Platform
from jobs.procedures import exporting
from sql.database import Connection, queries
from tests.clocks import FixedClock
from tests.factories import make_contractor, make_project, make_ticket, make_user
from tests.factories.access import client_as, client_with
from tests.factories.tickets import make_many_tickets, make_readiness_check, make_risk
from tests.running import run_jobs
from ticketing.exports import reports, service
from ticketing.exports.reports import TICKETS, Reader
from ticketing.people import SYSTEM
from ticketing.risks.views import RiskFilter
from ticketing.ticket_views import TicketFilter, list_tickets
from ticketing.vocabulary import RiskStatus, Status

API = "/api/ticketing"
NOW = datetime(2026, 11, 20, 22, 30, tzinfo=UTC)


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(NOW)


@pytest.fixture
def app(platform: Platform) -> Flask:
    return create_app(platform=platform, blueprints=[exports.api])


@pytest.fixture
def client(app: Flask, platform: Platform) -> FlaskClient:
    return client_as(app, platform, "manager")


def table(answer: Any) -> list[dict[str, str]]:
    """A CSV answer as rows by header."""
    assert answer.status_code == 200, answer.data
    assert answer.data.startswith(b"\xef\xbb\xbf")
    return list(csv.DictReader(io.StringIO(answer.data.decode("utf-8-sig"), newline="")))


def sheet_of(data: bytes, name: str) -> list[dict[str, Any]]:
    headers, *rows = load_workbook(io.BytesIO(data))[name].iter_rows(values_only=True)
    return [dict(zip([str(header) for header in headers], row, strict=True)) for row in rows]


class TestTickets:
    def test_a_row_speaks_the_words_of_the_domain_in_local_time(
        self, client: FlaskClient, connection: Connection
    ) -> None:
        project = make_project(connection, code="LAW")
        company = make_contractor(connection, name="Fibre & Sons")
        person = make_user(connection, name="Sipho")
        make_ticket(
            connection,
            title='=HYPERLINK("http://evil","x")',
            description="@SUM(A1)\nsecond line, with comma",
            project_id=project["id"],
            assigned_contractor_id=company["id"],
            assigned_to=person["id"],
            ont_rx_level=-22.4,
            created_at=NOW,
        )
        (row,) = table(client.get(f"{API}/exports/tickets.csv"))
        assert row["Title"] == '\'=HYPERLINK("http://evil","x")'
        assert row["Description"] == "'@SUM(A1)\nsecond line, with comma"
        assert (row["Project"], row["Contractor"], row["Assigned to"]) == ("LAW", "Fibre & Sons", "Sipho")
        assert (row["ONT RX (dBm)"], row["Billable"]) == ("-22.4", "no")
        assert row["Created (Johannesburg)"] == "2026-11-21 00:30:00"
        assert row["Created (UTC)"] == "2026-11-20T22:30:00Z"

    def test_a_workbook_holds_the_same(self, client: FlaskClient, connection: Connection) -> None:
        ticket = make_ticket(connection, title="+27 call me", created_at=NOW)
        answer = client.get(f"{API}/exports/tickets.xlsx")
        (row,) = sheet_of(answer.data, "Tickets")
        assert (row["Ticket"], row["Title"]) == (ticket["ticket_uid"], "'+27 call me")
        assert row["Created (Johannesburg)"] == datetime(2026, 11, 21, 0, 30)  # noqa: DTZ001 - a sheet knows no zones
        assert answer.content_length == len(answer.data)
        assert answer.headers["Content-Disposition"] == "attachment; filename=tickets-2026-11-21.xlsx"

    def test_every_filter_of_the_list_is_a_filter_of_the_export(self, client: FlaskClient) -> None:
        assert set(TicketQuery.model_fields) - set(Sorting.model_fields) == set(TicketFilter.__dataclass_fields__)
        wanted = TicketQuery.model_validate(dict.fromkeys(("status", "priority"), "") | {"dr_number": "DR1"}).filter()
        assert service.read_filter(TICKETS, service.plain_filter(wanted)) == wanted

    def test_filters_narrow(self, client: FlaskClient, connection: Connection) -> None:
        make_ticket(connection)
        urgent = make_ticket(connection, priority="urgent", dr_number="DR1900001")
        for query in ("priority=urgent", "dr_number=dr1900001"):
            rows = table(client.get(f"{API}/exports/tickets.csv?{query}"))
            assert [row["Ticket"] for row in rows] == [urgent["ticket_uid"]]
        assert client.get(f"{API}/exports/tickets.csv?status=broken").status_code == 422

    def test_each_ticket_comes_once_over_many_batches(
        self, client: FlaskClient, connection: Connection, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(reports, "AT_ONCE", 7)
        make_many_tickets(connection, 50)
        rows = table(client.get(f"{API}/exports/tickets.csv"))
        assert len({row["Ticket"] for row in rows}) == len(rows) == 50
        assert [row["Created (UTC)"] for row in rows] == sorted((row["Created (UTC)"] for row in rows), reverse=True)

    def test_everybody_takes_what_they_see(self, app: Flask, platform: Platform, connection: Connection) -> None:
        company = make_contractor(connection)
        own = make_ticket(connection, assigned_contractor_id=company["id"])
        make_ticket(connection)
        contractor = client_as(app, platform, "contractor", contractor_id=company["id"])
        assert [row["Ticket"] for row in table(contractor.get(f"{API}/exports/tickets.csv"))] == [own["ticket_uid"]]
        technician = client_as(app, platform, "technician")
        assert table(technician.get(f"{API}/exports/tickets.csv")) == []

    def test_who_took_what_away_is_written_down(self, client: FlaskClient, connection: Connection) -> None:
        client.get(f"{API}/exports/tickets.csv?status=open")
        (row,) = connection.execute("select action, target_id, details from operator_audit").fetchall()
        assert row == {
            "action": "data_exported",
            "target_id": "tickets",
            "details": {"format": "csv", "filters": {"status": "open"}},
        }

    def test_a_long_workbook_is_for_a_job(
        self, client: FlaskClient, connection: Connection, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(answering, "MOST_ROWS_AT_ONCE", 1)
        make_ticket(connection)
        assert client.get(f"{API}/exports/tickets.xlsx").status_code == 200
        make_ticket(connection)
        answer = client.get(f"{API}/exports/tickets.xlsx")
        assert (answer.status_code, answer.get_json()["error"]["code"]) == (409, "CONDITION_NOT_MET")
        assert client.get(f"{API}/exports/tickets.csv").status_code == 200

    def test_an_unknown_format_is_refused_with_the_known_ones(self, client: FlaskClient) -> None:
        answer = client.get(f"{API}/exports/tickets.docx")
        assert answer.status_code == 422
        assert answer.get_json()["error"]["details"]["valid_values"] == ["xlsx", "csv"]

    def test_one_that_breaks_off_never_ends_well(
        self, client: FlaskClient, connection: Connection, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(reports, "AT_ONCE", 500)
        make_many_tickets(connection, 1_100)
        read, calls = list_tickets, iter(range(10))

        def failing(*arguments: Any) -> Any:
            if next(calls) == 2:
                raise RuntimeError("the database went away")
            return read(*arguments)

        monkeypatch.setattr(reports, "list_tickets", failing)
        answer = client.get(f"{API}/exports/tickets.csv")
        assert next(calls) == 1, "sent while it is read: the second batch is not asked for yet"
        with pytest.raises(RuntimeError, match="went away"):
            assert answer.data


class TestOtherReports:
    def test_jobs_are_for_those_who_see_jobs(self, app: Flask, platform: Platform) -> None:
        with platform.begin(SYSTEM) as work:
            work.enqueue(forget_exports)
        rows = table(client_as(app, platform, "operator").get(f"{API}/exports/jobs.csv?kind=forget_exports"))
        assert [(row["Kind"], row["State"]) for row in rows] == [("forget_exports", "available")]
        for role in ("technician", "contractor", "qa"):
            other = client_as(app, platform, role)
            assert other.get(f"{API}/exports/jobs.csv").status_code == 403
            assert other.post(f"{API}/exports", json={"report": "jobs"}).status_code == 403

    def test_risks(self, client: FlaskClient, connection: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(reports, "AT_ONCE", 2)
        ticket = make_ticket(connection)
        for _ in range(3):
            make_risk(connection, ticket["id"], outstanding_steps=[5, 7])
        rows = table(client.get(f"{API}/exports/risks.csv?status=active"))
        assert [row["Outstanding steps"] for row in rows] == ["5; 7"] * 3
        assert table(client.get(f"{API}/exports/risks.csv?status=resolved")) == []

    def test_readiness(self, client: FlaskClient, connection: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(reports, "AT_ONCE", 1)
        ticket = make_ticket(connection)
        make_readiness_check(connection, ticket["id"], checked_at=NOW)
        make_readiness_check(connection, ticket["id"], passed=False, checked_at=NOW + timedelta(days=1))
        assert [row["Passed"] for row in table(client.get(f"{API}/exports/readiness.csv"))] == ["no", "yes"]
        rows = table(client.get(f"{API}/exports/readiness.csv?passed=true&start_date=2026-11-21&end_date=2026-11-21"))
        assert [row["Checked (Johannesburg)"] for row in rows] == ["2026-11-21 00:30:00"]

    def test_fault_trends(self, client: FlaskClient, connection: Connection) -> None:
        for cause in ("workmanship", "workmanship", "vandalism"):
            make_ticket(connection, fault_cause=cause)
        rows = table(client.get(f"{API}/exports/fault-trends.csv"))
        assert [(row["Value"], row["Faults"], row["Share (%)"]) for row in rows] == [
            ("workmanship", "2", "66.67"),
            ("vandalism", "1", "33.33"),
        ]

    def test_filters_survive_being_kept(self) -> None:
        wanted = RiskFilter(statuses=(RiskStatus.ACTIVE, RiskStatus.EXPIRED), expiring_within_days=7)
        assert service.read_filter(reports.RISKS, service.plain_filter(wanted)) == wanted


class TestByAJob:
    def request(self, client: FlaskClient, **body: Any) -> dict[str, Any]:
        answer = client.post(f"{API}/exports", json={"report": "tickets"} | body)
        assert answer.status_code == 202, answer.data
        shown: dict[str, Any] = answer.get_json()["data"]
        return shown

    def test_the_whole_way(
        self, app: Flask, client: FlaskClient, platform: Platform, connection: Connection, clock: FixedClock
    ) -> None:
        make_ticket(connection, status="open")
        make_ticket(connection, status="in_progress")
        asked = self.request(client, filters={"status": "open"})
        assert (asked["status"], asked["download_url"]) == ("waiting", None)
        run_jobs(platform)
        shown = client.get(f"{API}/exports/{asked['id']}").get_json()["data"]
        assert (shown["status"], shown["row_count"]) == ("finished", 1)
        # The link is good for whoever holds it, and for nothing else than this export, and not for ever.
        anybody = client_with(app)
        fetched = anybody.get(shown["download_url"])
        assert len(fetched.data) == shown["file_size"] == fetched.content_length
        assert [row["Status"] for row in sheet_of(fetched.data, "Tickets")] == ["open"]
        other = "1" if shown["download_url"].endswith("0") else "0"
        assert anybody.get(shown["download_url"][:-1] + other).status_code == 403
        assert anybody.get(shown["download_url"].replace("expires=", "expires=9")).status_code == 403
        clock.advance(timedelta(hours=2))
        assert anybody.get(shown["download_url"]).status_code == 403
        (audit,) = connection.execute("select details from operator_audit").fetchall()
        assert audit["details"]["export_id"] == asked["id"]

    def test_a_csv_by_a_job_is_the_same_as_a_streamed_one(
        self, app: Flask, client: FlaskClient, platform: Platform, connection: Connection
    ) -> None:
        make_many_tickets(connection, 20)
        asked = self.request(client, format="csv")
        run_jobs(platform)
        shown = client.get(f"{API}/exports/{asked['id']}").get_json()["data"]
        assert client_with(app).get(shown["download_url"]).data == client.get(f"{API}/exports/tickets.csv").data

    def test_it_shows_what_the_asker_sees(self, app: Flask, platform: Platform, connection: Connection) -> None:
        company = make_contractor(connection)
        make_ticket(connection, assigned_contractor_id=company["id"])
        make_ticket(connection)
        contractor = client_as(app, platform, "contractor", contractor_id=company["id"])
        asked = self.request(contractor)
        run_jobs(platform)
        assert contractor.get(f"{API}/exports/{asked['id']}").get_json()["data"]["row_count"] == 1

    def test_others_do_not_see_it_and_an_admin_does(
        self, app: Flask, client: FlaskClient, platform: Platform, connection: Connection
    ) -> None:
        asked = self.request(client)
        other, admin = (client_as(app, platform, role) for role in ("manager", "admin"))
        assert other.get(f"{API}/exports/{asked['id']}").status_code == 404
        assert other.get(f"{API}/exports").get_json()["data"] == []
        for who in (client, admin):
            assert [row["id"] for row in who.get(f"{API}/exports").get_json()["data"]] == [asked["id"]]

    def test_one_that_failed_or_was_cancelled_leaves_no_file(
        self, client: FlaskClient, platform: Platform, connection: Connection, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        make_ticket(connection)
        asked = self.request(client)

        def breaking(*_: Any) -> Iterator[Any]:
            yield [make_ticket(connection)]
            raise RuntimeError("killed half-way")

        monkeypatch.setattr(reports, "read_tickets", breaking)
        run_jobs(platform)
        shown = client.get(f"{API}/exports/{asked['id']}").get_json()["data"]
        assert (shown["status"], shown["download_url"]) == ("waiting", None)
        assert not list(Storage.from_settings(platform.settings).stored("exports"))
        connection.execute("update jobs set state = 'cancelled', finished_at = now() where id = %s", [shown["job_id"]])
        assert client.get(f"{API}/exports/{asked['id']}").get_json()["data"]["status"] == "cancelled"

    def test_old_ones_are_forgotten_with_their_files(
        self, client: FlaskClient, platform: Platform, connection: Connection, clock: FixedClock
    ) -> None:
        asked = self.request(client)
        run_jobs(platform)
        storage = Storage.from_settings(platform.settings)
        assert storage.exists(f"exports/{asked['id']}.xlsx")
        clock.advance(service.KEPT_FOR)
        with platform.begin(SYSTEM) as work:
            work.enqueue(forget_exports)
        (row,) = run_jobs(platform)
        assert row["result"] == {"forgotten": 1}
        assert not storage.exists(f"exports/{asked['id']}.xlsx")
        assert client.get(f"{API}/exports/{asked['id']}").status_code == 404

    @pytest.mark.parametrize(
        "body",
        [
            {"report": "secrets"},
            {"report": "tickets", "format": "pdf"},
            {"report": "tickets", "filters": {"status": "broken"}},
            {"report": "readiness", "filters": {"start_date": "yesterday"}},
        ],
    )
    def test_what_makes_no_sense_is_refused(self, client: FlaskClient, body: dict[str, Any]) -> None:
        assert client.post(f"{API}/exports", json=body).status_code == 422


def test_batches_are_led_by_an_index(platform: Platform, connection: Connection) -> None:
    """An export reads by the list's own query; what is its own is the look-up of names and the runs of the check."""
    make_many_tickets(connection, 20_000)
    statement = queries("exports").list_ticket_names.sql
    ids = [row["id"] for row in connection.execute("select id from tickets order by created_at desc limit 1000")]
    plan = connection.execute(f"explain {statement}", {"ticket_ids": ids}).fetchall()
    assert "Seq Scan on tickets" not in "\n".join(str(row["QUERY PLAN"]) for row in plan)


def test_no_session_is_held_between_batches(platform: Platform, connection: Connection) -> None:
    make_many_tickets(connection, 1_200)
    reader = Reader(platform.read, SYSTEM, NOW)
    pieces = exporting.csv_of(TICKETS, reader, TicketFilter(status=Status.OPEN))
    assert next(pieces)
    statistics = platform.database.statistics()
    assert statistics["pool_size"] - statistics["pool_available"] == 1, "only the test's own connection is out"
