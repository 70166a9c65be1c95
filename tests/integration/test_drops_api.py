"""The drop register over HTTP: uploads become jobs, or are refused at once; drops are looked up."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import pytest
from flask import Flask
from werkzeug.datastructures import FileStorage
from werkzeug.test import encode_multipart

from integrations.workbooks import SheetData, write_workbook
from tests.factories.access import client_as
from tests.factories.drops import SPARE, register_workbook
from tests.running import run_jobs

if TYPE_CHECKING:
    from flask.testing import FlaskClient
    from werkzeug.test import TestResponse

    from jobs.platform import Platform
    from ticketing.people import Role


@pytest.fixture
def client(app: Flask, platform: Platform) -> FlaskClient:
    """A client of a manager's program."""
    return client_as(app, platform, "manager")


def upload(client: FlaskClient, data: bytes, filename: str = "Drops_Lawley.xlsx", **fields: Any) -> TestResponse:
    headers = fields.pop("headers", None)
    # Encoded here: the test client would leave a large upload's temporary file open.
    boundary, form = encode_multipart({"file": FileStorage(io.BytesIO(data), filename), **fields})
    content_type = f"multipart/form-data; boundary={boundary}"
    return client.post("/api/ticketing/import/drops", data=form, content_type=content_type, headers=headers)


def test_an_upload_is_stored_and_becomes_a_job(client: FlaskClient, platform: Platform) -> None:
    answer = upload(client, register_workbook({}, SPARE), project="law")
    assert answer.status_code == 202
    data = answer.get_json()["data"]
    assert data == {
        "job_id": data["job_id"],
        "existing": False,
        "status_url": f"/api/ticketing/jobs/{data['job_id']}",
        "filename": "Drops_Lawley.xlsx",
    }
    assert answer.headers["Location"] == data["status_url"]
    (job,) = run_jobs(platform)
    assert (str(job["id"]), job["state"], job["result"]["created"]) == (data["job_id"], "completed", 2)
    found = client.get("/api/ticketing/dr-lookup/%20DR1737375%20").get_json()["data"]
    assert (found["project_code"], found["status"], found["pon_number"]) == ("LAW", "spare", 1)


def test_what_is_no_register_is_refused_at_once_with_what_to_do(client: FlaskClient, platform: Platform) -> None:
    answer = upload(client, write_workbook([SheetData("Sheet1", ["Name", "Number"], [["a", 1]])]), "list.xlsx")
    assert answer.status_code == 400
    assert "label and strtfeat" in answer.get_json()["error"]["message"]
    assert run_jobs(platform) == []


def test_the_same_upload_twice_is_one_import(client: FlaskClient) -> None:
    data = register_workbook({})
    first, second = (upload(client, data).get_json()["data"] for _ in range(2))
    assert (second["job_id"], second["existing"]) == (first["job_id"], True)


def test_an_idempotency_key_answers_the_same(client: FlaskClient, platform: Platform) -> None:
    data, headers = register_workbook({}), {"Idempotency-Key": "week-47"}
    first = upload(client, data, headers=headers).get_json()
    run_jobs(platform)
    assert upload(client, data, headers=headers).get_json() == first


@pytest.mark.parametrize(
    ("data", "filename", "status", "code"),
    [
        (b"label,strtfeat\nDR1737348,LAW.P.A002", "drops.csv", 400, "PARSE_ERROR"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "drops.xls", 400, "PARSE_ERROR"),
        (register_workbook({}), "drops.xlsm", 400, "PARSE_ERROR"),
        (register_workbook({})[:1000], "drops.xlsx", 400, "PARSE_ERROR"),
        (b"", "drops.xlsx", 400, "EMPTY_FILE"),
        (b"", "", 422, "VALIDATION_ERROR"),
    ],
)
def test_an_upload_that_no_import_could_open_is_refused_at_once(
    client: FlaskClient, platform: Platform, data: bytes, filename: str, status: int, code: str
) -> None:
    answer = upload(client, data, filename)
    assert (answer.status_code, answer.get_json()["error"]["code"]) == (status, code)
    assert run_jobs(platform) == []


def test_a_file_larger_than_imports_may_be_is_refused(client: FlaskClient, platform: Platform) -> None:
    answer = upload(client, bytes(platform.settings.import_max_bytes + 1))
    assert (answer.status_code, answer.get_json()["error"]["details"]) == (422, {"file": "at most 25 MB are accepted"})


@pytest.mark.parametrize("form", [{}, {"file": "not a file"}, {"project": "LAW"}])
def test_a_form_without_a_file_is_refused(client: FlaskClient, form: dict[str, str]) -> None:
    answer = client.post("/api/ticketing/import/drops", data=form, content_type="multipart/form-data")
    assert (answer.status_code, list(answer.get_json()["error"]["details"])) == (422, ["file"])


def test_only_managers_and_operators_import(app: Flask, platform: Platform) -> None:
    answers: dict[Role, int] = {"operator": 202, "technician": 403, "viewer": 403, "qa": 403}
    for role, status in answers.items():
        assert upload(client_as(app, platform, role), register_workbook({})).status_code == status


@pytest.mark.parametrize(
    ("number", "status", "message"),
    [
        ("%20", 422, "DR number is required"),
        ("", 422, "DR number is required"),
        ("DR9999999", 404, "DR number not found"),
        ("a/b", 404, "DR number not found"),
        ("%00", 404, "DR number not found"),
    ],
)
def test_a_look_up_that_finds_nothing(client: FlaskClient, number: str, status: int, message: str) -> None:
    answer = client.get(f"/api/ticketing/dr-lookup/{number}")
    assert (answer.status_code, answer.get_json()["error"]["message"]) == (status, message)
