"""Health and measures: alive, ready, degraded, down; and what Prometheus reads of the ledger."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import pytest
from flask import Flask
from prometheus_client.parser import text_string_to_metric_families

from admin_api import measures
from admin_api.app import create_app
from jobs import health
from jobs.broker import Wire
from runtime.settings import Settings
from sql.database import Connection, queries
from tests.clocks import FixedClock
from tests.factories import insert
from tests.factories.access import client_as, client_with
from tests.plans import nodes

if TYPE_CHECKING:
    from jobs.platform import Platform


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Settings by which a worker that gave one sign of life is alive for as long as a test lasts."""
    return settings.model_copy(update={"worker_lost_after": 300.0})


def make_job(connection: Connection, **columns: Any) -> dict[str, Any]:
    row = {"kind": "nothing", "queue": "tickets", "state": "available", "max_attempts": 3}
    return insert(connection, "jobs", **row | {"actor_kind": "system", "actor_name": "test"} | columns)


def start_worker(connection: Connection, role: str = "worker") -> UUID:
    row = {"role": role, "host": "h", "pid": 1, "version": "1", "threads": 8, "heartbeat_interval": 1}
    worker: UUID = insert(connection, "workers", **row)["id"]
    return worker


def lead(connection: Connection) -> None:
    connection.execute(
        "insert into leases (name, holder_id, holder_name, token, acquired_at, expires_at)"
        " values ('scheduler', %s, 'h', 1, now(), now() + interval '1 minute')",
        [uuid4()],
    )


def ready(app: Flask) -> tuple[int, dict[str, Any]]:
    answer = client_with(app).get("/readyz")
    body: Any = answer.json
    return answer.status_code, body["data"] if body["success"] else body["error"]


def test_alive_asks_nobody(app: Flask, platform: Platform) -> None:
    platform.database.close()
    assert client_with(app).get("/healthz").status_code == 200


def test_ready_when_everything_runs(app: Flask, platform: Platform) -> None:
    with platform.read() as connection:
        start_worker(connection)
        lead(connection)
    status, data = ready(app)
    assert (status, data["status"]) == (200, "ready")
    assert {part["state"] for part in data["parts"].values()} == {"ok"}
    assert set(data["parts"]) == {"database", "schema", "redis", "scheduler", "schedules", "workers", "backlog"}


def test_what_lies_behind_the_api_may_be_away_and_each_part_says_what_to_do(app: Flask, platform: Platform) -> None:
    with platform.read() as connection:
        old = platform.clock.now() - timedelta(minutes=10)
        make_job(connection, scheduled_at=old)
        insert(
            connection, "schedules", name="nightly", kind="nothing", cron="0 2 * * *", missed="skip", next_fire_at=old
        )
    platform.wire = Wire("redis://127.0.0.1:1/0", "nowhere")

    status, data = ready(app)

    assert (status, data["status"]) == (200, "degraded")
    degraded = {name: part for name, part in data["parts"].items() if part["state"] == "degraded"}
    assert set(degraded) == {"redis", "scheduler", "schedules", "workers", "backlog"}
    assert all(part["remedy"] for part in degraded.values())
    assert "nightly" in degraded["schedules"]["message"]
    assert degraded["backlog"]["details"]["waiting"] == 1


def test_what_a_paused_queue_or_schedule_keeps_back_is_no_trouble(app: Flask, platform: Platform) -> None:
    with platform.read() as connection:
        old = platform.clock.now() - timedelta(minutes=10)
        make_job(connection, scheduled_at=old)
        connection.execute("update queues set paused_at = now(), paused_by = 'x', pause_reason = 'y'")
        insert(
            connection,
            "schedules",
            name="nightly",
            kind="nothing",
            cron="0 2 * * *",
            missed="skip",
            next_fire_at=old,
            paused_until=platform.clock.now() + timedelta(days=1),
            pause_reason="holidays",
        )
    _, data = ready(app)
    assert data["parts"]["backlog"]["state"] == data["parts"]["schedules"]["state"] == "ok"
    assert "tickets" in data["parts"]["backlog"]["details"]["paused_queues"]


def fill(connection: Connection, queue: str, jobs: int) -> None:
    connection.execute(
        "insert into jobs (kind, queue, state, max_attempts, actor_kind, actor_name)"
        " select 'nothing', %s, 'available', 1, 'system', 'test' from generate_series(1, %s)",
        [queue, jobs],
    )


def test_many_fresh_jobs_of_one_queue_hide_no_old_one_of_another(app: Flask, platform: Platform) -> None:
    with platform.read() as connection:
        fill(connection, "imports", 3)
        make_job(connection, scheduled_at=platform.clock.now() - timedelta(hours=5))
        with pytest.MonkeyPatch.context() as few:
            few.setattr(health, "COUNTED_BY_QUEUE", 3)
            backlog = ready(app)[1]["parts"]["backlog"]
    assert backlog["state"] == "degraded"
    assert backlog["message"].startswith("At least 4 jobs wait, the oldest for 18")
    assert (backlog["details"]["waiting"], backlog["details"]["waiting_is_capped"]) == (4, True)


def test_the_backlog_is_told_at_the_cost_of_its_head(platform: Platform) -> None:
    with platform.read() as connection:
        connection.execute("set max_parallel_workers_per_gather = 0")
        fill(connection, "imports", 20_000)
        fill(connection, "maintenance", 20_000)
        connection.execute("analyze jobs")
        connection.execute(
            "update queues set paused_at = now(), paused_by = 'x', pause_reason = 'y' where name = 'maintenance'"
        )
        [row] = connection.execute(
            "explain (analyze, format json) " + queries("health").vital_signs.sql,
            {"lost_after": timedelta(), "now": platform.clock.now(), "schedule_grace": timedelta(), "cap": 100},
        ).fetchall()
    scans = [node for node in nodes(row["QUERY PLAN"][0]["Plan"]) if node.get("Relation Name") == "jobs"]
    assert scans
    assert all(node.get("Index Name") == "jobs_available" for node in scans)
    assert sum(node["Actual Rows"] * node["Actual Loops"] for node in scans) <= 100


def test_a_foreign_schema_is_down_and_names_the_command(app: Flask, platform: Platform) -> None:
    with platform.read() as connection:
        connection.execute("insert into schema_migrations (name, checksum) values ('9999_later', 'x')")
    status, error = ready(app)
    assert status == 503
    assert "fibreflow migrate" in error["details"]["parts"]["schema"]["remedy"]


def test_without_a_database_it_is_down(app: Flask, platform: Platform) -> None:
    platform.database.close()
    status, error = ready(app)
    assert status == 503
    assert error["details"]["parts"]["database"]["state"] == "down"
    assert error["details"]["parts"]["redis"]["state"] == "ok"


Measures = dict[tuple[str, frozenset[tuple[str, str]]], float]


def read(app: Flask, platform: Platform) -> Measures:
    answer = client_as(app, platform, "operator").get("/metrics")
    assert answer.status_code == 200
    assert answer.content_type.startswith("text/plain; version=")
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def value(found: Measures, name: str, **labels: str) -> float | None:
    return found.get((name, frozenset(labels.items())))


def test_measures_need_an_operator(app: Flask, platform: Platform) -> None:
    assert client_with(app).get("/metrics").status_code == 401
    assert client_as(app, platform, "viewer").get("/metrics").status_code == 403


def test_measures_tell_depth_age_processes_and_leader(app: Flask, platform: Platform) -> None:
    with platform.read() as connection:
        for minutes in (1, 2):
            make_job(connection, scheduled_at=platform.clock.now() - timedelta(minutes=minutes))
        make_job(connection, state="scheduled", queue="imports")
        start_worker(connection)
        lead(connection)
        connection.execute(
            "update queues set paused_at = now(), paused_by = 'x', pause_reason = 'y' where name = 'imports'"
        )
    found = read(app, platform)
    assert value(found, "fibreflow_ledger_up") == 1
    assert value(found, "fibreflow_jobs", queue="tickets", state="available") == 2
    assert value(found, "fibreflow_jobs", queue="imports", state="scheduled") == 1
    assert 100 < (value(found, "fibreflow_queue_oldest_seconds", queue="tickets") or 0) < 200
    assert value(found, "fibreflow_processes_alive", role="worker") == 1
    assert value(found, "fibreflow_processes_threads", role="worker") == 8
    assert value(found, "fibreflow_processes_alive", role="scheduler") == 0
    assert value(found, "fibreflow_scheduler_leads") == 1
    assert value(found, "fibreflow_queue_paused", queue="imports") == 1
    assert value(found, "fibreflow_queue_paused", queue="tickets") == 0
    assert value(found, "fibreflow_database_pool", figure="pool_max") is not None


def end_attempt(connection: Connection, clock: FixedClock, outcome: str, waited: float, ran: float) -> None:
    job = make_job(connection, state="completed", finished_at=clock.now())
    started = clock.now() - timedelta(seconds=ran)
    insert(
        connection,
        "job_attempts",
        job_id=job["id"],
        fence=1,
        attempt=1,
        outcome=outcome,
        scheduled_at=started - timedelta(seconds=waited),
        started_at=started,
        finished_at=clock.now(),
    )


def test_attempts_grow_histograms_each_counted_once(
    platform: Platform, frozen_clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measures, "READ_EVERY", 0.0)
    platform.clock = frozen_clock
    platform.declare()
    app = create_app(platform=platform)
    labels = {"kind": "nothing", "queue": "tickets"}

    frozen_clock.advance(timedelta(seconds=1))
    with platform.read() as connection:
        end_attempt(connection, frozen_clock, "done", waited=0.02, ran=0.2)
        end_attempt(connection, frozen_clock, "failed", waited=700, ran=2_000)
    assert value(read(app, platform), "fibreflow_job_run_seconds_count", **labels) is None

    frozen_clock.advance(measures.SETTLED_AFTER)
    for _ in range(2):
        found = read(app, platform)
        assert value(found, "fibreflow_job_attempts_total", outcome="done", **labels) == 1
        assert value(found, "fibreflow_job_attempts_total", outcome="failed", **labels) == 1
        assert value(found, "fibreflow_job_run_seconds_count", **labels) == 2
        assert value(found, "fibreflow_job_run_seconds_sum", **labels) == pytest.approx(2_000.2)
        assert value(found, "fibreflow_job_run_seconds_bucket", le="0.1", **labels) == 0
        assert value(found, "fibreflow_job_run_seconds_bucket", le="0.25", **labels) == 1
        assert value(found, "fibreflow_job_run_seconds_bucket", le="900.0", **labels) == 1
        assert value(found, "fibreflow_job_run_seconds_bucket", le="+Inf", **labels) == 2
        assert value(found, "fibreflow_job_wait_seconds_bucket", le="0.025", **labels) == 1

    with platform.read() as connection:
        end_attempt(connection, frozen_clock, "done", waited=0.0, ran=0.0)
    frozen_clock.advance(measures.SETTLED_AFTER)
    assert value(read(app, platform), "fibreflow_job_attempts_total", outcome="done", **labels) == 2


def test_readings_close_together_ask_the_ledger_once(
    app: Flask, platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measures, "READ_EVERY", 600.0)
    assert value(read(app, platform), "fibreflow_jobs", queue="tickets", state="available") is None
    with platform.read() as connection:
        make_job(connection)
    assert value(read(app, platform), "fibreflow_jobs", queue="tickets", state="available") is None


def test_requests_are_measured_by_route_and_not_by_path(app: Flask, platform: Platform) -> None:
    for number in range(3):
        client_with(app).get(f"/api/ticketing/dr-lookup/DR{number}")
        client_with(app).get(f"/made-up/{number}")
    found = read(app, platform)
    route = "/api/ticketing/dr-lookup/<path:dr_number>"
    assert value(found, "fibreflow_http_request_seconds_count", method="GET", route=route, status="401") == 3
    assert value(found, "fibreflow_http_request_seconds_count", method="GET", route="(no route)", status="404") == 3


def test_a_ledger_that_is_away_is_a_measure_too(app: Flask, platform: Platform) -> None:
    platform.database.close()
    text = app.extensions["fibreflow"].metrics.text().decode()
    assert re.search(r"^fibreflow_ledger_up 0\.0$", text, re.MULTILINE)
