"""`fibreflow demo`, as a stranger runs it: from nothing to `demo: ok`, and once more without changing anything."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from cli.ports import free_port
from runtime.settings import PREFIX

pytestmark = pytest.mark.acceptance

FIBREFLOW = Path(sys.executable).parent / "fibreflow"


IMPORTS = ("The drop register", "preview", "rejected", "Tickets by status", "completed")
LIFE = (
    "verification steps: 4/12",
    "readiness check: not ready",
    "verification steps: 12/12",
    "photos inspected: 11 accepted",
    "qa_rejected: The splice tray",
    "handover gates: 7 passed, 0 failed",
    "handed over: snapshot 1",
    "'holds': True",
    "Ticket created",
    "Handover completed",
)
REPEAT_FAULTS = ("one escalation, open: 3 faults", "its infrastructure ticket is")

CASES = (
    "read 8 cases: 8 new, 0 changed, 0 failed, success 100 %",
    "in progress, a note for the client",
    "InProgress  ",
    "The technician is on site; the drop cable has come off its clamp [FF:",
)
NOTICES = (
    "handover_complete",
    "delivered, ",
    " 0 failed",
    "QA rejected the work on ticket",
    "it waited in the queue, and was placed",
    "has it, with the photo",
)


def demo(data: Path) -> str:
    environment = {**os.environ, PREFIX + "DATA_DIR": str(data), PREFIX + "API_PORT": str(free_port())}
    ran = subprocess.run([FIBREFLOW, "demo"], env=environment, capture_output=True, text=True, timeout=900)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


def left_over(folder: Path) -> list[psutil.Process]:
    return [one for one in psutil.process_iter(["cwd"]) if str(one.info["cwd"] or "").startswith(str(folder))]


def test_the_demo_tells_the_whole_journey_and_changes_nothing_the_second_time(own_folder: Path) -> None:
    first = demo(own_folder / "data")
    assert first.splitlines()[-1] == "demo: ok"
    for part in (*IMPORTS, *LIFE, *REPEAT_FAULTS, *CASES, *NOTICES):
        assert part in first, first
    assert "nothing changed" not in first

    second = demo(own_folder / "data")
    assert second.splitlines()[-1] == "demo: ok"
    assert "nothing changed" in second
    for part in (
        "it had lived before",
        "they were reported before",
        "Handover completed",
        "one escalation, open: 3 faults",
    ):
        assert part in second, second
    assert left_over(own_folder) == []
