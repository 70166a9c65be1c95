"""The supervisor of `fibreflow up`: prefixed lines, fallen programs start again, a stop leaves nothing running."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from cli.server_process import gone

ROOT = Path(__file__).parents[2]
SUPERVISE = """
import os, sys
from cli.supervisor import Program, Supervisor
programs = [Program(name, (sys.executable, "-u", "-c", code)) for name, code in zip(sys.argv[2::2], sys.argv[3::2])]
sys.exit(Supervisor(programs, os.environ, grace=float(sys.argv[1])).run())
"""
POLITE = "import time; print('ready'); time.sleep(600)"
STUBBORN = """
import signal, time
signal.signal(signal.SIGTERM, lambda *_: print("told"))
print("ready")
time.sleep(600)
"""
WITH_CHILD = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import signal, time; signal.signal(15, 1); time.sleep(600)"])
print("child", child.pid)
time.sleep(600)
"""

WAIT = 60

Supervise = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def supervise(tmp_path: Path) -> Iterator[Supervise]:
    """Start a supervisor in a process of its own; its lines go to `out` in the test's folder."""
    started: list[subprocess.Popen[str]] = []

    def start(grace: float, **programs: str) -> subprocess.Popen[str]:
        arguments = [part for name, code in programs.items() for part in (name, textwrap.dedent(code))]
        with (tmp_path / "out").open("w", encoding="utf-8") as out:
            process = subprocess.Popen(
                [sys.executable, "-c", SUPERVISE, str(grace), *arguments],
                cwd=ROOT,
                stdout=out,
                stderr=out,
                text=True,
                start_new_session=True,
            )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()


def until(condition: Callable[[], bool], seconds: float = WAIT) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true"
        time.sleep(0.02)


def lines(tmp_path: Path) -> str:
    return (tmp_path / "out").read_text(encoding="utf-8")


def test_lines_carry_the_name_of_their_program(supervise: Supervise, tmp_path: Path) -> None:
    process = supervise(WAIT, api=POLITE, scheduler="import time; print('[not markup]'); time.sleep(600)")
    until(lambda: "      api | ready\n" in lines(tmp_path) and "scheduler | [not markup]\n" in lines(tmp_path))
    process.terminate()
    assert process.wait(WAIT) == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_one_signal_stops_all(supervise: Supervise, tmp_path: Path, number: signal.Signals) -> None:
    process = supervise(WAIT, one=POLITE, two=POLITE)
    until(lambda: lines(tmp_path).count("ready") == 2)
    children = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(number)
    assert process.wait(WAIT) == 0
    assert [child.pid for child in children if child.is_running()] == []


def test_who_does_not_stop_in_time_is_killed(supervise: Supervise, tmp_path: Path) -> None:
    process = supervise(0.3, one=STUBBORN)
    until(lambda: "ready" in lines(tmp_path))
    process.terminate()
    assert process.wait(WAIT) == 1


def test_a_second_signal_does_not_wait(supervise: Supervise, tmp_path: Path) -> None:
    process = supervise(600, one=STUBBORN)
    until(lambda: "ready" in lines(tmp_path))
    process.terminate()
    until(lambda: "told" in lines(tmp_path))
    process.terminate()
    assert process.wait(WAIT) == 1


def test_a_fallen_program_is_started_again(supervise: Supervise, tmp_path: Path) -> None:
    process = supervise(WAIT, one=f"import os; print('pid', os.getpid()); {POLITE}")
    until(lambda: "ready" in lines(tmp_path))
    (first,) = re.findall(r"pid (\d+)", lines(tmp_path))
    os.kill(int(first), signal.SIGKILL)
    until(lambda: lines(tmp_path).count("ready") == 2)
    assert "ended with -9: starting it again" in lines(tmp_path)
    process.terminate()
    assert process.wait(WAIT) == 0


def test_a_program_that_cannot_stand_stops_everything(supervise: Supervise, tmp_path: Path) -> None:
    process = supervise(WAIT, good=POLITE, bad="raise SystemExit(2)")
    assert process.wait(WAIT) == 1
    assert "ended with 2 again and again" in lines(tmp_path)


def test_what_a_program_started_goes_with_it(supervise: Supervise, tmp_path: Path) -> None:
    process = supervise(WAIT, one=WITH_CHILD)
    until(lambda: re.search(r"child \d+\n", lines(tmp_path)) is not None)
    (child,) = (psutil.Process(int(pid)) for pid in re.findall(r"child (\d+)", lines(tmp_path)))
    process.terminate()
    process.wait(WAIT)
    until(lambda: gone(child))


def test_programs_do_not_outlive_a_killed_supervisor(supervise: Supervise, tmp_path: Path) -> None:
    process = supervise(WAIT, one=POLITE)
    until(lambda: "ready" in lines(tmp_path))
    (child,) = psutil.Process(process.pid).children()
    process.kill()
    process.wait()
    until(lambda: gone(child))
