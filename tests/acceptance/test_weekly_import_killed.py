"""A weekly import whose worker is killed: it goes on where it stopped, without a double or missing row."""

from __future__ import annotations

from pathlib import Path

import pytest

from jobs.kinds.import_weekly_report import confirm
from runtime.settings import Settings
from tests.acceptance.system import QUICK, System, system
from tests.factories.weekly import upload_report, weekly_row, weekly_workbook
from ticketing.people import SYSTEM

pytestmark = pytest.mark.acceptance

ROWS = 2_000
# Long enough for signs of life from a worker that is busy on a busy machine: one attempt is lost, and one only.
SETTINGS = QUICK | {"worker_lost_after": 8.0, "import_batch_rows": 20}
IMPORTED = "select id from tickets where source = 'weekly_report'"
IMPORTS = "select id from jobs where kind = 'import_weekly_report'"
LOST = f"select count(*) from job_attempts where outcome = 'lost' and job_id in ({IMPORTS})"
KINDS = {"FIBREFLOW_JOB_MODULES": "jobs.kinds"}


def workbook() -> bytes:
    return weekly_workbook(*[weekly_row(FT_Ref=f"FT{number}") for number in range(ROWS)])


def kill_amid_the_import(it: System) -> int:
    """Start a worker, kill it amid the import, start another one; return how many tickets there were in between."""
    it.processes.scheduler(**KINDS)
    workers = it.processes.workers(1, **KINDS)
    it.wait(lambda: it.number("select count(*) from tickets") >= ROWS // 10, "the import is under way")
    it.processes.kill(workers)
    there = it.number("select count(*) from tickets")
    it.processes.workers(1, **KINDS)
    return there


def assert_every_row_once(it: System) -> None:
    counts = (
        "select count(*) from tickets where source = 'weekly_report'",
        "select count(distinct external_id) from tickets where source = 'weekly_report'",
        "select count(*) from ticket_events where event_type = 'ticket_created' and details ? 'report_uid'",
        f"select count(*) / 12 from verification_steps where ticket_id in ({IMPORTED})",
        "select count(*) from weekly_report_rows where outcome = 'created' and ticket_id is not null",
        "select created_count from weekly_reports",
        "select processed_rows from weekly_reports",
    )
    assert [it.number(count) for count in counts] == [ROWS] * len(counts)


def wait_for_import(it: System) -> None:
    unfinished = "select count(*) from jobs where kind = 'import_weekly_report' and state <> 'completed'"
    it.wait(lambda: it.number(unfinished) == 0, "the import is complete")


def test_an_import_goes_on_where_its_killed_worker_stopped(settings: Settings, logs: Path) -> None:
    with system(settings, logs, **SETTINGS) as it:
        upload_report(it.platform, workbook())
        there = kill_amid_the_import(it)
        assert 0 < there < ROWS
        wait_for_import(it)
        assert_every_row_once(it)
        assert it.number(LOST) == 1


def test_a_confirmed_import_goes_on_too(settings: Settings, logs: Path) -> None:
    with system(settings, logs, **SETTINGS) as it:
        report_id = upload_report(it.platform, workbook(), preview=True).report_id
        first = it.processes.workers(1, **KINDS)
        it.wait_for_completion(1)
        it.processes.kill(first)
        assert it.number("select count(*) from tickets") == 0
        with it.platform.begin(SYSTEM) as work:
            confirm(work, report_id)
        assert 0 < kill_amid_the_import(it) < ROWS
        wait_for_import(it)
        assert_every_row_once(it)
