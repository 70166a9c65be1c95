"""What operators see and do: jobs, bulk actions, queues, schedules, workers; each action with an audit row."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient

from jobs import operations, schedules
from jobs.context import JobContext
from jobs.kinds.act_on_jobs import act_on_jobs
from jobs.ledger import EnqueuedJob
from jobs.platform import Platform
from jobs.registry import JobArgs, NoArgs, Registry, job
from runtime.settings import Settings
from tests.factories import make, make_ticket
from tests.factories.access import client_as
from tests.job_kinds import Effect, Key, Scene, Steps, effect, scene, steps, unique
from tests.running import run_jobs
from tests.stand_in import StandIn, job_row, platform_for_tests
from ticketing.errors import InvalidInput
from ticketing.people import SYSTEM

BASE = "/api/ticketing"


class Secretive(JobArgs):
    """One argument that nobody may read back, and one that everybody may."""

    token: str
    note: str


@job("test_secretive", queue="tickets", redact=("token",), unique_by=("token",))
def secretive(args: Secretive, context: Any) -> None:
    """Do nothing."""


@pytest.fixture
def platform(settings: Settings) -> Iterator[Platform]:
    with platform_for_tests(settings) as platform:
        yield platform


@pytest.fixture
def operator(app: Flask, platform: Platform) -> FlaskClient:
    return client_as(app, platform, "operator", name="Olwethu's script")


def enqueue(platform: Platform, kind: Any, arguments: JobArgs, **options: Any) -> EnqueuedJob:
    with platform.begin(SYSTEM) as work:
        return work.enqueue(kind, arguments, **options)


def get(client: FlaskClient, path: str, **query: Any) -> Any:
    answer = client.get(BASE + path, query_string=query)
    assert answer.status_code == 200, answer.text
    body: Any = answer.json
    return body


def data(client: FlaskClient, path: str, **query: Any) -> Any:
    return get(client, path, **query)["data"]


def post(client: FlaskClient, path: str, status: int = 200, **body: Any) -> Any:
    answer = client.post(BASE + path, json=body)
    assert answer.status_code == status, answer.text
    found: Any = answer.json
    return found["data"] if found["success"] else found["error"]


def ids(rows: list[dict[str, Any]]) -> list[str]:
    return [row["id"] for row in rows]


def test_jobs_are_listed_newest_first_by_any_filter(platform: Platform, operator: FlaskClient) -> None:
    ticket = uuid4()
    first = enqueue(platform, effect, Effect(), tags=("night",), subjects=(("ticket", ticket),))
    second = enqueue(platform, scene, Scene(plot="discard"))
    third = enqueue(platform, steps, Steps(), at=platform.clock.now() + timedelta(days=1))
    run_jobs(platform)

    assert ids(data(operator, "/jobs")) == [str(third.id), str(second.id), str(first.id)]
    for query, expected in (
        ({"state": "completed"}, first),
        ({"kind": "test_scene"}, second),
        ({"queue": "imports"}, third),
        ({"tag": "night"}, first),
        ({"subject_type": "ticket", "subject_id": str(ticket)}, first),
        ({"error_text": "NEVER WORK"}, second),
    ):
        assert ids(data(operator, "/jobs", **query)) == [str(expected.id)], query
    assert data(operator, "/jobs", created_before="2020-01-01T00:00:00+02:00") == []
    assert len(data(operator, "/jobs", created_after="2020-01-01T00:00:00Z", actor_name="system")) == 3
    assert data(operator, "/jobs/counts")["discarded"] == 1


def test_jobs_name_what_they_are_about(platform: Platform, operator: FlaskClient) -> None:
    tickets = [make(platform, make_ticket) for _ in range(5)]
    about = [("ticket", ticket["id"]) for ticket in tickets]
    enqueue(platform, effect, Effect(), subjects=[*about[:1], ("report", "r-1"), ("ticket", "gone")])
    many = enqueue(platform, effect, Effect(), subjects=about)
    enqueue(platform, effect, Effect())

    none, some, few = (job["subjects"] for job in data(operator, "/jobs"))

    assert none == []
    assert len(some) == 3, "a list names the first ones"
    assert {one["subject_name"] for one in some} < {ticket["ticket_uid"] for ticket in tickets}
    assert [(one["subject_type"], one["subject_name"]) for one in few] == [
        ("report", None),
        ("ticket", tickets[0]["ticket_uid"]),
        ("ticket", None),
    ]
    assert len(data(operator, f"/jobs/{many.id}")["subjects"]) == 5


def test_a_list_goes_on_where_the_page_before_ended(platform: Platform, operator: FlaskClient) -> None:
    made = [str(enqueue(platform, effect, Effect()).id) for _ in range(5)]
    seen: list[str] = []
    query: dict[str, Any] = {"pageSize": 2}
    while True:
        page = get(operator, "/jobs", **query)
        seen += ids(page["data"])
        if page["pagination"]["next_cursor"] is None:
            break
        query["cursor"] = page["pagination"]["next_cursor"]
    assert seen == made[::-1]


@pytest.mark.parametrize(
    "query",
    [
        {"state": "sleeping"},
        {"created_after": "yesterday"},
        {"created_after": "2026-01-01T00:00:00"},
        {"cursor": "x"},
        {"pageSize": 101},
        {"subject_type": "ticket"},
        {"nonsense": 1},
    ],
    ids=str,
)
def test_a_filter_that_makes_no_sense_is_refused(operator: FlaskClient, query: dict[str, Any]) -> None:
    assert operator.get(f"{BASE}/jobs", query_string=query).status_code == 422


def test_a_job_tells_its_whole_story(platform: Platform, operator: FlaskClient) -> None:
    made = enqueue(platform, steps, Steps(steps=3), subjects=(("report", "r-1"),), tags=("t",))
    run_jobs(platform)

    shown = data(operator, f"/jobs/{made.id}")

    assert (shown["state"], shown["result"], shown["arguments"]["steps"]) == ("completed", {"steps": 3}, 3)
    assert (shown["progress_done"], shown["progress_total"], shown["progress_phase"]) == (3, 3, "stepping")
    assert (shown["eta_seconds"], shown["cancel_requested"]) == (None, False)
    assert shown["subjects"] == [{"subject_type": "report", "subject_id": "r-1", "subject_name": None}]
    [attempt] = shown["attempts"]
    assert (attempt["attempt"], attempt["outcome"]) == (1, "done")
    assert attempt["run_seconds"] >= 0
    lines = data(operator, f"/jobs/{made.id}/attempts/1/log")
    assert [(line["message"], line["fields"]) for line in lines] == [
        ("step done", {"number": number}) for number in range(3)
    ]


def test_a_failure_shows_class_message_and_trace_with_numbers_masked(platform: Platform, operator: FlaskClient) -> None:
    made = enqueue(platform, scene, Scene(plot="fail"))
    run_jobs(platform)
    shown = data(operator, f"/jobs/{made.id}")
    assert (shown["state"], shown["error_class"]) == ("retryable", "RuntimeError")
    [attempt] = shown["attempts"]
    assert "Traceback" in attempt["error_trace"]
    assert "82 555 0199" not in str(shown)


def test_arguments_are_redacted_wherever_they_could_be_read(platform: Platform, operator: FlaskClient) -> None:
    made = enqueue(platform, secretive, Secretive(token="hunter2", note="n"))
    answer = operator.get(f"{BASE}/jobs/{made.id}")
    assert "hunter2" not in answer.text
    assert answer.json is not None
    assert answer.json["data"]["arguments"] == {"token": "***", "note": "n"}
    assert "hunter2" not in operator.get(f"{BASE}/jobs").text


def test_the_arguments_of_a_kind_of_another_release_are_masked_whole(platform: Platform, operator: FlaskClient) -> None:
    made = enqueue(platform, secretive, Secretive(token="hunter2", note="n"))
    platform.registry = Registry()
    assert data(operator, f"/jobs/{made.id}")["arguments"] == {"token": "***", "note": "***"}


@pytest.mark.parametrize("tail", ["", "/attempts/1/log", "/retry", "/cancel", "/discard"])
def test_an_unknown_job_is_404_and_never_pending(operator: FlaskClient, tail: str) -> None:
    method = "POST" if tail in {"/retry", "/cancel", "/discard"} else "GET"
    assert operator.open(f"{BASE}/jobs/{uuid4()}{tail}", method=method).status_code == 404
    assert operator.open(f"{BASE}/jobs/nonsense{tail}", method=method).status_code == 422


@pytest.mark.parametrize("attempt", ["0", "2", "-1", "one", "²", "9" * 30])
def test_an_attempt_that_never_was_has_no_log(platform: Platform, operator: FlaskClient, attempt: str) -> None:
    made = enqueue(platform, effect, Effect())
    run_jobs(platform)
    assert operator.get(f"{BASE}/jobs/{made.id}/attempts/{attempt}/log").status_code == 404


def audited(operator: FlaskClient, target: object) -> list[tuple[str, str, str | None]]:
    rows = data(operator, "/audit", target_id=str(target))
    return [(row["action"], row["actor_name"], row["reason"]) for row in rows]


def test_a_discarded_job_is_retried_as_a_new_attempt(platform: Platform, operator: FlaskClient) -> None:
    made = enqueue(platform, scene, Scene(plot="discard"))
    run_jobs(platform)

    answer = post(operator, f"/jobs/{made.id}/retry", reason="the cause is mended")
    assert answer == {"id": str(made.id), "state": "available", "cancel_requested": False}

    run_jobs(platform)
    shown = data(operator, f"/jobs/{made.id}")
    assert [attempt["attempt"] for attempt in shown["attempts"]] == [1, 2]
    assert audited(operator, made.id) == [("job_retry", "Olwethu's script", "the cause is mended")]


def test_a_waiting_job_is_cancelled_at_once_and_not_run(platform: Platform, operator: FlaskClient) -> None:
    made = enqueue(platform, effect, Effect())
    assert post(operator, f"/jobs/{made.id}/cancel")["state"] == "cancelled"
    assert run_jobs(platform) == []
    assert audited(operator, made.id) == [("job_cancel", "Olwethu's script", None)]


def test_a_running_job_is_asked_to_stop_and_says_so(platform: Platform, operator: FlaskClient) -> None:
    made = enqueue(platform, effect, Effect())
    worker = StandIn(platform)
    worker.claim_one(made.id)
    answer = post(operator, f"/jobs/{made.id}/cancel", reason="wrong file")
    assert (answer["state"], answer["cancel_requested"]) == ("running", True)
    assert data(operator, f"/jobs/{made.id}")["cancel_requested"] is True
    assert data(operator, f"/jobs/{made.id}")["cancel_reason"] == "wrong file"
    worker.leave()


def test_a_waiting_job_is_discarded(platform: Platform, operator: FlaskClient) -> None:
    made = enqueue(platform, effect, Effect())
    assert post(operator, f"/jobs/{made.id}/discard", reason="nobody needs it")["state"] == "discarded"


def test_an_action_that_the_state_forbids_is_409_and_leaves_no_audit(platform: Platform, operator: FlaskClient) -> None:
    made = enqueue(platform, effect, Effect())
    run_jobs(platform)
    error = post(operator, f"/jobs/{made.id}/cancel", 409)
    assert error["code"] == "CONDITION_NOT_MET"
    assert error["details"]["state"] == "completed"
    assert audited(operator, made.id) == []


def test_a_retry_beside_an_unfinished_twin_is_409(platform: Platform, operator: FlaskClient) -> None:
    first = enqueue(platform, unique, Key(key="k"))
    post(operator, f"/jobs/{first.id}/cancel")
    enqueue(platform, unique, Key(key="k"))
    assert post(operator, f"/jobs/{first.id}/retry", 409)["code"] == "ALREADY_EXISTS"


@pytest.mark.parametrize("body", [{"reason": ""}, {"reason": "x" * 501}, {"reson": "typo"}, {"reason": 5}])
def test_an_action_with_a_wrong_body_is_refused(
    platform: Platform, operator: FlaskClient, body: dict[str, Any]
) -> None:
    made = enqueue(platform, effect, Effect())
    assert post(operator, f"/jobs/{made.id}/cancel", 422, **body)["code"] == "VALIDATION_ERROR"


def test_an_action_sent_twice_with_a_key_is_done_once(platform: Platform, operator: FlaskClient) -> None:
    made = enqueue(platform, effect, Effect())
    answers = [operator.post(f"{BASE}/jobs/{made.id}/cancel", headers={"Idempotency-Key": "once"}) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert len(audited(operator, made.id)) == 1


def test_a_job_that_is_having_children_is_cancelled_at_once(platform: Platform) -> None:
    worker = StandIn(platform)
    made = enqueue(platform, effect, Effect())
    worker.claim_one(made.id)
    [attempt] = worker.board.attempts()
    with JobContext(platform, attempt).step() as step:
        step.enqueue(effect, Effect())
        with platform.begin(SYSTEM) as work:
            work.connection.execute("set local lock_timeout = '5s'")
            assert operations.act_on_job(work, made.id, "cancel") == "running"
    assert job_row(platform, made.id)["cancel_requested_at"] is not None


def test_a_bulk_action_shows_its_count_first_and_is_a_job_itself(platform: Platform, operator: FlaskClient) -> None:
    failed = [enqueue(platform, scene, Scene(plot="discard")) for _ in range(3)]
    enqueue(platform, effect, Effect())
    run_jobs(platform)
    over = {"kind": "test_scene", "state": "discarded"}
    wish: dict[str, Any] = {"action": "retry", "filter": over, "reason": "mended"}

    counted = post(operator, "/jobs/bulk", **wish)
    assert counted == {"action": "retry", "count": 3, "count_is_capped": False, "job_id": None}
    assert data(operator, "/jobs", state="discarded", pageSize=1)

    started = post(operator, "/jobs/bulk", 202, **wish, dry_run=False, per_second=1000)
    after = enqueue(platform, scene, Scene(plot="discard"))
    run_jobs(platform)

    bulk = data(operator, f"/jobs/{started['job_id']}")
    assert (bulk["kind"], bulk["state"], bulk["result"]) == (act_on_jobs.name, "completed", {"acted_on": 3, "of": 3})
    assert all(len(data(operator, f"/jobs/{one.id}")["attempts"]) == 2 for one in failed)
    assert len(data(operator, f"/jobs/{after.id}")["attempts"]) == 1
    assert audited(operator, started["job_id"]) == [("jobs_bulk", "Olwethu's script", "mended")]


def test_a_bulk_action_over_nothing_starts_nothing(operator: FlaskClient) -> None:
    wish: dict[str, Any] = {"action": "cancel", "filter": {"queue": "imports"}, "reason": "r", "dry_run": False}
    assert post(operator, "/jobs/bulk", **wish)["job_id"] is None
    assert data(operator, "/jobs") == []


@pytest.mark.parametrize(
    "changes",
    [
        {"action": "explode"},
        {"filter": {"state": "completed"}},
        {"filter": {"stat": "typo"}},
        {"reason": " "},
        {"per_second": 0},
    ],
    ids=str,
)
def test_a_bulk_action_that_makes_no_sense_is_refused(operator: FlaskClient, changes: dict[str, Any]) -> None:
    wish: dict[str, Any] = {"action": "retry", "filter": {}, "reason": "r", **changes}
    post(operator, "/jobs/bulk", 422, **wish)


def queue(client: FlaskClient, name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(row for row in data(client, "/queues") if row["name"] == name)
    return found


def test_a_queue_is_paused_with_a_reason_and_resumed(platform: Platform, operator: FlaskClient) -> None:
    enqueue(platform, effect, Effect())
    post(operator, "/queues/tickets/pause", reason="the CRM is down")
    paused = queue(operator, "tickets")
    assert (paused["pause_reason"], paused["paused_by"], paused["available"]) == (
        "the CRM is down",
        "Olwethu's script",
        1,
    )
    post(operator, "/queues/tickets/resume", reason="it is back")
    assert queue(operator, "tickets")["paused_at"] is None
    assert audited(operator, "tickets") == [
        ("queue_resume", "Olwethu's script", "it is back"),
        ("queue_pause", "Olwethu's script", "the CRM is down"),
    ]


def test_a_queue_is_limited_and_the_limit_lifted(operator: FlaskClient) -> None:
    post(operator, "/queues/imports/limit", limit=2)
    assert queue(operator, "imports")["concurrency_limit"] == 2
    post(operator, "/queues/imports/limit", limit=None, reason="enough workers")
    assert queue(operator, "imports")["concurrency_limit"] is None


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/queues/nowhere/pause", {"reason": "r"}, 404),
        ("/queues/nowhere/resume", {}, 404),
        ("/queues/nowhere/limit", {"limit": 1}, 404),
        ("/queues/tickets/pause", {}, 422),
        ("/queues/tickets/pause", {"reason": "  "}, 422),
        ("/queues/tickets/limit", {"limit": 0}, 422),
        ("/queues/tickets/limit", {}, 422),
    ],
)
def test_what_cannot_be_done_to_a_queue_is_refused(
    operator: FlaskClient, path: str, body: dict[str, Any], status: int
) -> None:
    post(operator, path, status, **body)


@pytest.fixture
def nightly(platform: Platform) -> str:
    """A schedule of a job kind that only this test knows."""
    registry = Registry()

    @job("test_nightly", queue="maintenance", cron="0 2 * * *", registry=registry)
    def run(args: NoArgs, context: Any) -> None:
        """Do nothing."""

    platform.registry.add(run)
    with platform.begin(SYSTEM) as work:
        schedules.declare(work.connection, registry, work.now)
    return run.name


def test_schedules_tell_next_and_last_runs_and_whether_they_are_late(
    platform: Platform, operator: FlaskClient, nightly: str
) -> None:
    [row] = data(operator, "/schedules")
    assert (row["name"], row["cron"], row["late"], row["last_runs"]) == (nightly, "0 2 * * *", False, [])
    assert len(row["next_runs"]) == 3
    assert row["next_runs"][0].endswith("T00:00:00.000Z")

    with platform.begin(SYSTEM) as work:
        fire_at = work.now - timedelta(hours=1)
        work.enqueue(platform.registry.get(nightly), tick=(nightly, fire_at))
        work.connection.execute("update schedules set next_fire_at = %s", [fire_at])
    shown = data(operator, f"/schedules/{nightly}")
    assert shown["late"] is True
    assert [run["state"] for run in shown["last_runs"]] == ["available"]


def test_a_schedule_is_run_now(operator: FlaskClient, nightly: str) -> None:
    answer = post(operator, f"/schedules/{nightly}/run", 202, reason="month end")
    made = data(operator, f"/jobs/{answer['job_id']}")
    assert (made["kind"], made["tags"]) == (nightly, ["run_now"])
    assert answer["status_url"] == f"{BASE}/jobs/{answer['job_id']}"
    assert audited(operator, nightly) == [("schedule_run_now", "Olwethu's script", "month end")]


def test_a_schedule_is_paused_and_resumed(platform: Platform, operator: FlaskClient, nightly: str) -> None:
    until = (platform.clock.now() + timedelta(days=3)).isoformat()
    post(operator, f"/schedules/{nightly}/pause", until=until, reason="year end")
    [row] = data(operator, "/schedules")
    assert (row["pause_reason"], row["late"]) == ("year end", False)
    assert row["next_runs"][0] > row["paused_until"]
    post(operator, f"/schedules/{nightly}/resume")
    assert data(operator, f"/schedules/{nightly}")["paused_until"] is None


@pytest.mark.parametrize(
    "until", ["9999-12-31T23:59:59-01:00", "9999-12-31T23:59:59+00:00", "9999-12-31", "2150-01-01T00:00:00+02:00"]
)
def test_a_pause_for_ever_is_refused_and_says_what_to_do(
    platform: Platform, operator: FlaskClient, nightly: str, until: str
) -> None:
    moment = datetime.fromisoformat(until)
    with platform.begin(SYSTEM) as work, pytest.raises(InvalidInput, match="pause it again") as refused:
        operations.pause_schedule(work, nightly, moment if moment.tzinfo else moment.replace(tzinfo=UTC), "for ever")
    assert refused.value.details == {"until": "at most 100 years from now"}
    assert "until" in post(operator, f"/schedules/{nightly}/pause", 422, until=until, reason="for ever")["details"]
    [row] = data(operator, "/schedules")
    assert (row["paused_until"], len(row["next_runs"])) == (None, 3)
    assert audited(operator, nightly) == []


def test_a_schedule_that_fires_no_more_is_shown_among_the_others(
    platform: Platform, operator: FlaskClient, nightly: str
) -> None:
    with platform.begin(SYSTEM) as work:
        work.connection.execute("update schedules set cron = '0 0 30 2 *', next_fire_at = %s", [work.now])
    assert data(operator, f"/schedules/{nightly}")["next_runs"] == []


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/schedules/nowhere/run", {}, 404),
        ("/schedules/nowhere/resume", {}, 404),
        ("/schedules/nowhere/pause", {"until": "2099-01-01T00:00:00Z", "reason": "r"}, 404),
        ("/schedules/test_nightly/pause", {"until": "2020-01-01T00:00:00Z", "reason": "r"}, 422),
        ("/schedules/test_nightly/pause", {"until": "2099-01-01T00:00:00", "reason": "r"}, 422),
        ("/schedules/test_nightly/pause", {"until": "2099-01-01T00:00:00Z"}, 422),
    ],
)
def test_what_cannot_be_done_to_a_schedule_is_refused(
    operator: FlaskClient, nightly: str, path: str, body: dict[str, Any], status: int
) -> None:
    post(operator, path, status, **body)


def test_an_unknown_schedule_is_404(operator: FlaskClient) -> None:
    assert operator.get(f"{BASE}/schedules/nowhere").status_code == 404


def test_workers_tell_what_they_do_and_are_quietened(platform: Platform, operator: FlaskClient) -> None:
    worker = StandIn(platform)
    made = enqueue(platform, effect, Effect())
    worker.claim_one(made.id)

    listed = get(operator, "/workers")
    [row] = listed["data"]
    assert (row["id"], row["status"], row["job_ids"]) == (str(worker.id), "alive", [str(made.id)])
    assert listed["meta"]["leader"] is None

    assert post(operator, f"/workers/{worker.id}/quiet", reason="draining") == {"id": str(worker.id), "quiet": True}
    assert data(operator, "/workers")[0]["status"] == "quiet"
    post(operator, f"/workers/{worker.id}/wake")
    assert data(operator, "/workers")[0]["status"] == "alive"
    assert [action for action, _, _ in audited(operator, worker.id)] == ["worker_wake", "worker_quiet"]
    worker.leave()


def test_an_unknown_worker_is_404(operator: FlaskClient) -> None:
    post(operator, f"/workers/{uuid4()}/quiet", 404)
    post(operator, "/workers/nonsense/wake", 422)


def test_the_audit_pages_filters_and_names_the_request(platform: Platform, operator: FlaskClient) -> None:
    made = [enqueue(platform, effect, Effect()).id for _ in range(3)]
    for number, job_id in enumerate(made):
        operator.post(f"{BASE}/jobs/{job_id}/cancel", headers={"X-Request-ID": f"request-{number}"})
    first = get(operator, "/audit", action="job_cancel", target_type="job", pageSize=2)
    assert [row["request_id"] for row in first["data"]] == ["request-2", "request-1"]
    rest = get(operator, "/audit", pageSize=2, cursor=first["pagination"]["next_cursor"])
    assert [row["target_id"] for row in rest["data"]] == [str(made[0])]
    assert rest["pagination"]["next_cursor"] is None
    assert data(operator, "/audit", actor_name="nobody") == []


def test_an_action_and_its_audit_are_one_transaction(
    platform: Platform, operator: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = enqueue(platform, effect, Effect())

    def fail(*_args: object, **_options: object) -> None:
        raise RuntimeError("no audit, no action")

    monkeypatch.setattr(operations, "audit", fail)
    post(operator, f"/jobs/{made.id}/cancel", 500)
    assert data(operator, f"/jobs/{UUID(str(made.id))}")["state"] == "available"
