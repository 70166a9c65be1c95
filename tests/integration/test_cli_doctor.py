"""`fibreflow doctor` finds what is wrong and says what to do; `settings` lists what there is and shows no secret."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import redis

from cli import checks, reach
from cli.findings import Finding
from integrations.qcontact.sandbox import EMAIL, PASSWORD, QUEUE, QContactSandbox
from runtime.settings import Settings, load_settings

Command = Callable[..., Any]


class Answer(http.server.BaseHTTPRequestHandler):
    """Answers every request with the status that its path begins with: /200, /503 ..."""

    def do_GET(self) -> None:
        self.send_response(int(self.path.split("/")[1]))
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Stay silent."""


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for answers that are certain to come, however slowly."""
    for module in (checks, reach):
        monkeypatch.setattr(module, "ANSWER_WITHIN", 60.0)


@pytest.fixture
def somebody() -> Iterator[str]:
    """The address of a server that answers with the status in the path."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def line_of(output: str, what: str) -> str:
    """The line of the table about one thing."""
    return next(line for line in output.splitlines() if f" {what} " in line)


def test_a_healthy_system_has_nothing_in_its_way(command: Command) -> None:
    said = command("doctor")
    assert said.code == 0, said.out
    assert "nothing stands in the way" in said.out
    for what in ("Python", "settings", "PostgreSQL", "schema", "clock", "Redis", "storage"):
        assert line_of(said.out, what).startswith("ok")
    assert "not set up" in line_of(said.out, "WAHA")


def test_settings_that_cannot_be_used_are_a_finding(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FIBREFLOW_API_PROT", "1")
    said = command("doctor")
    assert said.code == 1
    assert "did you mean FIBREFLOW_API_PORT?" in said.out


def test_a_database_without_the_schema_names_the_command(
    command: Command, empty_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FIBREFLOW_DATABASE_URL", empty_database_url)
    said = command("doctor")
    assert said.code == 1
    assert line_of(said.out, "schema").startswith("fail")
    assert line_of(said.out, "schema").rstrip().endswith("fibreflow migrate")
    assert "failed: schema" in said.out
    assert command("migrate").code == 0
    assert command("doctor").code == 0


def test_servers_that_are_away_are_told_apart(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FIBREFLOW_DATABASE_URL", "postgresql://u:hunter2@127.0.0.1:1/x")
    monkeypatch.setenv("FIBREFLOW_REDIS_URL", "redis://:hunter2@127.0.0.1:1/0")
    said = command("doctor")
    assert said.code == 1
    assert line_of(said.out, "PostgreSQL").startswith("fail")
    assert line_of(said.out, "Redis").startswith("fail")
    assert line_of(said.out, "storage").startswith("ok")
    assert "hunter2" not in said.out + said.err


def test_storage_that_cannot_be_written_is_a_failure(command: Command, tmp_path: Path) -> None:
    (tmp_path / "storage").touch()
    said = command("doctor")
    assert said.code == 1
    assert line_of(said.out, "storage").startswith("fail")


@pytest.fixture
def qcontact(monkeypatch: pytest.MonkeyPatch) -> Iterator[QContactSandbox]:
    """A QContact on loopback, set up with its password and queue."""
    with QContactSandbox().serving() as sandbox:
        sandbox.add_cases(2)
        monkeypatch.setenv("FIBREFLOW_QCONTACT_URL", sandbox.url)
        monkeypatch.setenv("FIBREFLOW_QCONTACT_EMAIL", EMAIL)
        monkeypatch.setenv("FIBREFLOW_QCONTACT_PASSWORD", PASSWORD)
        monkeypatch.setenv("FIBREFLOW_QCONTACT_QUEUE", str(QUEUE))
        yield sandbox


def found_of(what: str) -> Finding:
    """What the doctor finds of one thing."""
    return next(finding for finding in checks.examine() if finding.what == what)


def test_services_outside_are_reached(command: Command, somebody: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FIBREFLOW_QCONTACT_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("FIBREFLOW_WAHA_URL", f"{somebody}/503")
    monkeypatch.setenv("FIBREFLOW_CLERK_ISSUER", f"{somebody}/200")
    monkeypatch.setenv("FIBREFLOW_CLERK_JWKS_URL", "http://127.0.0.1:1/keys")
    said = command("doctor")
    assert said.code == 1
    assert line_of(said.out, "QContact").startswith("fail")
    assert line_of(said.out, "WAHA").startswith("warn")
    assert line_of(said.out, "Clerk keys").startswith("fail")


def test_clerks_keys_are_looked_for_where_its_sessions_are_checked(somebody: str) -> None:
    def found(**settings: str) -> Finding:
        return next(one for one in reach.check_integrations(load_settings({}, **settings)) if one.what == "Clerk keys")

    assert found() == Finding("Clerk keys", "ok", "not set up")
    assert found(clerk_issuer=f"{somebody}/200/") == Finding("Clerk keys", "ok", "answers (200)")
    assert found(clerk_issuer="http://127.0.0.1:1").status == "fail"
    assert found(clerk_issuer=f"{somebody}/200", clerk_jwks_url="http://127.0.0.1:1/keys").status == "fail"
    half = found(clerk_jwks_url=f"{somebody}/200")
    assert (half.status, "FIBREFLOW_CLERK_ISSUER is missing" in half.advice) == ("fail", True)


def test_of_qcontact_is_said_whether_it_lets_us_in(
    command: Command, qcontact: QContactSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert found_of("QContact") == Finding("QContact", "ok", "answers and lets us in; 2 cases in the queue")
    assert found_of("QContact").status == "ok"
    assert qcontact.accounts.sign_ins == 1
    monkeypatch.setenv("FIBREFLOW_QCONTACT_QUEUE", "")
    assert "FIBREFLOW_QCONTACT_QUEUE" in found_of("QContact").advice
    qcontact.faults.next("server_error", times=5)
    assert found_of("QContact").status == "warn"
    monkeypatch.setenv("FIBREFLOW_QCONTACT_PASSWORD", "")
    assert "FIBREFLOW_QCONTACT_UID" in found_of("QContact").advice


def test_a_password_that_qcontact_refuses_is_a_failure(
    command: Command, qcontact: QContactSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FIBREFLOW_QCONTACT_PASSWORD", "hunter2")
    found = found_of("QContact")
    assert (found.status, found.advice) == ("fail", "check the credentials set for it")


def test_a_production_system_is_looked_at_more_closely() -> None:
    settings = load_settings({}, environment="production", clerk_issuer="https://clerk.example")
    found = {finding.what: finding.status for finding in checks.check_settings(settings)}
    assert found["servers"] == found["secret key"] == found["Clerk"] == "warn"


def test_an_old_server_is_refused() -> None:
    assert checks.judge_version("17.2, database x", 170_002).status == "fail"
    assert checks.judge_version("18.1, database x", 180_001).status == "ok"


@pytest.mark.parametrize(("seconds", "status"), [(0.0, "ok"), (1.9, "ok"), (2.5, "fail"), (-2.5, "fail")])
def test_clocks_may_differ_by_two_seconds(seconds: float, status: str) -> None:
    here = datetime(2025, 3, 3, tzinfo=UTC)
    assert checks.judge_clock(here + timedelta(seconds=seconds), here, wait=0.0).status == status


def test_the_round_trip_does_not_count_as_skew() -> None:
    here = datetime(2025, 3, 3, tzinfo=UTC)
    assert checks.judge_clock(here + timedelta(seconds=2.5), here, wait=2.0).status == "ok"


def test_a_redis_that_evicts_is_warned_about(settings: Settings) -> None:
    assert settings.redis_url is not None
    info = {"redis_version": "7", "used_memory_human": "1M", "maxmemory_policy": "allkeys-lru", "aof_enabled": 1}
    assert checks.judge_redis(info).status == "warn"
    with redis.Redis.from_url(settings.redis_url.get_secret_value(), decode_responses=True) as client:
        assert checks.judge_redis(client.info()).status == "ok"


def test_settings_are_listed_without_secrets(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FIBREFLOW_SECRET_KEY", "hunter2")
    monkeypatch.setenv("FIBREFLOW_REDIS_URL", "redis://:hunter2@cache/0")
    monkeypatch.setenv("FIBREFLOW_QCONTACT_EMAIL", "noc@fibre.example")
    said = command("settings")
    assert said.code == 0
    assert "noc@fibre.example" in said.out
    assert "hunter2" not in said.out
    assert "redis://:***@cache/0" in line_of(" " + said.out.replace("\n", "\n "), "FIBREFLOW_REDIS_URL")
    assert all(f"FIBREFLOW_{name.upper()}" in said.out for name in Settings.model_fields)


def test_names_are_listed_even_if_the_settings_cannot_be_used(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FIBREFLOW_QQQQ", "1")
    said = command("settings")
    assert said.code == 1
    assert "FIBREFLOW_API_PORT" in said.out
    assert "no such setting" in said.err
