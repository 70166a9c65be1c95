"""Billing on a real database and over HTTP: who pays, for whom, and on which side of a period's border."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from openpyxl import load_workbook

from admin_api.api import billing as routes
from admin_api.app import create_app
from jobs.platform import Platform
from runtime.settings import Settings
from sql.database import Connection, queries
from tests.clocks import FixedClock
from tests.factories import Row, make_contractor, make_project, make_ticket
from tests.factories.access import client_as
from ticketing import billing
from ticketing.billing import BillingRequest
from ticketing.exports.reports import Reader
from ticketing.people import SYSTEM

API = "/api/ticketing"
# November in Johannesburg: from 31 October 22:00 in UTC until 30 November 22:00.
MONTH = datetime(2026, 10, 31, 22, tzinfo=UTC)
NEXT_MONTH = datetime(2026, 11, 30, 22, tzinfo=UTC)
TICK = timedelta(microseconds=1)


@pytest.fixture
def platform(settings: Settings) -> Iterator[Platform]:
    platform = Platform.connect(settings, clock=FixedClock(datetime(2026, 11, 20, 10, tzinfo=UTC)))
    yield platform
    platform.close()


@pytest.fixture
def app(platform: Platform) -> Flask:
    return create_app(platform=platform, blueprints=[routes.api])


@pytest.fixture
def client(app: Flask, platform: Platform) -> FlaskClient:
    return client_as(app, platform, "manager")


def closed(connection: Connection, at: datetime, classification: str | None, **columns: Any) -> Row:
    billable = classification in {"client_out_of_guarantee", "client_damage", "third_party_damage"}
    return make_ticket(
        connection,
        status="closed",
        closed_at=at,
        created_at=at - timedelta(days=1),
        fault_cause="workmanship",
        billing_classification=classification,
        is_billable=billable,
        **columns,
    )


def summary(client: FlaskClient, query: str = "") -> dict[str, Any]:
    answer = client.get(f"{API}/billing/summary?{query}")
    assert answer.status_code == 200, answer.data
    data: dict[str, Any] = answer.get_json()["data"]
    return data


class TestCounting:
    def test_by_contractor_with_who_pays(self, client: FlaskClient, connection: Connection) -> None:
        first, second = (make_contractor(connection, name=name)["id"] for name in ("Alpha Fibre", "Beta Fibre"))
        for classification in ("client_damage", "contractor_under_guarantee", None):
            closed(connection, MONTH, classification, assigned_contractor_id=first)
        closed(connection, MONTH, "client_out_of_guarantee", assigned_contractor_id=second)
        closed(connection, MONTH, "free_of_charge")
        make_ticket(connection, assigned_contractor_id=first)
        found = summary(client)
        assert [(row["contractor_name"], row["tickets"], row["billable"]) for row in found["contractors"]] == [
            ("Alpha Fibre", 3, 1),
            ("Beta Fibre", 1, 1),
            (None, 1, 0),
        ]
        assert found["contractors"][0]["pending_classification"] == 1
        assert (found["totals"]["tickets"], found["totals"]["billable"], found["totals"]["not_billable"]) == (5, 2, 3)

    @pytest.mark.parametrize("query", ["", "start_date=2026-11-01", "start_date=2026-11-01&end_date=2026-11-30"])
    def test_a_ticket_belongs_to_the_local_day_of_its_closing(
        self, client: FlaskClient, connection: Connection, query: str
    ) -> None:
        closed(connection, MONTH - TICK, "client_damage")
        closed(connection, MONTH, "client_damage")
        closed(connection, NEXT_MONTH - TICK, "client_damage")
        closed(connection, NEXT_MONTH, "client_damage")
        assert summary(client, query)["totals"]["tickets"] == (2 if "end_date" in query else 3)

    def test_periods_are_local_too(self, client: FlaskClient, connection: Connection) -> None:
        for at in (MONTH - TICK, MONTH, NEXT_MONTH):
            closed(connection, at, "client_damage")
        found = summary(client, "start_date=2026-01-01&period=month")
        assert [row["period"] for row in found["contractors"]] == ["2026-10-01", "2026-11-01", "2026-12-01"]

    def test_totals_are_of_the_groups_that_are_not_shown_too(
        self, client: FlaskClient, connection: Connection, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(billing, "MOST_GROUPS", 2)
        for day, classification in enumerate(("client_damage", "client_damage", "free_of_charge")):
            closed(connection, MONTH + timedelta(days=day), classification)
        body = client.get(f"{API}/billing/summary?period=day").get_json()
        assert (len(body["data"]["contractors"]), body["meta"]["is_cut"]) == (2, True)
        totals = routes.BillingCounts.model_validate(body["data"]["totals"])
        assert (totals.tickets, totals.billable, totals.not_billable) == (3, 2, 1)
        assert (totals.client_damage, totals.free_of_charge) == (2, 1)
        routes.BillingAnswer.model_validate(body)
        assert set(body["data"]["contractors"][0]) == set(routes.BillingRow.model_fields)
        assert set(summary(client, "project_id=NOWHERE")["totals"].values()) == {0}

    def test_filters_narrow(self, client: FlaskClient, connection: Connection) -> None:
        project, company = make_project(connection, code="LAW"), make_contractor(connection)
        closed(connection, MONTH, "client_damage", project_id=project["id"])
        closed(connection, MONTH, "client_damage", assigned_contractor_id=company["id"])
        assert summary(client, "project_id=law")["totals"]["tickets"] == 1
        assert summary(client, "project_id=NOWHERE")["totals"]["tickets"] == 0
        assert summary(client, f"contractor_id={company['id']}")["totals"]["tickets"] == 1
        assert client.get(f"{API}/billing/summary?period=decade").status_code == 422

    def test_a_contractor_sees_their_own_and_a_technician_nothing(
        self, app: Flask, platform: Platform, connection: Connection
    ) -> None:
        company = make_contractor(connection)
        closed(connection, MONTH, "client_damage", assigned_contractor_id=company["id"])
        closed(connection, MONTH, "client_damage")
        contractor = client_as(app, platform, "contractor", contractor_id=company["id"])
        assert summary(contractor)["totals"]["tickets"] == 1
        assert client_as(app, platform, "technician").get(f"{API}/billing/summary").status_code == 403

    def test_it_reads_by_an_index(self, connection: Connection) -> None:
        connection.execute(
            """
            insert into tickets (source, ticket_type, title, status, fault_cause, closed_at)
            select 'ad_hoc', 'maintenance', 'No light', 'closed', 'unknown',
                '2020-01-01'::timestamptz + n * interval '3 hours'
            from generate_series(1, 20000) as n
            """
        )
        connection.execute("analyze tickets")
        wanted = BillingRequest(closed_from=datetime(2026, 11, 1, tzinfo=UTC))
        parameters = billing._parameters(connection, SYSTEM, wanted)
        others = {"period": None, "zone": "Africa/Johannesburg", "most": 10}
        place = {"after_at": None, "after_id": None, "row_limit": 10}
        for name, more in (("summarise_billing", others), ("list_billed", place)):
            statement = "explain " + getattr(queries("billing"), name).sql
            plan = "\n".join(str(row["QUERY PLAN"]) for row in connection.execute(statement, parameters | more))
            assert "tickets_closed_at_idx" in plan


class TestFiles:
    def test_a_workbook_has_the_summary_and_its_tickets(
        self, client: FlaskClient, connection: Connection, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(billing, "AT_ONCE", 2)
        company = make_contractor(connection, name="=Alpha")
        tickets = [
            closed(
                connection,
                MONTH + timedelta(hours=hour),
                "client_damage",
                assigned_contractor_id=company["id"],
                installation_date=date(2026, 3, 1),
            )
            for hour in range(3)
        ]
        answer = client.get(f"{API}/billing/summary.xlsx?start_date=2026-11-01&end_date=2026-11-30")
        book = load_workbook(io.BytesIO(answer.data))
        assert book.sheetnames == ["Summary", "Tickets"]
        rows = list(book["Summary"].iter_rows(values_only=True))
        assert [row[1:4] for row in rows] == [
            ("Contractor", "Tickets", "Billable"),
            ("'=Alpha", 3, 3),
            ("Total", 3, 3),
        ]
        lines = list(book["Tickets"].iter_rows(values_only=True, min_row=2))
        assert [line[0] for line in lines] == [ticket["ticket_uid"] for ticket in tickets]
        assert lines[0][-2:] == (datetime(2026, 11, 1), "2026-10-31T22:00:00Z")  # noqa: DTZ001 - a sheet knows no zones

    @pytest.mark.parametrize("file_format", ["xlsx", "csv"])
    def test_a_file_has_every_group_and_their_sum(
        self, client: FlaskClient, connection: Connection, monkeypatch: pytest.MonkeyPatch, file_format: str
    ) -> None:
        monkeypatch.setattr(billing, "MOST_GROUPS", 2)
        for day in range(4):
            closed(connection, MONTH + timedelta(days=day), "client_damage")
        answer = client.get(f"{API}/billing/summary.{file_format}?period=day")
        if file_format == "csv":
            rows = [list(row.values())[:3] for row in csv.DictReader(io.StringIO(answer.data.decode("utf-8-sig")))]
        else:
            sheet = load_workbook(io.BytesIO(answer.data))["Summary"]
            rows = [[str(value) for value in row[:3]] for row in sheet.iter_rows(values_only=True, min_row=2)]
        assert [row[2] for row in rows] == ["1", "1", "1", "1", "4"]
        assert rows[-1][1] == "Total"

    def test_a_csv_has_the_summary(self, client: FlaskClient, connection: Connection) -> None:
        closed(connection, MONTH, "warranty_claim")
        answer = client.get(f"{API}/billing/summary.csv")
        rows = list(csv.DictReader(io.StringIO(answer.data.decode("utf-8-sig"))))
        assert [(row["Contractor"], row["Warranty claim"]) for row in rows] == [
            ("(no contractor)", "1"),
            ("Total", "1"),
        ]

    def test_the_two_sheets_count_the_same(self, platform: Platform, connection: Connection) -> None:
        for at in (MONTH - TICK, MONTH, NEXT_MONTH - TICK, NEXT_MONTH):
            closed(connection, at, "client_damage")
        reader = Reader(platform.read, SYSTEM, MONTH)
        wanted = BillingRequest(closed_from=MONTH, closed_before=NEXT_MONTH)
        counted, listed = (list(sheet.batches) for sheet in billing.BILLING.sheets(reader, wanted))
        assert counted[0][-1]["tickets"] == sum(len(batch) for batch in listed) == 2
