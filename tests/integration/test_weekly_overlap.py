"""Reading a sheet while its earlier rows are written: order, clocks and progress are those of one after the other."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from jobs.context import JobContext
from jobs.kinds.import_weekly_report import confirm
from tests.factories import make_project
from tests.factories.sla import put_target
from tests.factories.weekly import import_report, upload_report, weekly_row, weekly_workbook
from tests.running import run_jobs
from ticketing.people import SYSTEM

if TYPE_CHECKING:
    from jobs.platform import Platform

CLOCK = (
    "sla_due_at, sla_first_response_due_at, sla_target_minutes, sla_round_the_clock, sla_next_check_at, sla_breached"
)


@pytest.fixture
def platform(platform: Platform) -> Platform:
    """The platform, with the queues that a process declares when it starts, and batches of ten rows."""
    platform.declare()
    platform.settings = platform.settings.model_copy(update={"import_batch_rows": 10})
    return platform


def read(platform: Platform, statement: str) -> list[dict[str, Any]]:
    with platform.read() as connection:
        return connection.execute(statement).fetchall()


def told(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int | None, str | None]]:
    """What the job tells of its progress from now on; those that follow it speak of other phases."""
    seen: list[tuple[int, int | None, str | None]] = []
    whole = JobContext.progress

    def progress(job: JobContext, done: int, total: int | None = None, phase: str | None = None) -> None:
        if phase in ("reading", "importing"):
            seen.append((done, total, phase))
        whole(job, done, total, phase)

    monkeypatch.setattr(JobContext, "progress", progress)
    return seen


def test_tickets_are_numbered_in_the_order_of_the_sheet(platform: Platform) -> None:
    references = [f"FT{(number * 37) % 100 + 500}" for number in range(95)]
    import_report(platform, *[weekly_row(FT_Ref=reference) for reference in references])
    made = read(platform, "select external_id from tickets where external_id is not null order by ticket_uid")
    assert [ticket["external_id"] for ticket in made] == references


def test_reading_is_told_before_anything_is_written(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    platform.settings = platform.settings.model_copy(update={"import_batch_rows": 250})
    rows = [weekly_row(FT_Ref=f"FT{number}") for number in range(600)]
    upload_report(platform, weekly_workbook(*rows))
    seen = told(monkeypatch)
    run_jobs(platform)
    phases = [phase for _, _, phase in seen]
    reading = [done for done, _, phase in seen if phase == "reading"]
    assert reading == [0, 0, 100, 200]
    assert phases.index("importing") == len(reading)
    assert [done for done, _, phase in seen if phase == "importing"] == [250, 500, 600]
    assert {total for _, total, _ in seen} == {600}


def test_a_preview_reads_on_where_it_told(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    upload_report(platform, weekly_workbook(*[weekly_row(FT_Ref=f"FT{number}") for number in range(25)]), preview=True)
    seen = told(monkeypatch)
    run_jobs(platform)
    assert [done for done, _, phase in seen if phase == "reading"] == [0, 0, 10, 20, 25]


def test_clocks_computed_ahead_are_those_of_a_confirmed_import(platform: Platform) -> None:
    with platform.begin(SYSTEM) as work:
        project = make_project(work.connection, code="LAW", name="Lawley")
    put_target(platform, project["id"], "high", 30, 90, round_the_clock=True)
    times = [datetime(2020, 5, 4, 11) + timedelta(hours=7 * hours) for hours in range(30)]  # noqa: DTZ001
    choices = [(at, area, priority) for at in times for area, priority in (("LAW", "High"), (None, "Low"))]

    def rows(first: int) -> list[dict[str, Any]]:
        return [
            weekly_row(FT_Ref=f"FT{first + number}", DR_Number=None, Date_Logged=at, Area=area, Priority=priority)
            for number, (at, area, priority) in enumerate(choices)
        ]

    import_report(platform, *rows(1_000))
    checked = upload_report(platform, weekly_workbook(*rows(2_000)), preview=True)
    run_jobs(platform)
    with platform.begin(SYSTEM) as work:
        confirm(work, checked.report_id)
    run_jobs(platform)
    clocks = f"select {CLOCK} from tickets where external_id like"
    ahead = read(platform, f"{clocks} 'FT1%' order by external_id")
    assert len(ahead) == len(choices)
    assert ahead == read(platform, f"{clocks} 'FT2%' order by external_id")


def test_a_row_without_a_date_starts_its_clock_when_its_ticket_is_made(platform: Platform) -> None:
    import_report(platform, weekly_row(Date_Logged=None, Priority="Low"))
    (made,) = read(platform, "select reported_at = created_at as now, sla_due_at > created_at as runs from tickets")
    assert made == {"now": True, "runs": True}
    (checked,) = read(platform, "select sla_next_check_at < sla_due_at as before_it from tickets")
    assert checked["before_it"]
