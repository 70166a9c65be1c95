"""A report between its upload and somebody's word: its check, what may be decided when, and a job that is gone."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest

from jobs.kinds.import_weekly_report import confirm, dismiss
from jobs.procedures import weekly_staging
from scheduler.pruner import Pruner
from tests.factories.weekly import upload_report, weekly_row, weekly_workbook
from tests.running import job_row, run_jobs
from ticketing.errors import ConditionNotMet
from ticketing.people import SYSTEM
from ticketing.weekly_reports import previews, views
from ticketing.weekly_reports.service import UnreadableReport

if TYPE_CHECKING:
    from jobs.kinds.import_weekly_report import Submitted
    from jobs.platform import Platform
    from jobs.work import Work

ROWS = [weekly_row(FT_Ref="FT1"), weekly_row(FT_Ref="FT2")]


@pytest.fixture
def platform(platform: Platform) -> Platform:
    """The platform, with the queues that a process declares when it starts."""
    platform.declare()
    return platform


def execute(platform: Platform, statement: str, *parameters: Any) -> None:
    with platform.begin(SYSTEM) as work:
        work.connection.execute(statement, parameters)


def report(platform: Platform, report_id: UUID) -> dict[str, Any]:
    with platform.read() as connection:
        found = connection.execute("select * from weekly_reports where id = %s", [report_id]).fetchone()
    assert found is not None
    return found


def shown(platform: Platform, report_id: UUID) -> dict[str, Any]:
    """A report as the API shows it."""
    with platform.read() as connection:
        return views.detail(connection, report_id, batch_rows=1_000, now=platform.clock.now())


def check_again(platform: Platform, submitted: Submitted) -> None:
    """Have the report's check run another time, as after an attempt that was killed."""
    execute(
        platform,
        "update jobs set state = 'available', scheduled_at = now(), finished_at = null, prune_after = null,"
        " result = null where id = %s",
        submitted.job.id,
    )
    run_jobs(platform)


def killed_while_comparing(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> Submitted:
    """A report whose rows are all staged and whose preview is not kept."""

    def killed(*_: Any) -> Any:
        raise ConnectionResetError("the machine went away")

    submitted = upload_report(platform, weekly_workbook(*ROWS), preview=True)
    with monkeypatch.context() as patched:
        patched.setattr(previews, "build", killed)
        (job,) = run_jobs(platform)
    assert job["state"] == "retryable"
    return submitted


@pytest.mark.parametrize("decide", [confirm, lambda work, report_id: dismiss(work, report_id, None)])
def test_nothing_can_be_decided_before_the_preview_is_kept(
    platform: Platform, monkeypatch: pytest.MonkeyPatch, decide: Callable[[Work, UUID], Any]
) -> None:
    submitted = killed_while_comparing(platform, monkeypatch)
    with platform.read() as connection:
        told = views.preview(connection, submitted.report_id)
    assert (told["phase"], told["can_confirm"], told["preview"]) == ("checking", False, None)
    with platform.begin(SYSTEM) as work, pytest.raises(ConditionNotMet):
        decide(work, submitted.report_id)
    check_again(platform, submitted)
    with platform.begin(SYSTEM) as work:
        assert views.preview(work.connection, submitted.report_id)["preview"]["new"] == 2
        decide(work, submitted.report_id)


@pytest.mark.parametrize("is_imported", [False, True])
def test_a_check_that_comes_late_leaves_a_confirmed_report_alone(platform: Platform, is_imported: bool) -> None:
    submitted = upload_report(platform, weekly_workbook(*ROWS), preview=True)
    run_jobs(platform)
    with platform.begin(SYSTEM) as work:
        import_job = confirm(work, submitted.report_id)
    if is_imported:
        run_jobs(platform)
    else:
        execute(platform, "update jobs set state = 'scheduled' where id = %s", import_job.id)
    before = report(platform, submitted.report_id)
    check_again(platform, submitted)
    assert report(platform, submitted.report_id) == before
    assert job_row(platform, submitted.job.id)["state"] == "cancelled"


def test_a_check_that_comes_late_leaves_a_dismissed_report_alone(platform: Platform) -> None:
    submitted = upload_report(platform, weekly_workbook(*ROWS), preview=True)
    run_jobs(platform)
    with platform.begin(SYSTEM) as work:
        dismiss(work, submitted.report_id, "wrong week")
    before = report(platform, submitted.report_id)
    check_again(platform, submitted)
    assert report(platform, submitted.report_id) == before


def test_a_report_that_was_refused_can_be_checked_again(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    def unreadable(*_: Any) -> Any:
        raise UnreadableReport("cannot be read")

    submitted = upload_report(platform, weekly_workbook(*ROWS), preview=True)
    with monkeypatch.context() as patched:
        patched.setattr(weekly_staging, "choose", unreadable)
        run_jobs(platform)
    assert report(platform, submitted.report_id)["failure_code"] == "PARSE_ERROR"
    check_again(platform, submitted)
    again = report(platform, submitted.report_id)
    assert (again["status"], again["phase"], again["failure_code"]) == ("pending", "previewed", None)


# Its job is gone


def prune_job_of(platform: Platform, report_id: UUID) -> None:
    """Let the time pass after which the report's finished job is deleted."""
    execute(
        platform,
        "update jobs set prune_after = %s - interval '1 day' where id in ("
        " select coalesce(import_job_id, preview_job_id) from weekly_reports where id = %s)",
        platform.clock.now(),
        report_id,
    )
    assert Pruner(platform).run() == 1


@pytest.mark.parametrize("preview", [False, True])
def test_a_report_whose_job_was_cancelled_stays_failed(platform: Platform, preview: bool) -> None:
    submitted = upload_report(platform, weekly_workbook(*ROWS), preview=preview)
    execute(
        platform,
        "update jobs set state = 'cancelled', cancel_reason = 'not now', finished_at = now(),"
        " prune_after = now() + retain_for where id = %s",
        submitted.job.id,
    )
    cancelled = {"code": "JOB_CANCELLED", "message": "not now"}
    assert shown(platform, submitted.report_id)["failure"] == cancelled
    assert in_history(platform, "failed") == [cancelled]
    prune_job_of(platform, submitted.report_id)
    now = shown(platform, submitted.report_id)
    assert (now["status"], now["progress_percentage"], now["failure"]["code"]) == ("failed", 100, "JOB_PRUNED")
    assert "upload the file again" in now["failure"]["message"]
    assert in_history(platform, "failed") == [now["failure"]]
    assert in_history(platform, "pending") == []


def in_history(platform: Platform, status: str) -> list[Any]:
    """Why reports of a status failed, as the history tells it; its totals must agree."""
    with platform.read() as connection:
        data, _ = views.history(connection, views.HistoryFilter(statuses=(status,)), after=None, limit=10)
    assert data["total"] == data["by_status"][status] == len(data["reports"])
    return [found["failure"] for found in data["reports"]]


def test_a_report_that_waits_for_a_word_outlives_the_job_that_checked_it(platform: Platform) -> None:
    submitted = upload_report(platform, weekly_workbook(*ROWS), preview=True)
    run_jobs(platform)
    prune_job_of(platform, submitted.report_id)
    now = shown(platform, submitted.report_id)
    assert (now["status"], now["phase"], now["failure"]) == ("pending", "previewed", None)
    assert in_history(platform, "pending") == [None]
    with platform.begin(SYSTEM) as work:
        confirm(work, submitted.report_id)
    execute(
        platform,
        "update jobs set state = 'discarded', error_class = 'E', error_message = 'e', finished_at = now(),"
        " prune_after = now() + retain_for where kind = 'import_weekly_report'",
    )
    prune_job_of(platform, submitted.report_id)
    assert shown(platform, submitted.report_id)["failure"]["code"] == "JOB_PRUNED"
