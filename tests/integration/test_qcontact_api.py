"""The sync over HTTP: started, followed, looked at; conflicts decided; the door of the cron."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import psycopg
import pytest
from flask import Flask
from flask.testing import FlaskClient
from pydantic import SecretStr

from admin_api.api import qcontact
from admin_api.app import create_app
from integrations.qcontact.sandbox.samples import NewCase
from jobs.platform import Platform
from jobs.procedures import qcontact_requests
from runtime.settings import Settings
from sql.database import Connection
from tests.answers import error_of
from tests.factories import insert, make_ticket
from tests.factories.access import client_as
from tests.races import race_of_requests
from tests.running import jobs_running, run_jobs
from ticketing.qcontact_sync.requests import SyncRequest

if TYPE_CHECKING:
    from integrations.qcontact.sandbox import QContactSandbox

SYNC = "/api/ticketing/sync/qcontact"
AT_ONCE = f"{SYNC}?wait=0"
CRON = "/api/ticketing/cron/sync-qcontact"
SECRET = {"Authorization": "Bearer a-cron-secret"}


@pytest.fixture
def settings(settings: Settings, qcontact_sandbox: QContactSandbox) -> Settings:
    more = {"breaker_failures": 100, "cron_secret": SecretStr("a-cron-secret")}
    return Settings.model_validate(settings.model_dump() | qcontact_sandbox.settings_values | more)


@pytest.fixture
def app(platform: Platform) -> Flask:
    return create_app(platform=platform, blueprints=[qcontact.api])


@pytest.fixture
def client(app: Flask, platform: Platform) -> FlaskClient:
    return client_as(app, platform, "manager")


@pytest.fixture
def worker(platform: Platform) -> Iterator[None]:
    """Runs jobs while a request waits for them."""
    with jobs_running(platform):
        yield


def make_conflict(connection: Connection, **columns: Any) -> dict[str, Any]:
    ticket = make_ticket(connection, source="qcontact", status="assigned")
    insert(connection, "qcontact_cases", case_id="21934500001", ticket_id=ticket["id"], agreed_status="assigned")
    row = {"ticket_id": ticket["id"], "case_id": "21934500001", "field": "status", "reason": "moved here and there"}
    connection.execute("select 1")
    values = row | {"ours": '"assigned"', "theirs": '"in_progress"'} | columns
    return insert(connection, "qcontact_conflicts", **values)


class TestStarting:
    def test_a_sync_is_a_job(self, client: FlaskClient, platform: Platform, qcontact_sandbox: QContactSandbox) -> None:
        qcontact_sandbox.add_case(NewCase(label="Link Light FT900123", status="Assigned"))
        answer = client.post(AT_ONCE, json={"sync_direction": "inbound"})
        data = answer.get_json()["data"]
        assert (answer.status_code, data["is_finished"], data["sync_result"]) == (202, False, None)
        assert [job["kind"] for job in data["jobs"]] == ["sync_qcontact_recent"]
        run_jobs(platform)
        assert client.get(f"{SYNC}/log").get_json()["data"]["total"] == 1

    @pytest.mark.usefixtures("worker")
    def test_whoever_waits_is_told_what_it_did(self, client: FlaskClient, qcontact_sandbox: QContactSandbox) -> None:
        qcontact_sandbox.add_case(NewCase(label="Link Light FT900123", status="Assigned"))
        answer = client.post(SYNC, json={"force_resync": True})
        data = answer.get_json()["data"]
        assert (answer.status_code, data["is_finished"]) == (200, True)
        assert {job["kind"] for job in data["jobs"]} == {"sync_qcontact", "sync_unpushed_tickets"}
        assert data["sync_result"]["inbound_stats"]["created"] == 1
        assert data["summary"]["direction"] == "bidirectional"
        assert (data["summary"]["total_success"], data["summary"]["success_rate"]) == (1, 1.0)
        assert data["sync_result"]["success_rate"] == 1.0

    def test_some_tickets_only(self, client: FlaskClient, connection: Connection) -> None:
        conflict = make_conflict(connection)
        ticket_id = str(conflict["ticket_id"])
        answer = client.post(AT_ONCE, json={"ticket_ids": [ticket_id], "sync_direction": "inbound"})
        assert [job["kind"] for job in answer.get_json()["data"]["jobs"]] == ["reread_qcontact_case"]
        one = client.post(f"{SYNC}/tickets/{ticket_id}")
        assert one.get_json()["data"]["job_id"] == answer.get_json()["data"]["job_id"]
        error_of(client.post(f"{SYNC}/tickets/{uuid4()}"), 404, "NOT_FOUND")
        error_of(client.post(AT_ONCE, json={"ticket_ids": [str(uuid4())]}), 422, "VALIDATION_ERROR")

    def test_a_time_chooses_among_the_known_cases(self, client: FlaskClient, connection: Connection) -> None:
        make_conflict(connection)
        connection.execute("update qcontact_cases set their_updated_at = '2026-11-20T06:00:00Z'")
        asked = {"sync_direction": "inbound", "start_date": "2026-11-20T00:00:00Z"}
        assert len(client.post(AT_ONCE, json=asked).get_json()["data"]["jobs"]) == 1
        later = asked | {"start_date": "2026-11-21T00:00:00Z"}
        assert client.post(AT_ONCE, json=later).get_json()["data"]["jobs"] == []

    def test_what_cannot_be_asked(self, client: FlaskClient) -> None:
        wrong = error_of(client.post(AT_ONCE, json={"sync_direction": "sideways"}), 422, "VALIDATION_ERROR")
        assert "Invalid sync_direction" in wrong["message"]
        dates = {"start_date": "2026-11-21T00:00:00Z", "end_date": "2026-11-20T00:00:00Z"}
        assert "Invalid date range" in error_of(client.post(AT_ONCE, json=dates), 422, "VALIDATION_ERROR")["message"]

    def test_that_nothing_is_written_back_is_said(self, client: FlaskClient, platform: Platform) -> None:
        platform.settings = platform.settings.model_copy(update={"qcontact_push": False})
        answer = client.post(AT_ONCE, json={"sync_direction": "outbound"})
        job_id = answer.get_json()["data"]["job_id"]
        run_jobs(platform)
        rows = qcontact_requests.follow(platform, [job_id], 0)
        asked = SyncRequest(sync_direction="outbound")
        result = qcontact_requests.result_of(platform, rows, asked)["sync_result"]
        assert result["outbound_stats"]["total_processed"] == 0
        assert [error["error_code"] for error in result["errors"]] == ["OUTBOUND_UNAVAILABLE"]

    @pytest.mark.usefixtures("worker")
    def test_a_case_that_is_gone_is_an_error_of_the_sync(self, client: FlaskClient, connection: Connection) -> None:
        ticket_id = str(make_conflict(connection)["ticket_id"])
        asked = {"sync_direction": "inbound", "ticket_ids": [ticket_id]}
        result = client.post(SYNC, json=asked).get_json()["data"]["sync_result"]
        assert (result["total_failed"], result["success_rate"]) == (1, 0.0)
        [error] = result["errors"]
        assert (error["qcontact_ticket_id"], error["error_code"]) == ("21934500001", "OUTSIDE_NOT_THERE")


@pytest.mark.usefixtures("worker")
@pytest.mark.parametrize("missing", ["qcontact_url", "qcontact_queue"])
class TestWithoutASetup:
    @pytest.fixture
    def settings(self, settings: Settings, missing: str) -> Settings:
        return settings.model_copy(update={missing: None})

    def test_that_nothing_could_be_read_is_an_error_of_the_sync(self, client: FlaskClient, missing: str) -> None:
        answer = client.post(SYNC, json={"sync_direction": "inbound"})
        [error] = answer.get_json()["data"]["sync_result"]["errors"]
        assert (answer.status_code, error["error_code"]) == (200, "INBOUND_UNAVAILABLE")
        assert (error["sync_type"], error["recoverable"]) == ("full_sync", False)
        assert f"FIBREFLOW_{missing.upper()}" in error["error_message"]

    def test_the_cron_is_told_that_it_failed_and_why(self, client: FlaskClient, missing: str) -> None:
        answer = client.post(CRON, headers=SECRET)
        body = answer.get_json()
        assert (answer.status_code, body["success"], body["data"]["status"]) == (200, True, "failed")
        assert f"FIBREFLOW_{missing.upper()}" in body["data"]["error_message"]
        assert (body["data"]["error_code"], "failed" in body["message"]) == ("SYNC_ERROR", True)

    def test_what_never_ran_is_neither_healthy_news_nor_a_fault(self, client: FlaskClient) -> None:
        client.post(CRON, headers=SECRET)
        data = client.get(f"{SYNC}/status").get_json()["data"]
        assert (data["is_healthy"], data["last_sync_at"], data["read_until"]) == (True, None, None)


class TestLooking:
    def test_how_the_sync_does(self, client: FlaskClient, connection: Connection) -> None:
        quiet = client.get(f"{SYNC}/status").get_json()["data"]
        assert (quiet["is_healthy"], quiet["last_sync"], quiet["success_rate_last_7d"]) == (True, None, 100.0)
        for number in range(4):
            failed = {"status": "failed", "error_message": "No"} if number else {"status": "success"}
            insert(connection, "qcontact_sync_log", sync_direction="inbound", sync_type="create", **failed)
        data = client.get(f"{SYNC}/status").get_json()["data"]
        assert (data["is_healthy"], data["failed_last_24h"], data["last_24h"]["success_rate"]) == (False, 3, 0.25)
        assert "success rate" in data["health_issues"][0]
        assert data["last_7d"]["by_direction"]["inbound"] == {"total": 4, "successful": 1, "failed": 3}

    def test_the_log_is_narrowed_by_words(self, client: FlaskClient, connection: Connection) -> None:
        for kind in ("create", "create", "status_update"):
            insert(connection, "qcontact_sync_log", sync_direction="inbound", sync_type=kind, status="success")
        page = client.get(f"{SYNC}/log?sync_type=create&sync_type=note_add&pageSize=1").get_json()
        assert (len(page["data"]["logs"]), page["data"]["total"], page["pagination"]["totalPages"]) == (1, 2, 2)
        rest = client.get(f"{SYNC}/log?sync_type=create&cursor={page['pagination']['next_cursor']}").get_json()
        assert len(rest["data"]["logs"]) == 1
        error = error_of(client.get(f"{SYNC}/log?status=odd"), 422, "VALIDATION_ERROR")
        assert error["details"]["valid_values"] == ["success", "failed", "partial"]

    @pytest.mark.parametrize("query", ["", "status = 'open' and"])
    def test_lists_are_read_out_of_an_index(self, connection: Connection, query: str) -> None:
        table, column = ("qcontact_conflicts", "noticed_at") if query else ("qcontact_sync_log", "synced_at")
        connection.execute("set enable_sort = off")
        plan = connection.execute(
            f"explain select * from {table} where {query} {column} < now() order by {column} desc, id desc limit 51"
        ).fetchall()
        assert "Index Scan" in plan[1]["QUERY PLAN"], plan


class TestDeciding:
    def test_one_of_two_who_decide_at_once_wins(
        self, app: Flask, client: FlaskClient, platform: Platform, connection: Connection
    ) -> None:
        conflict = make_conflict(connection)
        address = f"{SYNC}/conflicts/{conflict['id']}/resolve"
        other = client_as(app, platform, "admin")
        statuses = race_of_requests(
            lambda: client.post(address, json={"choice": "theirs", "note": "Phoned"}),
            lambda: other.post(address, json={"choice": "ours"}),
        )
        assert statuses == [200, 409]
        [row] = client.get(f"{SYNC}/conflicts?status=all").get_json()["data"]
        [ticket] = connection.execute("select status from tickets where id = %s", [conflict["ticket_id"]]).fetchall()
        assert ticket["status"] == ("in_progress" if row["status"] == "theirs" else "assigned")
        assert client.get(f"{SYNC}/conflicts").get_json()["data"] == []

    def test_what_the_machine_forbids_cannot_be_chosen(self, client: FlaskClient, connection: Connection) -> None:
        closed = make_conflict(connection, theirs='"closed"')
        address = f"{SYNC}/conflicts/{closed['id']}/resolve"
        error_of(client.post(address, json={"choice": "theirs"}), 409, "INVALID_STATUS_TRANSITION")
        connection.execute("update qcontact_conflicts set theirs = '\"Parked\"'")
        error_of(client.post(address, json={"choice": "theirs"}), 409, "CONDITION_NOT_MET")
        assert client.post(address, json={"choice": "ours"}).status_code == 200
        error_of(client.post(f"{SYNC}/conflicts/{uuid4()}/resolve", json={"choice": "ours"}), 404, "NOT_FOUND")


class TestTheCron:
    @pytest.mark.usefixtures("worker")
    def test_starts_a_sync_and_tells_what_it_did(self, app: Flask, qcontact_sandbox: QContactSandbox) -> None:
        good, bad = (qcontact_sandbox.add_case(NewCase(label=f"FT90012{n}", status="Assigned")) for n in range(2))
        qcontact_sandbox.faults.next("not_found", path=f"/api/v2/entities/Case/{bad.id}", times=1)
        answer = app.test_client().post(CRON, headers=SECRET)
        body = answer.get_json()
        assert (answer.status_code, body["data"]["status"]) == (200, "partial"), body
        assert "some failures" in body["message"]
        assert (body["data"]["summary"]["total_success"], body["data"]["summary"]["total_failed"]) == (1, 1)
        assert body["meta"]["execution_time_ms"] >= 0
        assert good.id != bad.id

    @pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer wrong"}, {"Authorization": "a-cron-secret"}])
    def test_is_closed_to_whoever_has_no_secret(self, app: Flask, headers: dict[str, str]) -> None:
        error_of(app.test_client().post(CRON, headers=headers), 401, "UNAUTHORIZED")

    def test_without_a_secret_nobody_may(self, app: Flask, platform: Platform) -> None:
        platform.settings = platform.settings.model_copy(update={"cron_secret": None})
        error_of(app.test_client().post(CRON, headers={"Authorization": "Bearer "}), 401, "UNAUTHORIZED")

    @pytest.mark.parametrize(
        ("error", "cause"),
        [
            (psycopg.OperationalError("no route to 10.0.0.7"), "The database cannot be reached or is too busy"),
            (psycopg.errors.InsufficientPrivilege("permission denied"), "The database refused the operation"),
            (ZeroDivisionError("secret"), "Something went wrong here"),
        ],
    )
    def test_what_fails_here_says_so_in_a_safe_sentence(
        self, app: Flask, monkeypatch: pytest.MonkeyPatch, error: Exception, cause: str
    ) -> None:
        def fail(*_: object) -> None:
            raise error

        monkeypatch.setattr(qcontact_requests, "start_recent", fail)
        problem = error_of(app.test_client().post(CRON, headers=SECRET), 500, "CRON_JOB_ERROR")
        assert problem["message"] == "Cron job failed"
        assert problem["details"].startswith(cause)
        assert not any(word in str(problem) for word in ("10.0.0.7", "denied", "secret"))

    def test_takes_post_only(self, app: Flask) -> None:
        assert "POST" in error_of(app.test_client().get(CRON), 405, "METHOD_NOT_ALLOWED")["message"]
