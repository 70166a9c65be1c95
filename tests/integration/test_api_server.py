"""The API as it is served: a real gunicorn with real signals, structured logs, and requests that outlive a stop."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from cli.ports import free_port
from runtime.settings import Settings
from tests.factories.access import make_api_key
from tests.processes import PATIENCE, ROOT, environment_of, wait_until
from tests.races import somebody_waits

if TYPE_CHECKING:
    from jobs.platform import Platform


class Server:
    """One gunicorn, its address and its log."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        port = free_port()
        self.address = f"http://127.0.0.1:{port}"
        self.log_file = folder / "api.log"
        with self.log_file.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "gunicorn", "--config", "python:admin_api.gunicorn_conf"],
                env=environment_of(settings, FIBREFLOW_API_PORT=str(port)),
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def answers(self) -> bool:
        assert self.process.poll() is None, self.log_file.read_text(encoding="utf-8")
        try:
            return httpx.get(f"{self.address}/healthz", trust_env=False).status_code == 200
        except httpx.TransportError:
            return False

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log_file.read_text(encoding="utf-8").splitlines()]

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(30)


@pytest.fixture
def server(settings: Settings, tmp_path: Path) -> Iterator[Server]:
    server = Server(settings, tmp_path)
    try:
        wait_until(server.answers, "gunicorn answers")
        yield server
    finally:
        if server.process.poll() is None:
            os.killpg(server.process.pid, signal.SIGKILL)
            server.process.wait(10)


def test_it_serves_threads_logs_json_and_stops_when_told(server: Server, platform: Platform) -> None:
    key = make_api_key(platform, "viewer")
    with httpx.Client(base_url=server.address, headers={"X-API-Key": key}, timeout=30, trust_env=False) as client:
        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda _: client.get("/api/ticketing/queues"), range(16)))
        assert {answer.status_code for answer in answers} == {200}
        assert client.get("/readyz").json()["data"]["parts"]["database"]["state"] == "ok"

    assert server.stop() == 0
    requests = [line for line in server.lines() if line["event"] == "request"]
    assert len([line for line in requests if line["route"] == "/api/ticketing/queues"]) == 16
    assert all(line["process"] == "api" and line["request_id"] for line in requests)
    assert key.split("_")[2] not in server.log_file.read_text(encoding="utf-8")


def test_a_request_that_waits_is_answered_before_it_stops(server: Server, platform: Platform) -> None:
    """The request waits for a row that somebody else holds; SIGTERM comes meanwhile; then the row is let go."""
    key = make_api_key(platform, "operator")
    answered: list[int] = []

    def pause() -> None:
        answer = httpx.post(
            f"{server.address}/api/ticketing/queues/tickets/pause",
            json={"reason": "r"},
            headers={"X-API-Key": key},
            timeout=30,
            trust_env=False,
        )
        answered.append(answer.status_code)

    with platform.database.transaction() as connection:
        connection.execute("select from queues where name = 'tickets' for update")
        request = threading.Thread(target=pause)
        request.start()
        wait_until(lambda: somebody_waits(platform), "the request waits for the row")
        server.process.send_signal(signal.SIGTERM)
        wait_until(lambda: not accepts(server), "no new requests are accepted")
    request.join(30)
    assert answered == [200]
    assert server.process.wait(30) == 0


def accepts(server: Server) -> bool:
    try:
        return httpx.get(f"{server.address}/healthz", timeout=1, trust_env=False).is_success
    except httpx.TransportError:
        return False


def test_it_refuses_a_foreign_schema_and_names_the_command(
    settings: Settings, platform: Platform, tmp_path: Path
) -> None:
    with platform.read() as connection:
        connection.execute("delete from schema_migrations where name = (select max(name) from schema_migrations)")
    server = Server(settings, tmp_path)
    assert server.process.wait(PATIENCE) != 0
    assert "fibreflow migrate" in server.log_file.read_text(encoding="utf-8")
