"""`fibreflow up`: everything runs from nothing, a job goes all the way, one signal stops it and nothing is left."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from cli.ports import free_port
from cli.server_process import gone
from runtime.settings import PREFIX
from tests.factories.drops import register_workbook

pytestmark = pytest.mark.acceptance

FIBREFLOW = Path(sys.executable).parent / "fibreflow"


@pytest.fixture
def environment(own_folder: Path) -> dict[str, str]:
    """A system of its own: embedded servers in the test's folder, a free port, one small worker."""
    port = str(free_port())
    mine = {"DATA_DIR": str(own_folder / "data"), "API_PORT": port, "WORKER_PROCESSES": "1", "WORKER_GRACE": "5"}
    return {**os.environ, **{PREFIX + name: value for name, value in mine.items()}}


@pytest.fixture
def up(environment: dict[str, str], own_folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """`fibreflow up`, its output in `out`; whatever is left of it at the end is stopped."""
    with (own_folder / "out").open("wb") as out:
        process = subprocess.Popen([FIBREFLOW, "up"], env=environment, stdout=out, stderr=out, start_new_session=True)
    yield process
    process.kill()
    process.wait()


def until(condition: Callable[[], bool], process: subprocess.Popen[bytes], out: Path, seconds: float = 300) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert process.poll() is None, "it ended:\n" + out.read_text(encoding="utf-8")[-4000:]
        assert time.monotonic() < deadline, "it did not come true:\n" + out.read_text(encoding="utf-8")[-4000:]
        time.sleep(0.05)


def ready(environment: dict[str, str]) -> bool:
    try:
        answer = httpx.get(f"http://127.0.0.1:{environment['FIBREFLOW_API_PORT']}/readyz", timeout=5)
    except httpx.TransportError:
        return False
    return answer.status_code == httpx.codes.OK


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def run(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([FIBREFLOW, *arguments], env=environment, capture_output=True, text=True, timeout=300)


def family(process: subprocess.Popen[bytes], folder: Path) -> list[psutil.Process]:
    """The process, all that it started, and the servers in the folder."""
    started = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
    servers = [one for one in psutil.process_iter(["cwd"]) if str(one.info["cwd"] or "").startswith(str(folder))]
    return started + servers


def signs_in_by_the_printed_link(environment: dict[str, str], out: Path) -> None:
    link = re.search(r"http://127\.0\.0\.1:\d+/console/sign-in/link/\S+", out.read_text(encoding="utf-8"))
    assert link
    with httpx.Client() as browser:
        page = browser.get(link.group())
        token = re.search(r'name="csrf_token" value="([^"]+)"', page.text)
        assert token, page.text
        browser.post(link.group(), data={"csrf_token": token.group(1)})
        assert "Demo User" in browser.get(link.group().partition("sign-in")[0] + "jobs").text
    assert "Demo User" in run(environment, "keys", "list").stdout


def test_everything_runs_and_stops(up: subprocess.Popen[bytes], environment: dict[str, str], own_folder: Path) -> None:
    until(lambda: ready(environment), up, own_folder / "out")
    until(lambda: "FibreFlow is ready" in (own_folder / "out").read_text(encoding="utf-8"), up, own_folder / "out")
    everything = family(up, own_folder)
    assert len(everything) > 8
    signs_in_by_the_printed_link(environment, own_folder / "out")

    (own_folder / "drops.xlsx").write_bytes(register_workbook())
    imported = run(environment, "import", "drops", str(own_folder / "drops.xlsx"), "--follow")
    assert imported.returncode == 0, imported.stderr + (own_folder / "out").read_text(encoding="utf-8")
    assert "completed" in imported.stdout

    second = run(environment, "up")
    assert second.returncode == 1
    assert "Is it running already?" in second.stderr

    up.send_signal(signal.SIGTERM)
    assert up.wait(120) == 0
    assert [one for one in everything if not gone(one)] == []


def test_a_kill_leaves_a_system_that_starts_again(
    up: subprocess.Popen[bytes], environment: dict[str, str], own_folder: Path
) -> None:
    until(lambda: ready(environment), up, own_folder / "out")
    up.kill()
    up.wait()
    deadline = time.monotonic() + 120
    while listens(int(environment["FIBREFLOW_API_PORT"])):
        assert time.monotonic() < deadline, "the API outlived its supervisor"
        time.sleep(0.1)
    assert run(environment, "doctor").returncode == 0
    assert not any((own_folder / "data" / "run").glob(".s.PGSQL.*"))
