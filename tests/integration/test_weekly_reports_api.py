"""The weekly import over HTTP: the contract's shapes, the preview, the way back of rejected rows, and who may."""

from __future__ import annotations

import io
from datetime import datetime
from typing import TYPE_CHECKING, Any

import openpyxl
import pytest
from flask import Flask
from werkzeug.datastructures import FileStorage
from werkzeug.test import encode_multipart

from integrations.workbooks import SheetData, open_workbook, write_workbook
from tests.factories.access import client_as
from tests.factories.weekly import weekly_row, weekly_workbook
from tests.running import run_jobs
from ticketing.weekly_reports.views import ERRORS_IN_HISTORY

if TYPE_CHECKING:
    from flask.testing import FlaskClient
    from werkzeug.test import TestResponse

    from jobs.platform import Platform
    from ticketing.people import Role

URL = "/api/ticketing/import/weekly"
UNKNOWN = "0198c5a2-7e1b-7c3d-9f00-0123456789ab"


@pytest.fixture
def platform(platform: Platform) -> Platform:
    """The platform, with the queues that a process declares when it starts."""
    platform.declare()
    return platform


@pytest.fixture
def client(app: Flask, platform: Platform) -> FlaskClient:
    """A client of a manager's program."""
    return client_as(app, platform, "manager")


def upload(
    client: FlaskClient, data: bytes, filename: str = "week 47.xlsx", url: str = URL, **more: Any
) -> TestResponse:
    headers = more.pop("headers", None)
    # Encoded here: the test client would leave a large upload's temporary file open.
    boundary, form = encode_multipart({"file": FileStorage(io.BytesIO(data), filename), **more})
    return client.post(url, data=form, content_type=f"multipart/form-data; boundary={boundary}", headers=headers)


def get(client: FlaskClient, path: str, status: int = 200) -> Any:
    answer = client.get(f"{URL}/{path}")
    assert answer.status_code == status, answer.get_json()
    return answer.get_json()["data" if status < 400 else "error"]


def imported(client: FlaskClient, platform: Platform, *rows: dict[str, Any], **more: Any) -> str:
    report_id: str = upload(client, weekly_workbook(*rows), **more).get_json()["data"]["id"]
    run_jobs(platform)
    return report_id


FAULTY = [
    weekly_row(FT_Ref="FT1"),
    weekly_row(FT_Ref="FT2", Priority="P9", Title="=SUM(A1)"),
    weekly_row(FT_Ref="FT1"),
    weekly_row(FT_Ref="FT3", Title=None),
]


def test_an_upload_answers_before_a_row_is_imported(client: FlaskClient, platform: Platform) -> None:
    answer = upload(client, weekly_workbook(*FAULTY), week_number=47, year=2026, user_id="user123")
    assert answer.status_code == 201
    data = answer.get_json()["data"]
    assert data["id"] == data["report_id"]
    assert (data["report_uid"], data["status"], data["total_rows"]) == ("WR2026-W47-001", "pending", 4)
    assert get(client, f"{data['id']}/progress")["progress_percentage"] == 0
    (job,) = (job for job in run_jobs(platform) if job["kind"] == "import_weekly_report")
    assert (str(job["id"]), job["state"]) == (data["job_id"], "completed")
    assert job["result"] == {
        "total_rows": 4,
        "created": 1,
        "updated": 0,
        "unchanged": 0,
        "duplicate": 1,
        "conflict": 0,
        "rejected": 2,
    }


def test_json_with_the_files_bytes_as_numbers_is_taken_too(client: FlaskClient, platform: Platform) -> None:
    body = {"filename": "w.xlsx", "data": list(weekly_workbook(weekly_row())), "user_id": "user123", "year": 2026}
    answer = client.post(URL, json=body)
    assert answer.status_code == 201, answer.get_json()
    run_jobs(platform)
    assert get(client, answer.get_json()["data"]["id"])["imported_count"] == 1


def test_the_detail_has_the_contracts_shape(client: FlaskClient, platform: Platform) -> None:
    shown = get(client, imported(client, platform, *FAULTY))
    assert (shown["status"], shown["progress_percentage"]) == ("completed", 100)
    counts = [shown[name] for name in ("total_rows", "imported_count", "skipped_count", "error_count")]
    assert counts == [4, 1, 1, 2]
    assert (shown["current_batch"], shown["total_batches"]) == (1, 1)
    assert shown["original_filename"] == "week 47.xlsx"
    assert shown["imported_at"].endswith("Z")
    error = shown["errors"][0]
    assert error.keys() == {"row_number", "error_type", "error_message", "field_name", "row_data"}
    assert (error["row_number"], error["error_type"], error["field_name"]) == (3, "invalid_format", "Priority")
    assert error["row_data"]["Comment"] == "seen"


def test_progress_reaches_100_when_the_import_fails(
    client: FlaskClient, platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    from jobs.procedures import weekly_staging
    from ticketing.weekly_reports.service import UnreadableReport

    def unreadable(*_: Any) -> Any:
        raise UnreadableReport("cannot be read after all")

    report_id = upload(client, weekly_workbook(weekly_row())).get_json()["data"]["id"]
    monkeypatch.setattr(weekly_staging, "choose", unreadable)
    run_jobs(platform)
    progress = get(client, f"{report_id}/progress")
    assert (progress["status"], progress["progress_percentage"]) == ("failed", 100)
    assert progress["failure"] == {"code": "PARSE_ERROR", "message": "cannot be read after all"}


@pytest.mark.parametrize(
    ("data", "filename", "status", "code"),
    [
        (b"FT Ref,Title\nFT1,x", "week.csv", 422, "VALIDATION_ERROR"),
        (b"FT Ref,Title\nFT1,x", "week.xlsx", 400, "PARSE_ERROR"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "week.xls", 400, "PARSE_ERROR"),
        (weekly_workbook(weekly_row()), "week.xlsm", 400, "PARSE_ERROR"),
        (write_workbook([SheetData("Pivot", ["FT Ref", "Title"], [["FT1", "x"]])]), "week.xlsx", 400, "PARSE_ERROR"),
        (write_workbook([SheetData("S", ["Colour", "Title"], [["red", "x"]])]), "week.xlsx", 400, "PARSE_ERROR"),
        (weekly_workbook(), "week.xlsx", 400, "EMPTY_FILE"),
        (b"", "week.xlsx", 400, "EMPTY_FILE"),
        (b"", "", 422, "VALIDATION_ERROR"),
    ],
)
def test_what_no_import_could_read_is_refused_at_once(
    client: FlaskClient, platform: Platform, data: bytes, filename: str, status: int, code: str
) -> None:
    answer = upload(client, data, filename)
    error = answer.get_json()["error"]
    assert (answer.status_code, error["code"]) == (status, code)
    assert code != "PARSE_ERROR" or all(error["details"]["errors"])
    assert code != "VALIDATION_ERROR" or error["details"]["file"]
    assert run_jobs(platform) == []
    assert get(client, "history")["total"] == 0


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({"week_number": 54}, "week_number"),
        ({"year": 1999}, "year"),
        ({"year": 2025, "week_number": 53}, "week_number"),
        ({"report_date": "0206-11-16"}, "report_date"),
        ({"report_date": "1999-05-05"}, "report_date"),
        ({"report_date": "2000-01-01"}, "report_date"),
    ],
)
def test_a_week_that_cannot_be_is_refused_by_field(client: FlaskClient, said: dict[str, Any], field: str) -> None:
    answer = upload(client, weekly_workbook(weekly_row()), **said)
    assert answer.status_code == 422
    assert field in answer.get_json()["error"]["details"]


def test_a_second_report_of_a_week_gets_the_next_number(client: FlaskClient) -> None:
    uids = [
        upload(client, weekly_workbook(weekly_row()), week_number=47, year=2026).get_json()["data"]["report_uid"]
        for _ in range(2)
    ]
    assert uids == ["WR2026-W47-001", "WR2026-W47-002"]


def test_preview_then_confirm(client: FlaskClient, platform: Platform) -> None:
    report_id = upload(client, weekly_workbook(*FAULTY), url=f"{URL}?preview=true").get_json()["data"]["id"]
    assert get(client, f"{report_id}/preview")["can_confirm"] is False
    run_jobs(platform)
    told = get(client, f"{report_id}/preview")
    assert told["can_confirm"] is True
    counts = {name: told["preview"][name] for name in ("total", "new", "changed", "unchanged", "duplicate", "rejected")}
    assert counts == {"total": 4, "new": 1, "changed": 0, "unchanged": 0, "duplicate": 1, "rejected": 2}
    answer = client.post(f"{URL}/{report_id}/confirm")
    assert answer.status_code == 202
    assert client.post(f"{URL}/{report_id}/confirm").status_code == 409
    run_jobs(platform)
    assert get(client, report_id)["status"] == "completed"


def test_a_preview_that_nobody_wants_is_dismissed(app: Flask, client: FlaskClient, platform: Platform) -> None:
    report_id = upload(client, weekly_workbook(weekly_row()), url=f"{URL}?preview=true").get_json()["data"]["id"]
    dismissal = f"{URL}/{report_id}/dismiss"
    assert client.post(dismissal, json={}).status_code == 409
    run_jobs(platform)
    assert client_as(app, platform, "operator").post(dismissal, json={}).status_code == 403
    assert client.post(dismissal, json={"reason": "last week's file"}).get_json()["data"]["status"] == "failed"
    told = get(client, report_id)
    assert (told["status"], told["failure"]["code"], told["job_id"] is None) == ("failed", "DISMISSED", False)
    assert told["failure"]["message"].endswith("dismissed it after its check: last week's file")
    assert get(client, f"{report_id}/preview")["can_confirm"] is False
    for refused in (client.post(dismissal, json={}), client.post(f"{URL}/{report_id}/confirm")):
        assert refused.status_code == 409
        assert "was dismissed" in refused.get_json()["error"]["message"]
    assert client.post(f"{URL}/{UNKNOWN}/dismiss", json={}).status_code == 404
    audit = client_as(app, platform, "admin").get("/api/ticketing/audit?target_type=weekly_report").get_json()["data"]
    assert [(row["action"], row["reason"]) for row in audit] == [("weekly_report_dismiss", "last week's file")]
    health = client.get("/api/ticketing/dashboard/health").get_json()["data"]["weekly_import"]
    assert health["state"] == "never"


def test_rows_are_listed_by_outcome_with_a_cursor(client: FlaskClient, platform: Platform) -> None:
    report_id = imported(client, platform, *FAULTY)
    first = client.get(f"{URL}/{report_id}/rows?limit=3").get_json()
    assert [row["outcome"] for row in first["data"]] == ["created", "rejected", "duplicate"]
    assert first["data"][0]["ticket_uid"].startswith("FF")
    cursor = first["pagination"]["next_cursor"]
    rest = client.get(f"{URL}/{report_id}/rows?limit=3&cursor={cursor}").get_json()
    assert [row["row_number"] for row in rest["data"]] == [5]
    assert rest["pagination"]["next_cursor"] is None
    rejected = get(client, f"{report_id}/rows?outcome=rejected")
    assert [row["row_number"] for row in rejected] == [3, 5]


def test_rejected_rows_come_back_mended(client: FlaskClient, platform: Platform) -> None:
    report_id = imported(client, platform, *FAULTY)
    answer = client.get(f"{URL}/{report_id}/rejected.xlsx")
    assert answer.headers["Content-Disposition"].startswith("attachment; filename=WR")
    book = openpyxl.load_workbook(io.BytesIO(answer.data))
    sheet = book.worksheets[0]
    headers = [cell.value for cell in sheet[1]]
    assert headers[-3:] == ["Rejected row number", "Rejected column", "Rejected reason"]
    assert sheet.max_row == 3
    # What could act as a formula does not.
    assert sheet.cell(2, headers.index("Title") + 1).value == "'=SUM(A1)"
    assert sheet.cell(2, headers.index("Rejected column") + 1).value == "Priority"
    assert "P9" in str(sheet.cell(2, headers.index("Rejected reason") + 1).value)
    sheet.cell(2, headers.index("Priority") + 1).value = "High"
    sheet.cell(3, headers.index("Title") + 1).value = "Slow"
    target = io.BytesIO()
    book.save(target)
    again = upload(client, target.getvalue()).get_json()["data"]["id"]
    run_jobs(platform)
    shown = get(client, again)
    assert (shown["imported_count"], shown["error_count"]) == (2, 0)
    (mended,) = [row for row in get(client, f"{again}/rows") if row["external_id"] == "FT2"]
    assert mended["cells"]["Title"] == "=SUM(A1)"
    assert "Rejected reason" not in mended["cells"]


NO_DATES = ["0001-01-01T00:00:00", "9999-12-31T23:59:59Z"]


def test_a_date_at_an_end_of_the_calendar_rejects_its_row_alone(client: FlaskClient, platform: Platform) -> None:
    rows = [weekly_row(FT_Ref=f"FT{number}", Date_Logged=date) for number, date in enumerate(NO_DATES)]
    looked = upload(client, weekly_workbook(*rows, weekly_row()), url=f"{URL}/parse")
    assert (looked.status_code, looked.get_json()["data"]["valid_rows"]) == (200, 1)
    report_id = imported(client, platform, *rows, weekly_row())
    shown = get(client, report_id)
    assert (shown["imported_count"], shown["error_count"]) == (1, 2)
    answer = client.get(f"{URL}/{report_id}/rejected.xlsx")
    headers, *rejected = open_workbook(answer.data).sheet("Rejected rows").rows
    place = headers.index("Date Logged")
    assert [row[place] for row in rejected] == [NO_DATES[0], datetime(9999, 12, 31, 23, 59, 59)]  # noqa: DTZ001


def test_parse_looks_without_storing(client: FlaskClient) -> None:
    data = write_workbook(
        [
            SheetData("Summary", ["FT Ref", "Title", "Status"], [["FT9", "x", "Open"]]),
            SheetData(
                "Report", ["FT Ref", "Title", "Mood"], [["FT1", "x", "good"], [None, None, None], ["FT1", "y", 1]]
            ),
        ]
    )
    answer = upload(client, data, url=f"{URL}/parse")
    assert answer.status_code == 200, answer.get_json()
    looked = answer.get_json()["data"]
    assert looked["selected_sheet"] == "Report"
    assert [(sheet["name"], sheet["rows"]) for sheet in looked["available_sheets"]] == [("Summary", 1), ("Report", 3)]
    counts = [looked[name] for name in ("total_rows", "skipped_rows", "valid_rows", "invalid_rows", "can_proceed")]
    assert counts == [2, 1, 1, 1, True]
    assert looked["sample_rows"][0] == {"FT Ref": "FT1", "Title": "x", "Mood": "good"}
    assert looked["validation_errors"][0]["message"].startswith("is the same work as row 2")
    assert [column["excel_column"] for column in looked["column_mapping"]] == ["FT Ref", "Title"]
    assert looked["unknown_columns"] == ["Mood"]
    named = upload(client, data, url=f"{URL}/parse", sheetName="Summary").get_json()["data"]
    assert named["selected_sheet"] == "Summary"
    assert get(client, "history")["total"] == 0


def test_the_history_counts_filters_and_pages(client: FlaskClient, platform: Platform) -> None:
    imported(client, platform, weekly_row(FT_Ref="FT1"), year=2026)
    imported(client, platform, weekly_row(FT_Ref="FT2"), weekly_row(FT_Ref="FT3"), year=2026)
    upload(client, weekly_workbook(weekly_row()), week_number=3, year=2025)
    everything = get(client, "history")
    assert everything["total"] == 3
    assert everything["by_status"] == {"pending": 1, "processing": 0, "completed": 2, "failed": 0}
    assert everything["total_imported_tickets"] == 3
    stats = everything["stats"]
    assert (stats["total_imports"], stats["successful_imports"], stats["avg_tickets_per_import"]) == (3, 2, 1.5)
    assert stats["avg_import_duration_seconds"] >= 0
    filtered = get(client, "history?status=completed,failed&year=2026")
    assert (filtered["total"], "stats" in filtered) == (2, False)
    first = client.get(f"{URL}/history?limit=2").get_json()
    rest = client.get(f"{URL}/history?limit=2&cursor={first['pagination']['next_cursor']}").get_json()
    assert len({report["id"] for report in first["data"]["reports"] + rest["data"]["reports"]}) == 3


def test_the_history_shows_the_first_errors_of_each_report(client: FlaskClient, platform: Platform) -> None:
    faultless = imported(client, platform, weekly_row(FT_Ref="FT900"))
    faulty = imported(client, platform, *(weekly_row(FT_Ref=f"FT{n}", Title=None, Issue=None) for n in range(20)))
    errors = {report["id"]: report["errors"] for report in get(client, "history")["reports"]}
    assert errors[faultless] == []
    assert [error["row_number"] for error in errors[faulty]] == list(range(2, 2 + ERRORS_IN_HISTORY))
    assert errors[faulty] == get(client, faulty)["errors"][:ERRORS_IN_HISTORY]


@pytest.mark.parametrize("query", ["status=lost", "imported_after=yesterday", "week_number=x", "cursor=!!"])
def test_a_history_that_cannot_be_is_400(client: FlaskClient, query: str) -> None:
    error = get(client, f"history?{query}", status=400)
    assert error["code"] == "VALIDATION_ERROR"
    if query.startswith("status"):
        assert error["details"]["valid_statuses"] == ["pending", "processing", "completed", "failed"]


@pytest.mark.parametrize("path", ["", "/progress", "/preview", "/rows", "/rejected.xlsx"])
def test_ids_that_are_none_and_ids_of_nothing(client: FlaskClient, path: str) -> None:
    assert get(client, f"not-a-uuid{path}", status=400)["code"] == "INVALID_ID"
    assert get(client, f"{UNKNOWN}{path}", status=404)["code"] == "NOT_FOUND"


def test_an_idempotency_key_makes_one_report(client: FlaskClient) -> None:
    data, headers = weekly_workbook(weekly_row()), {"Idempotency-Key": "week-47"}
    first, second = (upload(client, data, headers=headers).get_json()["data"] for _ in range(2))
    assert first == second
    assert get(client, "history")["total"] == 1


def test_a_user_id_of_somebody_else_is_refused(client: FlaskClient) -> None:
    assert upload(client, weekly_workbook(weekly_row()), user_id=UNKNOWN).status_code == 403


@pytest.mark.parametrize(
    ("role", "may_import", "may_read"),
    [
        ("admin", True, True),
        ("manager", True, True),
        ("operator", False, True),
        ("viewer", False, True),
        ("technician", False, False),
    ],
)
def test_who_may(app: Flask, platform: Platform, role: Role, may_import: bool, may_read: bool) -> None:
    client = client_as(app, platform, role)
    assert (upload(client, weekly_workbook(weekly_row())).status_code == 201) == may_import
    assert (client.get(f"{URL}/history").status_code == 200) == may_read


def test_the_rejects_workbook_can_be_opened_by_our_own_reader(client: FlaskClient, platform: Platform) -> None:
    report_id = imported(client, platform, *FAULTY)
    book = open_workbook(client.get(f"{URL}/{report_id}/rejected.xlsx").data, filename="rejected.xlsx")
    assert book.sheet_names == ["Rejected rows"]
