"""The system that the demo runs on: `fibreflow up` as a process of its own, and a key to its API."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from cli.api_client import ApiClient
from cli.console import say
from cli.demo.following import LOOK_EVERY, DemoFailed
from cli.demo.sandboxes import Outside, outside
from cli.ports import free_port
from cli.system import connected, operator
from runtime.settings import PREFIX, Settings, load_settings
from ticketing import api_keys, sample_data

START_WITHIN = 90.0
STOP_WITHIN = 60.0


@contextmanager
def running_system() -> Iterator[tuple[str, Outside]]:
    """Run `fibreflow up` and the sandboxes for as long as the demo lasts; its output goes to a file an error names."""
    settings = load_settings()
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    port = settings.api_port if _is_free(settings.api_port) else free_port()
    with outside(f"http://127.0.0.1:{port}") as sandboxes:
        environment = {**os.environ, **sandboxes.environment(), f"{PREFIX}API_PORT": str(port)}
        with _running(settings, environment, port) as address:
            yield address, sandboxes


@contextmanager
def _running(settings: Settings, environment: dict[str, str], port: int) -> Iterator[str]:
    log = settings.data_dir / "demo.log"
    with log.open("wb") as output:
        system = subprocess.Popen(
            [sys.executable, "-m", "cli.main", "up"], env=environment, stdout=output, stderr=subprocess.STDOUT
        )
    try:
        address = f"http://127.0.0.1:{port}"
        _wait_until_ready(system, address, log)
        say(f"PostgreSQL, Redis, sandboxes, API, workers and scheduler run; the API answers on {address}")
        yield address
    finally:
        _stop(system, settings, log)


def _wait_until_ready(system: subprocess.Popen[bytes], address: str, log: Path) -> None:
    deadline = time.monotonic() + START_WITHIN
    with httpx.Client(timeout=5, trust_env=False) as client:
        while time.monotonic() < deadline:
            if system.poll() is not None:
                raise DemoFailed(f"the system ended with {system.returncode} while starting; see {log}")
            try:
                answer = client.get(f"{address}/readyz")
                if answer.status_code == httpx.codes.OK and answer.json()["data"]["status"] == "ready":
                    return
            except httpx.TransportError:
                pass  # it does not listen yet
            time.sleep(LOOK_EVERY)
    raise DemoFailed(f"the system was not ready within {START_WITHIN:.0f} s; see {log}")


def _stop(system: subprocess.Popen[bytes], settings: Settings, log: Path) -> None:
    if system.poll() is None:
        system.send_signal(signal.SIGTERM)
    try:
        code = system.wait(settings.worker_grace + STOP_WITHIN)
    except subprocess.TimeoutExpired as error:
        system.kill()
        system.wait()
        raise DemoFailed(f"the system did not stop in time; see {log}") from error
    if code != 0:
        raise DemoFailed(f"the system stopped with {code}; see {log}")


@contextmanager
def signed_in(address: str) -> Iterator[ApiClient]:
    """Add the sample people, and lend a client with an API key of its own, revoked at the end."""
    with connected() as platform, platform.begin(operator()) as work:
        sample_data.add(work)
        key, plain = api_keys.create(work, "demo", ("admin",))
    try:
        with ApiClient(address, plain) as client:
            yield client
    finally:
        with connected() as platform, platform.begin(operator()) as work:
            api_keys.revoke(work, key.prefix)


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0
