"""Fault trends and SLA in the console: what is drawn is what is counted, and filters change it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.clocks import FixedClock
from tests.console import open_console, text_of
from tests.factories import make_contractor, make_project, make_ticket
from tests.factories.access import make_api_key
from tests.factories.sla import create
from ticketing.days import local_day

if TYPE_CHECKING:
    from jobs.platform import Platform

FAULTS = "/console/faults"
SLA = "/console/sla"


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(datetime(2026, 11, 20, 10, tzinfo=UTC))


@pytest.fixture
def viewer(app: Flask, platform: Platform) -> FlaskClient:
    return open_console(app, make_api_key(platform, "viewer"))


def report(platform: Platform, days_ago: int = 1, **columns: Any) -> None:
    with platform.read() as connection:
        make_ticket(connection, created_at=platform.clock.now() - timedelta(days=days_ago), **columns)


def row_of(label: str, *values: str) -> str:
    """A line of the table under a chart."""
    return f'<th scope="row">{label}</th>' + "".join(f'<td class="number">{value}</td>' for value in values)


class TestFaults:
    def test_without_faults_the_page_says_so(self, viewer: FlaskClient) -> None:
        assert "No faults to show" in text_of(viewer, FAULTS)

    @pytest.mark.parametrize("page", [FAULTS, SLA])
    def test_a_week_is_shown_and_the_way_to_more(self, viewer: FlaskClient, platform: Platform, page: str) -> None:
        assert 'aria-current="page">7 days</a>' in text_of(viewer, page)
        start = local_day(platform.clock.now()) - timedelta(days=29)
        more = f"{page}?start_date={start}"
        assert f'href="{more}"' in text_of(viewer, page)
        assert 'aria-current="page">30 days</a>' in text_of(viewer, more)

    def test_by_cause_over_weeks(self, viewer: FlaskClient, platform: Platform) -> None:
        for cause in ("vandalism", "vandalism", "workmanship", None):
            report(platform, fault_cause=cause)
        report(platform, days_ago=22, fault_cause="vandalism")
        start = (platform.clock.now() - timedelta(days=60)).date()
        text = text_of(viewer, f"{FAULTS}?period=week&start_date={start}")
        assert "5 faults from" in text
        assert row_of("Not told yet", "1") in text
        assert ">Vandalism</a></th><td" in text
        assert text.count("<title>Faults in each week</title>") == 1
        assert "All others" not in text
        assert "no room" not in text
        assert "<svg" in text
        assert " style=" not in text

    @pytest.mark.parametrize(
        ("by", "columns", "label"),
        [
            ("pole_number", {"pole_number": "LAW.P.A002"}, "LAW.P.A002"),
            ("pon_number", {"pon_number": "7"}, "7 (LAW)"),
            ("zone_id", {"zone": "3"}, "3 (LAW)"),
            ("dr_number", {"dr_number": "DR1737348"}, "DR1737348"),
        ],
    )
    def test_by_place_each_leads_to_its_look(
        self, viewer: FlaskClient, platform: Platform, by: str, columns: dict[str, Any], label: str
    ) -> None:
        with platform.read() as connection:
            project = make_project(connection, code="LAW")["id"]
        report(platform, project_id=project, **columns)
        text = text_of(viewer, f"{FAULTS}?group_by={by}&period=month")
        assert f">{label}</a>" in text
        (look,) = {
            part.split('"')[0] for part in text.split('href="')[1:] if part.startswith("/console/repeat-faults/")
        }
        assert f"{next(iter(columns.values()))}</h2>" in text_of(viewer, look.replace("&amp;", "&"))

    def test_by_company_the_smallest_are_put_together(self, viewer: FlaskClient, platform: Platform) -> None:
        with platform.read() as connection:
            companies = [make_contractor(connection, name=f"Company {number}")["id"] for number in range(7)]
        for number, company in enumerate(companies):
            for _ in range(2 if number < 5 else 1):
                report(platform, assigned_contractor_id=company)
        text = text_of(viewer, f"{FAULTS}?group_by=assigned_contractor_id&period=day")
        assert "Company 6" in text
        assert "All others" in text

    def test_filters_narrow(self, viewer: FlaskClient, platform: Platform) -> None:
        report(platform, fault_cause="vandalism")
        report(platform, days_ago=200, fault_cause="workmanship")
        assert "Workmanship</a>" not in text_of(viewer, FAULTS)
        assert "Faults in each day" in text_of(viewer, FAULTS)
        assert "Faults in each week" in text_of(viewer, f"{FAULTS}?start_date=2026-05-01&end_date=2026-11-01")
        wide = text_of(viewer, f"{FAULTS}?start_date=2020-01-01")
        assert "Workmanship</a>" in wide
        assert "Faults in each month" in wide
        assert "No faults to show" in text_of(viewer, f"{FAULTS}?fault_cause=client_damage")
        assert "Vandalism" in text_of(viewer, f"{FAULTS}?group_by=period")
        text_of(viewer, f"{FAULTS}?group_by=colour", 422)
        text_of(viewer, f"{FAULTS}?start_date=yesterday", 422)

    def test_who_works_on_site_counts_their_own(self, app: Flask, platform: Platform) -> None:
        report(platform, fault_cause="vandalism")
        browser = open_console(app, make_api_key(platform, "technician"))
        assert "No faults to show" in text_of(browser, FAULTS)


class TestSla:
    def test_without_tickets_the_page_says_so(self, viewer: FlaskClient) -> None:
        text = text_of(viewer, SLA)
        assert "Nothing to measure" in text
        assert "Nothing is overdue" in text
        assert "Round the clock" in text

    def test_figures_chart_and_what_is_overdue(self, viewer: FlaskClient, platform: Platform) -> None:
        late, running = create(platform, priority="high", title="No <light>"), create(platform, priority="low")
        with platform.read() as connection:
            connection.execute(
                "update tickets set sla_due_at = %s, sla_next_check_at = %s where id = %s",
                [platform.clock.now() - timedelta(hours=3), platform.clock.now(), late["id"]],
            )
        text = text_of(viewer, SLA)
        assert '<span class="value">0 %</span>' in text
        assert ">High</a></th>" in text
        assert '<td class="number">0</td><td class="number">0</td><td class="number">1</td>' in text
        assert "Share in time, by day of the report" in text
        assert "No &lt;light&gt;" in text
        assert running["ticket_uid"] not in text
        assert ">3 h<" in text
        assert " style=" not in text

    def test_shorter_periods_than_a_chart_has_room_for_are_counted_together(
        self, viewer: FlaskClient, platform: Platform
    ) -> None:
        report(platform, fault_cause="vandalism")
        create(platform)
        for page, title in ((FAULTS, "Faults in each week"), (SLA, "Share in time, by week of the report")):
            start = (platform.clock.now() - timedelta(days=100)).date()
            text = text_of(viewer, f"{page}?period=day&start_date={start}")
            assert (title in text, "counted by the week" in text) == (True, True)

    @pytest.mark.parametrize("by", ["priority", "project", "contractor"])
    def test_groups_lead_to_themselves(self, viewer: FlaskClient, platform: Platform, by: str) -> None:
        with platform.read() as connection:
            project = make_project(connection, code="LAW", name="Lawley")
            company = make_contractor(connection, name="Velocity")
        create(platform, project_id=str(project["id"]), assigned_contractor_id=str(company["id"]))
        create(platform)
        text = text_of(viewer, f"{SLA}?group_by={by}&period=day")
        label = {"priority": "Normal", "project": "Lawley", "contractor": "Velocity"}[by]
        [found] = [part for part in text.split('<th scope="row"><a href="')[1:] if f">{label}</a>" in part[:400]]
        assert "Due times by" in text_of(viewer, found.split('"')[0].replace("&amp;", "&"))

    def test_targets_are_of_the_project_asked_for(self, viewer: FlaskClient, platform: Platform) -> None:
        with platform.read() as connection:
            make_project(connection, code="LAW")
        assert "General" in text_of(viewer, f"{SLA}?project_id=LAW")
        assert "General" not in text_of(viewer, SLA)

    def test_what_makes_no_sense_is_told(self, viewer: FlaskClient) -> None:
        text_of(viewer, f"{SLA}?group_by=colour", 422)
        text_of(viewer, f"{SLA}?start_date=2026-11-22&end_date=2026-11-01", 422)
        text_of(viewer, f"{SLA}?cursor=x", 422)
