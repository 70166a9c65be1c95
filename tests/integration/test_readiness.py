"""The readiness check on a real database, as jobs and over HTTP: what it keeps, opens, and what takes it back."""

from __future__ import annotations

import itertools
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient

from admin_api.api import readiness as readiness_api
from admin_api.app import create_app
from jobs.kinds.recheck_readiness import recheck_readiness
from sql.database import queries
from tests.factories import Row, make_drop, make_ticket
from tests.factories.access import client_as
from tests.factories.readiness import PLACES, make_photo, make_ready_ticket
from tests.factories.tickets import complete_steps, make_actor, make_many_tickets
from tests.running import run_jobs
from ticketing import readiness, ticket_views, tickets
from ticketing.errors import ConditionNotMet, Forbidden, InvalidInput, NotFound
from ticketing.paging import PageRequest
from ticketing.people import SYSTEM, Actor
from ticketing.readiness import Policy
from ticketing.ticket_input import TicketChanges

if TYPE_CHECKING:
    from jobs.platform import Platform
    from sql.database import Connection

WAIT = 20


@pytest.fixture
def platform(platform: Platform) -> Platform:
    """The platform, with the queues that a process declares when it starts."""
    platform.declare()
    return platform


@pytest.fixture
def qa(connection: Connection) -> Actor:
    return make_actor(connection, "qa")


def check(platform: Platform, actor: Actor, ticket_id: UUID, policy: Policy | None = None) -> dict[str, Any]:
    with platform.begin(actor) as work:
        return readiness.check(work, ticket_id, policy or Policy(), checked_by=actor.user_id)


def update(platform: Platform, actor: Actor, ticket_id: UUID, **fields: Any) -> dict[str, Any]:
    with platform.begin(actor) as work:
        return tickets.update(work, ticket_id, TicketChanges.model_validate(fields))


def events(connection: Connection, ticket_id: UUID) -> list[dict[str, Any]]:
    rows, _ = ticket_views.list_events(connection, SYSTEM, ticket_id, PageRequest(size=100))
    return rows[::-1]


def failed(made: dict[str, Any]) -> list[str]:
    return [one["check_name"] for one in made["failed_checks"]]


class TestChecking:
    def test_a_ticket_fails_with_reasons_is_mended_and_passes(
        self, platform: Platform, connection: Connection, qa: Actor
    ) -> None:
        ticket = make_ticket(connection, status="pending_qa", **PLACES)
        made = check(platform, qa, ticket["id"])
        assert failed(made) == ["photos_exist", "ont_serial_recorded", "ont_rx_recorded"]
        seen = ticket_views.read_ticket(connection, ticket["id"])
        assert (seen["qa_ready"], seen["qa_readiness_check_at"]) == (False, made["checked_at"])
        assert seen["qa_readiness_failed_reasons"] == [one["reason"] for one in made["failed_checks"]]

        for step in (1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 12):
            make_photo(connection, ticket["id"], step)
        update(platform, qa, ticket["id"], ont_serial="ALCL1", ont_rx_level=-19.5)
        made = check(platform, qa, ticket["id"])
        assert (made["passed"], made["checked_by"], made["photos_count"]) == (True, qa.user_id, 11)
        now = ticket_views.read_ticket(connection, ticket["id"])
        assert (now["qa_ready"], now["qa_readiness_failed_reasons"]) == (True, [])
        assert now["updated_at"] > seen["updated_at"]
        assert update(platform, qa, ticket["id"], status="qa_in_progress")["status"] == "qa_in_progress"

    def test_the_timeline_tells_what_was_found(self, platform: Platform, connection: Connection, qa: Actor) -> None:
        ticket = make_ready_ticket(connection, ont_serial=None)
        check(platform, qa, ticket["id"])
        update(platform, qa, ticket["id"], ont_serial="ALCL1")
        made = check(platform, qa, ticket["id"])
        first, _, second = events(connection, ticket["id"])
        assert (first["event_type"], first["after"]) == ("qa_readiness_checked", {})
        assert (first["details"]["passed"], first["details"]["failed"]) == (False, ["ont_serial_recorded"])
        assert (second["before"], second["after"]) == ({"qa_ready": False}, {"qa_ready": True})
        assert second["details"]["check_id"] == str(made["id"])

    @pytest.mark.parametrize(
        "columns",
        [
            {"inspection_status": "rejected"},
            {"inspection_status": "suspect"},
            {"inspection_status": "pending", "inspected_at": None},
            {"deleted_at": "2026-11-20T10:00:00Z"},
            {"is_evidence": False},
            {"file_type": "document"},
        ],
    )
    def test_only_accepted_evidence_photos_count(
        self, platform: Platform, connection: Connection, qa: Actor, columns: Row
    ) -> None:
        ticket = make_ready_ticket(connection)
        connection.execute(
            "update ticket_attachments set deleted_at = now() where ticket_id = %s and step_number = 4", [ticket["id"]]
        )
        make_photo(connection, ticket["id"], 4, **columns)
        made = check(platform, qa, ticket["id"])
        assert (failed(made), made["photos_count"]) == (["photos_exist"], 10)

    def test_platforms_that_disagree_warn_unless_they_are_to_block(
        self, platform: Platform, connection: Connection, qa: Actor
    ) -> None:
        ticket = make_ready_ticket(connection)
        same = {"dr_number": PLACES["dr_number"], "pole_number": PLACES["pole_number"], "pon_number": 7}
        make_drop(connection, **same, zone_number=4)
        made = check(platform, qa, ticket["id"])
        assert (made["passed"], made["platforms_aligned"]) == (True, False)
        (warning,) = made["failed_checks"]
        assert "zone: ticket 3, SOW register 4" in warning["reason"]
        assert ticket_views.read_ticket(connection, ticket["id"])["qa_readiness_failed_reasons"] == []
        assert events(connection, ticket["id"])[-1]["details"]["warnings"] == ["platforms_aligned"]
        assert check(platform, qa, ticket["id"], Policy(platforms_block=True))["passed"] is False
        seen = ticket_views.read_ticket(connection, ticket["id"])
        assert seen["qa_readiness_failed_reasons"] == [warning["reason"]]

    def test_who_may_not_is_refused(self, platform: Platform, connection: Connection, qa: Actor) -> None:
        technician = make_actor(connection, "technician")
        ticket = make_ready_ticket(connection, assigned_to=technician.user_id)
        with pytest.raises(Forbidden):
            check(platform, technician, ticket["id"])
        with pytest.raises(Forbidden), platform.begin(technician) as work:
            readiness.check_many(work, [ticket["id"]], Policy())
        with pytest.raises(NotFound):
            check(platform, qa, uuid4())

    @pytest.mark.parametrize("status", ["closed", "cancelled"])
    def test_a_ticket_that_is_over_is_not_checked(
        self, platform: Platform, connection: Connection, qa: Actor, status: str
    ) -> None:
        with pytest.raises(ConditionNotMet, match=status):
            check(platform, qa, make_ticket(connection, status=status)["id"])

    def test_checks_that_race_are_kept_in_the_order_in_which_they_count(
        self, platform: Platform, connection: Connection, qa: Actor
    ) -> None:
        ticket = make_ready_ticket(connection)
        start = threading.Barrier(4, timeout=WAIT)

        def run(_: int) -> dict[str, Any]:
            start.wait()
            return check(platform, qa, ticket["id"])

        with ThreadPoolExecutor(4) as pool:
            made = list(pool.map(run, range(4)))
        assert len({one["checked_at"] for one in made}) == 4
        newest = max(made, key=lambda one: one["checked_at"])
        row = connection.execute("select * from tickets where id = %s", [ticket["id"]]).fetchone()
        assert row is not None
        assert (row["qa_passed_check_id"], row["qa_readiness_check_at"]) == (newest["id"], newest["checked_at"])

    def test_a_field_that_changes_beside_a_check_never_leaves_a_stale_pass(
        self, platform: Platform, connection: Connection, qa: Actor
    ) -> None:
        ticket = make_ready_ticket(connection)
        for number in range(5):
            start = threading.Barrier(2, timeout=WAIT)

            def checking(start: threading.Barrier = start) -> None:
                start.wait()
                check(platform, qa, ticket["id"])

            def changing(
                start: threading.Barrier = start, serial: str | None = f"A{number}" if number % 2 else None
            ) -> None:
                start.wait()
                update(platform, qa, ticket["id"], ont_serial=serial)

            with ThreadPoolExecutor(2) as pool:
                for end in [pool.submit(checking), pool.submit(changing)]:
                    end.result(WAIT)
            row = connection.execute("select * from tickets where id = %s", [ticket["id"]]).fetchone()
            assert row is not None
            assert row["ont_serial"] is not None or not row["qa_ready"]


class TestManyAtOnce:
    def test_each_ticket_gets_its_result(self, platform: Platform, connection: Connection, qa: Actor) -> None:
        ready, bare = make_ready_ticket(connection), make_ticket(connection)
        closed, unknown = make_ticket(connection, status="closed"), uuid4()
        with platform.begin(qa) as work:
            outcome = readiness.check_many(work, [ready["id"], bare["id"], closed["id"], unknown], Policy())
        told = outcome.as_json()
        assert (told["checked"], told["passed"], told["failed"]) == (2, 1, 1)
        assert {one["ticket_id"]: one["passed"] for one in told["results"]} == {
            str(ready["id"]): True,
            str(bare["id"]): False,
        }
        assert {one["ticket_id"]: one["reason"] for one in told["skipped"]} == {
            str(closed["id"]): "the ticket is closed",
            str(unknown): "no such ticket",
        }

    def test_there_is_a_limit(self, platform: Platform, qa: Actor) -> None:
        with pytest.raises(ValueError, match="at most 500"), platform.begin(qa) as work:
            readiness.check_many(work, [uuid4() for _ in range(501)], Policy())

    def test_every_night_all_that_wait_are_checked_and_only_news_is_told(
        self, platform: Platform, connection: Connection, qa: Actor, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("jobs.kinds.recheck_readiness.AT_ONCE", 2)
        same, stale, bare = (make_ready_ticket(connection) for _ in range(3))
        elsewhere = make_ready_ticket(connection, status="in_progress")
        for ticket in (same, stale, bare):
            check(platform, qa, ticket["id"])
        connection.execute("update tickets set ont_rx_level = -28 where id = %s", [stale["id"]])
        versions = {one["id"]: ticket_views.read_ticket(connection, one["id"])["updated_at"] for one in (same, stale)}
        with platform.begin(SYSTEM) as work:
            work.enqueue(recheck_readiness)

        (job,) = run_jobs(platform)

        assert (job["state"], job["result"]) == ("completed", {"checked": 3, "passed": 2, "failed": 1})
        counts = [
            len(readiness.list_checks(connection, SYSTEM, one["id"], PageRequest())[0]) for one in (same, elsewhere)
        ]
        assert counts == [2, 0]
        assert [event["actor_kind"] for event in events(connection, same["id"])] == ["user"]
        assert [event["actor_kind"] for event in events(connection, stale["id"])] == ["user", "job"]
        assert ticket_views.read_ticket(connection, same["id"])["updated_at"] == versions[same["id"]]
        assert ticket_views.read_ticket(connection, stale["id"])["updated_at"] > versions[stale["id"]]
        reasons = ticket_views.read_ticket(connection, stale["id"])["qa_readiness_failed_reasons"]
        assert reasons == ["The ONT RX level of -28.00 dBm is not within -27.0 to -8.0 dBm"]

    def test_a_night_that_broke_off_goes_on_where_it_was(
        self, platform: Platform, connection: Connection, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("jobs.kinds.recheck_readiness.AT_ONCE", 2)
        waiting = [make_ready_ticket(connection) for _ in range(5)]
        recheck, calls = readiness.recheck_waiting, itertools.count(1)

        def breaks_off(*arguments: Any, **options: Any) -> Any:
            if next(calls) == 2:
                raise RuntimeError("the power is gone")
            return recheck(*arguments, **options)

        monkeypatch.setattr(readiness, "recheck_waiting", breaks_off)
        with platform.begin(SYSTEM) as work:
            work.enqueue(recheck_readiness)
        (first,) = run_jobs(platform)
        assert first["state"] == "retryable"
        connection.execute("update jobs set state = 'available' where id = %s", [first["id"]])

        (second,) = run_jobs(platform)

        assert (second["state"], second["result"]) == ("completed", {"checked": 5, "passed": 5, "failed": 0})
        runs = [len(readiness.list_checks(connection, SYSTEM, one["id"], PageRequest())[0]) for one in waiting]
        assert runs == [1] * 5


class TestLists:
    def test_where_a_ticket_stands(self, platform: Platform, connection: Connection, qa: Actor) -> None:
        ticket = make_ready_ticket(connection, pole_number=None)

        def status() -> dict[str, Any]:
            return readiness.get_status(connection, qa, ticket["id"])

        never = status()
        assert (never["is_ready"], never["last_check"], never["failed_reasons"]) == (False, None, None)
        assert never["next_action"] == "Run readiness check first"
        check(platform, qa, ticket["id"])
        assert (status()["failed_reasons"], status()["next_action"]) == (
            ["The pole number is missing"],
            "Fix failed checks before QA",
        )
        update(platform, qa, ticket["id"], pole_number="LAW.P.A002")
        made = check(platform, qa, ticket["id"])
        passed = status()
        assert (passed["is_ready"], passed["failed_reasons"]) == (True, [])
        assert (passed["last_check"]["id"], passed["next_action"]) == (made["id"], "Ticket is ready for QA")
        update(platform, qa, ticket["id"], pole_number="LAW.P.A003")
        assert (status()["is_ready"], status()["next_action"]) == (False, "Run readiness check first")

    def test_every_run_is_kept_newest_first_and_paged(
        self, platform: Platform, connection: Connection, qa: Actor
    ) -> None:
        ticket = make_ready_ticket(connection)
        made = [check(platform, qa, ticket["id"])["id"] for _ in range(5)][::-1]
        first, cursor = readiness.list_checks(connection, qa, ticket["id"], PageRequest(size=3))
        rest, end = readiness.list_checks(connection, qa, ticket["id"], PageRequest(size=3, cursor=cursor))
        assert [row["id"] for row in [*first, *rest]] == made
        assert end is None
        with pytest.raises(InvalidInput, match="cursor"):
            readiness.list_checks(connection, qa, ticket["id"], PageRequest(cursor="x"))

    @pytest.mark.parametrize("after", [None, "2026-11-20T10:00:00Z"], ids=["first page", "keyset page"])
    def test_a_page_of_runs_uses_an_index(self, connection: Connection, after: str | None) -> None:
        make_many_tickets(connection, 2_000)
        connection.execute(
            "insert into qa_readiness_checks (ticket_id, passed, checked_at, photos_exist, photos_count,"
            " photos_required_count, dr_populated, pole_populated, pon_populated, zone_populated, ont_serial_recorded,"
            " ont_rx_recorded, platforms_aligned)"
            " select id, false, created_at, false, 0, 11, true, true, true, true, true, true, true from tickets,"
            " generate_series(1, 10)"
        )
        connection.execute("analyze qa_readiness_checks")
        ticket = connection.execute("select id from tickets limit 1").fetchone()
        assert ticket is not None
        position = {"after_at": after, "after_id": uuid4() if after else None, "row_limit": 51}
        statement = "explain " + queries("readiness").list_readiness_checks.sql
        plan = connection.execute(statement, {"ticket_id": ticket["id"], **position}).fetchall()
        text = "\n".join(next(iter(line.values())) for line in plan)
        assert "qa_readiness_checks_ticket_id_idx" in text
        assert "Seq Scan" not in text

    def test_those_that_wait_are_found_by_index(self, connection: Connection) -> None:
        make_many_tickets(connection, 20_000)
        connection.execute("analyze tickets")
        statement = "explain " + queries("readiness").list_tickets_that_wait_for_qa.sql
        values = {"status": "pending_qa", "after_at": None, "after_id": None, "row_limit": 200}
        text = "\n".join(next(iter(line.values())) for line in connection.execute(statement, values).fetchall())
        assert "Seq Scan" not in text

    def test_what_a_check_looks_at_is_found_by_index(self, connection: Connection) -> None:
        make_many_tickets(connection, 5_000)
        connection.execute(
            "insert into ticket_attachments (ticket_id, filename, file_type, mime_type, file_size, file_sha256,"
            " storage_key) select id, 'a.jpg', 'photo', 'image/jpeg', 1, repeat('0', 64), id || '-' || n"
            " from tickets, generate_series(1, 6) as n"
        )
        connection.execute("analyze tickets, ticket_attachments")
        ids = [row["id"] for row in connection.execute("select id from tickets limit 50").fetchall()]
        for statement, values in (
            (queries("readiness").list_readiness_facts.sql, {"ticket_ids": ids}),
            (queries("verification").list_verification_steps.sql, {"ticket_id": ids[0]}),
        ):
            plan = connection.execute("explain " + statement, values).fetchall()
            scans = [line for line in (next(iter(row.values())) for row in plan) if "Seq Scan" in line]
            # The register and the twelve kinds of steps are small here.
            assert [scan for scan in scans if "tickets" in scan or "ticket_attachments" in scan] == []


class TestOverHttp:
    @pytest.fixture
    def app(self, platform: Platform) -> Flask:
        return create_app(platform=platform, blueprints=[readiness_api.api])

    @pytest.fixture
    def client(self, app: Flask, platform: Platform) -> FlaskClient:
        return client_as(app, platform, "qa")

    @pytest.fixture
    def ticket(self, connection: Connection) -> Row:
        ticket = make_ready_ticket(connection)
        complete_steps(connection, ticket["id"])
        return ticket

    @pytest.fixture
    def url(self, ticket: Row) -> str:
        return f"/api/ticketing/tickets/{ticket['id']}/qa-readiness"

    def test_a_check_is_answered_in_the_contracts_shape(self, client: FlaskClient, url: str) -> None:
        answer = client.post(f"{url}-check")
        body = answer.get_json()
        assert (answer.status_code, body["data"]["passed"], body["data"]["failed_checks"]) == (200, True, [])
        assert "QA readiness check completed" in body["message"]
        assert set(body["data"]) == set(readiness_api.CheckView.model_fields)
        readiness_api.CheckView.model_validate(body["data"])
        status = client.get(url).get_json()["data"]
        assert set(status) == set(readiness_api.StatusView.model_fields)
        assert (status["is_ready"], status["last_check"]["id"]) == (True, body["data"]["id"])
        assert [row["id"] for row in client.get(f"{url}/history").get_json()["data"]] == [body["data"]["id"]]

    def test_a_failed_check_is_200_with_reasons(
        self, client: FlaskClient, url: str, ticket: Row, connection: Connection
    ) -> None:
        connection.execute("update tickets set zone = null where id = %s", [ticket["id"]])
        answer = client.post(f"{url}-check", json={})
        body = answer.get_json()
        assert answer.status_code == 200
        assert "not ready for QA" in body["message"]
        (one,) = body["data"]["failed_checks"]
        assert set(one) == {"check_name", "reason", "expected", "actual", "blocking"}
        assert (one["check_name"], one["actual"]) == ("zone_populated", None)

    @pytest.mark.parametrize("data", [b"", b"{", b"[]", b"null"])
    def test_a_body_that_says_nothing_is_none(self, client: FlaskClient, url: str, data: bytes) -> None:
        answer = client.post(f"{url}-check", data=data)
        assert (answer.status_code, answer.get_json()["data"]["checked_by"]) == (200, None)

    def test_who_checked_is_no_ones_claim(
        self, app: Flask, platform: Platform, client: FlaskClient, url: str, qa: Actor
    ) -> None:
        assert client.post(f"{url}-check", json={"checked_by": "user-1"}).status_code == 422
        assert client.post(f"{url}-check", json={"checked_by": str(qa.user_id)}).status_code == 403
        admin = client_as(app, platform, "admin")
        answer = admin.post(f"{url}-check", json={"checked_by": str(qa.user_id)})
        assert answer.get_json()["data"]["checked_by"] == str(qa.user_id)

    def test_it_runs_as_a_job_when_nobody_waits(
        self, client: FlaskClient, url: str, ticket: Row, platform: Platform
    ) -> None:
        answer = client.post(f"{url}-check?async=true")
        assert answer.status_code == 202
        queued = answer.get_json()["data"]
        assert queued["ticket_ids"] == [str(ticket["id"])]
        (job,) = run_jobs(platform)
        assert (str(job["id"]), job["state"]) == (queued["job_id"], "completed")
        assert (job["result"]["passed"], job["result"]["failed"]) == (1, 0)
        assert client.get(url).get_json()["data"]["is_ready"] is True

    def test_many_are_checked_by_one_job(
        self, client: FlaskClient, ticket: Row, platform: Platform, connection: Connection
    ) -> None:
        other = make_ticket(connection)
        ids = [str(ticket["id"]), str(other["id"]), str(ticket["id"])]
        answer = client.post("/api/ticketing/qa-readiness-checks", json={"ticket_ids": ids})
        assert answer.status_code == 202
        (job,) = run_jobs(platform)
        assert (job["result"]["checked"], job["result"]["passed"]) == (2, 1)

    @pytest.mark.parametrize("ids", [[], ["x"], None, [str(uuid4())] * 501], ids=["none", "odd", "absent", "many"])
    def test_many_are_some_but_not_too_many(self, client: FlaskClient, ids: Any) -> None:
        assert client.post("/api/ticketing/qa-readiness-checks", json={"ticket_ids": ids}).status_code == 422

    @pytest.mark.parametrize(
        ("method", "path"), [("post", "-check"), ("post", "-check?async=true"), ("get", ""), ("get", "/history")]
    )
    def test_unknown_tickets_and_odd_ids(self, client: FlaskClient, method: str, path: str) -> None:
        send = getattr(client, method)
        assert send(f"/api/ticketing/tickets/{uuid4()}/qa-readiness{path}").status_code == 404
        odd = send(f"/api/ticketing/tickets/7/qa-readiness{path}")
        assert odd.status_code == 422
        assert "Invalid ticket ID format" in odd.get_json()["error"]["message"]

    def test_who_reads_may_look_and_not_run_it(self, app: Flask, platform: Platform, url: str) -> None:
        viewer = client_as(app, platform, "viewer")
        assert viewer.get(url).status_code == 200
        assert viewer.post(f"{url}-check").status_code == 403
