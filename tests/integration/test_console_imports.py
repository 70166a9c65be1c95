"""Imports in the console: a file on its way to tickets page by page, what is refused, registers, and exports."""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING, Any
from uuid import UUID

import openpyxl
import pytest
from flask import Flask
from flask.testing import FlaskClient

from integrations.workbooks import SheetData, write_workbook
from tests.console import open_console, send
from tests.factories.access import make_api_key
from tests.factories.weekly import import_report, upload_report, weekly_row, weekly_workbook
from tests.running import run_jobs
from ticketing.people import SYSTEM
from ticketing.weekly_reports import views
from ticketing.weekly_reports.views import HistoryFilter

if TYPE_CHECKING:
    from werkzeug.test import TestResponse

    from jobs.platform import Platform

UNKNOWN = "0198c5a2-7e1b-7c3d-9f00-0123456789ab"
NEW = "/console/imports/new"
FAULTY = [
    weekly_row(FT_Ref="FT1"),
    weekly_row(FT_Ref="FT2", Priority="P9", Title="<script>alert(1)</script>"),
    weekly_row(FT_Ref="FT1"),
]


@pytest.fixture
def manager(app: Flask, platform: Platform) -> FlaskClient:
    return open_console(app, make_api_key(platform, "manager"))


@pytest.fixture
def viewer(app: Flask, platform: Platform) -> FlaskClient:
    return open_console(app, make_api_key(platform, "viewer"))


def text(answer: TestResponse) -> str:
    """What a page says, its tags left out."""
    assert answer.mimetype == "text/html"
    body = re.sub(r"<[^>]+>", " ", answer.get_data(as_text=True))
    return re.sub(r"\s+", " ", body.replace("\N{NARROW NO-BREAK SPACE}", ""))


def look(browser: FlaskClient, address: str, status: int = 200) -> str:
    answer = browser.get(address)
    assert answer.status_code == status, text(answer)
    return text(answer)


def upload(browser: FlaskClient, data: bytes, filename: str = "week 47.xlsx", **said: Any) -> TestResponse:
    return send(browser, NEW, browser.get(NEW), file=(io.BytesIO(data), filename), **said)


def reports(platform: Platform) -> list[dict[str, Any]]:
    with platform.read() as connection:
        data, _ = views.history(connection, HistoryFilter(), after=None, limit=10)
    found: list[dict[str, Any]] = data["reports"]
    return found


def preview_page(platform: Platform, *rows: dict[str, Any], week: int = 47) -> str:
    """Upload rows, have them checked, and return the address of the report's page."""
    report_id = upload_report(platform, weekly_workbook(*rows), preview=True, week_number=week, year=2026).report_id
    run_jobs(platform)
    return f"/console/imports/{report_id}"


# From a file to tickets


def test_a_file_becomes_tickets_step_by_step(manager: FlaskClient, platform: Platform) -> None:
    assert "No report has been imported yet" in look(manager, "/console/imports")
    arrived = upload(manager, weekly_workbook(*FAULTY), week_number="47", year="2026")
    assert arrived.status_code == 303
    page = arrived.location
    assert "WR2026-W47-001 has arrived" in look(manager, page)
    waiting = look(manager, page)
    assert "The file is being checked" in waiting
    assert "Import 1 row" not in waiting
    run_jobs(platform)
    told = look(manager, page)
    assert "What the import would do" in told
    assert "New tickets 1" in told
    assert "Rejected 1" in told
    assert "Twice in the sheet 1" in told
    begun = send(manager, f"{page}/confirm", manager.get(page))
    assert (begun.status_code, begun.location) == (303, page)
    assert "The import is under way" in look(manager, page)
    run_jobs(platform)
    result = manager.get(page)
    assert "1 ticket made or changed" in text(result)
    assert "1 row was rejected" in text(result)
    [report] = reports(platform)
    assert (report["status"], report["created_count"], report["rejected_count"]) == ("completed", 1, 1)
    # What stands in a sheet is text, whatever it looks like.
    assert b"<script>alert" not in result.data
    assert "WR2026-W47-001" in look(manager, "/console/imports")


def test_the_page_of_a_report_refreshes_itself(manager: FlaskClient, platform: Platform) -> None:
    report_id = upload_report(platform, weekly_workbook(weekly_row()), preview=True).report_id
    assert b'id="report" data-live' in manager.get(f"/console/imports/{report_id}").data
    assert b'id="reports" data-live' in manager.get("/console/imports").data


def test_each_part_of_a_preview_can_be_looked_at(manager: FlaskClient, platform: Platform) -> None:
    import_report(
        platform,
        *[weekly_row(FT_Ref=f"FT{number}", DR_Number=f"DR173734{number}") for number in range(1, 5)],
        week_number=46,
        year=2026,
    )
    with platform.begin(SYSTEM) as work:
        work.connection.execute("update tickets set priority = 'critical' where external_id = 'FT3'")
    page = preview_page(
        platform,
        weekly_row(FT_Ref="FT1", DR_Number="DR1737341"),
        weekly_row(FT_Ref="FT2", DR_Number="DR1737342", Title="Slow speed"),
        weekly_row(FT_Ref="FT3", DR_Number="DR1737343", Priority="Low"),
        weekly_row(FT_Ref="FT8", Title="Cable in the tree", Assigned_To="Nobody"),
        weekly_row(FT_Ref="FT9", Priority="P9"),
    )
    assert "Cable in the tree" in look(manager, f"{page}?show=new")
    assert "Title : No light the sheet says Slow speed" in look(manager, f"{page}?show=changed")
    # What needs a decision is shown first.
    for address in (page, f"{page}?show=conflict"):
        conflict = look(manager, address)
        assert "Priority : Critical the sheet says Low" in conflict
        assert "changed here since the last report" in conflict
    rejected = look(manager, f"{page}?show=rejected")
    assert "P9" in rejected
    assert "Nobody" in look(manager, f"{page}?show=warnings")
    difference = look(manager, f"{page}?show=difference")
    assert "week 46 of 2026 listed 4" in difference
    assert "Gone 1" in difference
    assert "FT4" in difference
    columns = look(manager, f"{page}?show=columns")
    assert "DR Number" in columns
    assert "Comment" not in columns


def test_a_first_week_and_an_empty_part_say_so(manager: FlaskClient, platform: Platform) -> None:
    page = preview_page(platform, weekly_row())
    assert "No earlier week has been imported" in look(manager, f"{page}?show=difference")
    for part, said in (
        ("changed", "Nothing would change"),
        ("conflict", "No conflicts"),
        ("rejected", "No row is rej"),
        ("warnings", "No warnings"),
    ):
        assert said in look(manager, f"{page}?show={part}")
    import_report(platform, weekly_row(), week_number=47, year=2026)
    assert "No new tickets" in look(manager, f"{preview_page(platform, weekly_row())}?show=new")


def test_rows_are_listed_by_what_became_of_them(manager: FlaskClient, platform: Platform) -> None:
    report_id = import_report(platform, *FAULTY, weekly_row(FT_Ref="FT5"))
    page = f"/console/imports/{report_id}"
    every = manager.get(page)
    assert every.get_data(as_text=True).count("<tr data-row-link>") == 2
    rejected = look(manager, f"{page}?outcome=rejected")
    assert "Priority" in rejected
    assert "FT5" not in rejected
    assert "No row of this report has come to that" in look(manager, f"{page}?outcome=conflict")
    first = manager.get(f"{page}?limit=2")
    following = re.search(r'rel="next" href="([^"]+)"', first.get_data(as_text=True))
    assert following
    assert "FT5" in look(manager, following[1].replace("&amp;", "&"))
    look(manager, f"{page}?outcome=nonsense", 422)


def test_rejected_rows_come_as_a_workbook_before_and_after_the_import(
    manager: FlaskClient, viewer: FlaskClient, platform: Platform
) -> None:
    page = preview_page(platform, *FAULTY)
    assert f"{page}/rejected.xlsx" in manager.get(f"{page}?show=rejected").get_data(as_text=True)
    for browser in (manager, viewer):
        answer = browser.get(f"{page}/rejected.xlsx")
        sheet = openpyxl.load_workbook(io.BytesIO(answer.data)).worksheets[0]
        assert sheet.max_row == 2
        assert str(sheet.cell(2, sheet.max_column).value).startswith("Priority")


# What is refused


def test_a_report_is_confirmed_once(manager: FlaskClient, platform: Platform) -> None:
    page = preview_page(platform, weekly_row())
    form = manager.get(page)
    assert send(manager, f"{page}/confirm", form).status_code == 303
    again = send(manager, f"{page}/confirm", form)
    assert again.status_code == 409
    assert "was confirmed already" in text(again)


def test_a_report_that_nobody_wants_is_dismissed(manager: FlaskClient, platform: Platform) -> None:
    page = preview_page(platform, weekly_row())
    assert "Dismiss it" in look(manager, page)
    assert send(manager, f"{page}/dismiss", manager.get(page), reason="last week's file").status_code == 303
    told = look(manager, page)
    assert "nothing of it was imported" in told
    assert "last week" in told
    assert "Waiting" not in told
    assert "Dismissed" in look(manager, "/console/imports")
    assert "was dismissed" in text(send(manager, f"{page}/confirm", manager.get(page)))


REFUSED: list[tuple[bytes, str, dict[str, str], int, str]] = [
    (b"", "", {}, 422, "file"),
    (b"FT Ref,Title", "week.csv", {}, 422, "is no Excel workbook"),
    (b"FT Ref,Title", "week.xlsx", {}, 400, "week.xlsx"),
    (weekly_workbook(), "week.xlsx", {}, 400, "headers and no rows"),
    (weekly_workbook(weekly_row()), "week.xlsx", {"week_number": "60"}, 422, "must be 1 to 53"),
    (weekly_workbook(weekly_row()), "week.xlsx", {"sheetName": "Other"}, 400, "Other"),
]


def test_what_cannot_be_taken_in_shows_the_form_again_with_why(manager: FlaskClient, platform: Platform) -> None:
    for data, filename, said, status, why in REFUSED:
        answer = upload(manager, data, filename, **{"year": "2025", "week_number": "10"} | said)
        assert answer.status_code == status, text(answer)
        assert why in text(answer)
        # What had been typed is still there.
        assert 'value="2025"' in answer.get_data(as_text=True)
    assert reports(platform) == []


def test_a_report_that_failed_says_why_and_what_to_do(
    manager: FlaskClient, platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    from jobs.procedures import weekly_staging
    from ticketing.weekly_reports.service import UnreadableReport

    def unreadable(*_: Any) -> Any:
        raise UnreadableReport("The sheet cannot be read after all")

    report_id = upload_report(platform, weekly_workbook(weekly_row()), preview=True).report_id
    monkeypatch.setattr(weekly_staging, "choose", unreadable)
    run_jobs(platform)
    told = look(manager, f"/console/imports/{report_id}")
    assert "The sheet cannot be read after all" in told
    assert "Choose another file" in told
    assert "Failed" in look(manager, "/console/imports?status=failed")


def test_who_may_not_import_may_look(viewer: FlaskClient, platform: Platform) -> None:
    page = preview_page(platform, weekly_row())
    told = look(viewer, page)
    assert "A manager decides" in told
    assert send(viewer, f"{page}/confirm", viewer.get(page)).status_code == 403
    assert viewer.get(NEW).status_code == 403
    assert "Import a weekly report" not in look(viewer, "/console/imports")


def test_nothing_is_where_there_is_nothing(manager: FlaskClient) -> None:
    for address in (f"imports/{UNKNOWN}", f"imports/{UNKNOWN}/rejected.xlsx", f"imports/drops/{UNKNOWN}"):
        assert manager.get(f"/console/{address}").status_code == 404
    assert manager.get("/console/imports/47").status_code == 400


def test_the_history_is_narrowed_and_paged(manager: FlaskClient, platform: Platform) -> None:
    for week in (45, 46, 47):
        import_report(platform, weekly_row(FT_Ref=f"FT{week}"), week_number=week, year=2026)
    assert "WR2026-W46-001" not in look(manager, "/console/imports?week_number=47")
    assert "No report matches" in look(manager, "/console/imports?year=2020")
    first = manager.get("/console/imports?limit=2")
    assert "WR2026-W45-001" not in text(first)
    following = re.search(r'rel="next" href="([^"]+)"', first.get_data(as_text=True))
    assert following
    assert "WR2026-W45-001" in look(manager, following[1].replace("&amp;", "&"))


# Drop registers

REGISTER = write_workbook(
    [
        SheetData(
            "HLD_Home",
            ["label", "strtfeat", "endfeat", "pon_no", "zone_no", "stackref"],
            [
                ["DR1737348", "LAW.P.A002", "ONT1", 12, 3, "LAW"],
                ["DR1737348", "LAW.P.A003", "ONT1", 12, 3, "LAW"],
                ["no drop", "LAW.P.A004", None, 12, 3, "LAW"],
            ],
        )
    ]
)
DROPS = "/console/imports/drops"


def test_a_register_is_imported_and_its_drops_looked_up(manager: FlaskClient, platform: Platform) -> None:
    empty = manager.get(DROPS)
    assert "No register has been imported yet" in text(empty)
    answer = send(manager, DROPS, empty, file=(io.BytesIO(REGISTER), "LAW drops.xlsx"))
    assert answer.status_code == 303
    assert "It is next in line" in look(manager, answer.location)
    again = send(manager, DROPS, empty, file=(io.BytesIO(REGISTER), "LAW drops.xlsx"))
    assert again.location == answer.location
    run_jobs(platform)
    told = look(manager, answer.location)
    for said in ("LAW drops.xlsx", "New drops 1", "Rejected 1", "Labels that came before 1", "strtfeat"):
        assert said in told
    assert "LAW drops.xlsx" in look(manager, DROPS)
    assert "LAW.P.A002" in look(manager, f"{DROPS}?dr_number=dr1737348")
    assert "DR number not found" in look(manager, f"{DROPS}?dr_number=DR9999999")


def test_what_is_no_register_is_refused_with_why(manager: FlaskClient) -> None:
    answer = send(manager, DROPS, manager.get(DROPS), file=(io.BytesIO(weekly_workbook(weekly_row())), "w.xlsx"))
    assert answer.status_code == 400
    assert "This is not a drop register" in text(answer)


def test_another_kind_of_job_is_no_register(manager: FlaskClient, platform: Platform) -> None:
    submitted = upload_report(platform, weekly_workbook(weekly_row()))
    assert manager.get(f"{DROPS}/{submitted.job.id}").status_code == 404


# Exports


def test_an_export_is_asked_for_written_and_fetched(manager: FlaskClient, platform: Platform) -> None:
    import_report(platform, weekly_row(FT_Ref="FT1"), weekly_row(FT_Ref="FT2", Priority="Low"))
    assert "You have not exported anything" in look(manager, "/console/exports")
    form = manager.get("/console/exports/new?report=tickets")
    answer = send(manager, "/console/exports/new", form, report="tickets", format="csv", priority="low", search="")
    assert answer.status_code == 303
    page = manager.get("/console/exports")
    assert "Priority: low" in text(page)
    export_id = exported(platform)
    assert manager.get(f"/console/exports/{export_id}/download").status_code == 409
    run_jobs(platform)
    assert "Finished" in look(manager, "/console/exports")
    link = manager.get(f"/console/exports/{export_id}/download")
    assert link.status_code == 303
    assert manager.get(link.location).data.count(b"FT2") == 1


def test_every_report_has_its_form_and_a_filter_that_cannot_be_is_refused(
    manager: FlaskClient, app: Flask, platform: Platform
) -> None:
    for report in ("tickets", "jobs", "risks", "readiness", "fault-trends", "billing"):
        form = manager.get(f"/console/exports/new?report={report}")
        assert form.status_code == 200
        answer = send(manager, "/console/exports/new", form, report=report, format="xlsx")
        assert answer.status_code == 303, (report, text(answer))
    form = manager.get("/console/exports/new?report=billing")
    answer = send(manager, "/console/exports/new", form, report="billing", start_date="yesterday")
    assert answer.status_code in (400, 422)
    assert 'value="yesterday"' in answer.get_data(as_text=True)
    technician = open_console(app, make_api_key(platform, "technician"))
    assert "Billing" not in look(technician, "/console/exports/new?report=billing")
    refused = send(technician, "/console/exports/new", technician.get("/console/exports/new"), report="billing")
    assert refused.status_code == 403


def test_an_export_of_somebody_else_is_not_there(manager: FlaskClient, viewer: FlaskClient, platform: Platform) -> None:
    form = manager.get("/console/exports/new")
    send(manager, "/console/exports/new", form, report="tickets")
    assert "You have not exported anything" in look(viewer, "/console/exports")
    assert viewer.get(f"/console/exports/{exported(platform)}/download").status_code == 404


def exported(platform: Platform) -> UUID:
    with platform.read() as connection:
        row = connection.execute("select id from exports").fetchone()
    assert row is not None
    found: UUID = row["id"]
    return found
