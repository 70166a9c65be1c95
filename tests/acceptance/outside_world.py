"""QContact and WAHA as processes beside a system, workers that are killed amid work, and time that passes."""

from __future__ import annotations

import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import httpx

from integrations.qcontact.sandbox import EMAIL, PASSWORD, QUEUE, QContactControl
from integrations.sandboxes import Entry, SandboxControl
from integrations.sandboxes.faults import USUAL
from integrations.waha.sandbox import WahaControl
from runtime.settings import Settings
from tests.acceptance.system import QUICK, System
from tests.processes import Processes, children_of, wait_until

KINDS = {"FIBREFLOW_JOB_MODULES": "jobs.kinds"}
FAULTS = 0.2
# All that a network and a busy server do by themselves, except to ask for a pause of a second or more: everybody keeps
# to that, so that of a thousand calls little else would be seen. Tests have it asked for a few times.
NAMES = tuple(name for name in USUAL if name != "too_many_requests")
API_KEY = "sandbox-key"
# How long, in seconds, a machine that has much else to do may take for a thousand of anything.
LONG = 600.0

# A breaker that waits for parts of a second, notices that go out as fast as they can at any hour, and deaths that are
# noticed soon: a day of all this passes within a minute.
PACE: dict[str, Any] = QUICK | {
    "worker_lost_after": 2.0,
    "breaker_wait": 0.25,
    "breaker_longest_wait": 1.0,
    "scheduler_relay_interval": 0.25,
    "scheduler_rescue_interval": 0.25,
    "notices_per_minute": 6_000,
    "notices_per_day": 100_000,
    "notices_quiet_from": "00:00",
    "notices_quiet_until": "00:00",
}

THREADS = {"worker_threads": 6}


def paced(settings: Settings, **values: Any) -> Settings:
    """The settings at the pace of these tests, with these values besides."""
    given = {name: getattr(settings, name) for name in settings.model_fields_set}
    return Settings.model_validate({**given, **PACE, **values})


def qcontact_at(port: int) -> dict[str, Any]:
    """The settings that point an installation at a QContact of the tests."""
    return {
        "qcontact_url": f"http://127.0.0.1:{port}",
        "qcontact_email": EMAIL,
        "qcontact_password": PASSWORD,
        "qcontact_queue": str(QUEUE),
    }


def waha_at(port: int) -> dict[str, Any]:
    """The settings that point an installation at a WAHA of the tests."""
    return {"waha_url": f"http://127.0.0.1:{port}", "waha_api_key": API_KEY}


@contextmanager
def qcontact(processes: Processes, port: int) -> Iterator[QContactControl]:
    """A QContact in a process of its own, and its control."""
    processes.start("integrations.qcontact.sandbox", "--port", str(port), "--seed", "1")
    with QContactControl(f"http://127.0.0.1:{port}") as control:
        _await(control)
        yield control


@contextmanager
def waha(processes: Processes, port: int, *options: str) -> Iterator[WahaControl]:
    """A WAHA in a process of its own, and its control."""
    processes.start("integrations.waha.sandbox", "--port", str(port), "--seed", "1", "--api-key", API_KEY, *options)
    with WahaControl(f"http://127.0.0.1:{port}") as control:
        _await(control)
        yield control


def _await(control: SandboxControl) -> None:
    def answers() -> bool:
        try:
            return bool(control.state())
        except httpx.HTTPError:
            return False

    wait_until(answers, f"{control.url} answers")


def kill_amid(it: System, workers: subprocess.Popen[bytes], how_far: Callable[[], int], at: Sequence[int]) -> int:
    """Kill -9 every worker process each time that the work has come so far; their supervisor starts others.

    Returns how many were killed.
    """
    killed = 0
    for mark in at:
        it.wait(lambda mark=mark: how_far() >= mark, f"{mark} are done", LONG)
        for process in children_of(workers):
            process.send_signal(signal.SIGKILL)
            killed += 1
    return killed


@contextmanager
def meanwhile(act: Callable[[], object], every: float) -> Iterator[None]:
    """Do something every so many seconds as long as the body runs; what fails there fails here."""
    over = threading.Event()

    def go_on() -> None:
        while not over.wait(every):
            act()

    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(go_on)
        try:
            yield
        finally:
            over.set()
    running.result()


def let_time_pass(it: System) -> None:
    """Have everything that was put off come now, as if the hours between had passed; then look no more for a moment."""
    it.ask(
        "update jobs set scheduled_at = now() where state in ('scheduled', 'retryable') and scheduled_at > now()"
        " returning id"
    )
    time.sleep(0.3)


def hours_pass(it: System, how_long: timedelta) -> None:
    """Let time pass for everything that has to do with the outside: whatever is to wait is so much nearer its end.

    What is being sent at this moment stays as it is.
    """
    notices = ("not_before", "slot_at", "first_sending_at", "sending_at", "unknown_since", "next_look_at")
    sessions = ("status_at", "working_since", "paused_until", "restarted_at", "alarmed_at", "checked_at")
    _move(it, "waha_sessions", sessions, "true", how_long)
    _move(it, "whatsapp_notifications", notices, "status = 'pending' and sending <> 'sending'", how_long)
    _move(it, "integration_states", ("opened_at", "retry_at", "last_failure_at"), "state = 'open'", how_long)
    _move(it, "jobs", ("scheduled_at",), "state in ('scheduled', 'retryable') and schedule_name is null", how_long)


def _move(it: System, table: str, columns: tuple[str, ...], which: str, how_long: timedelta) -> None:
    moved = ", ".join(f"{column} = {column} - interval '{how_long.total_seconds()} seconds'" for column in columns)
    it.ask(f"with moved as (update {table} set {moved} where {which} returning 1) select count(*) from moved")


def faults_met(entries: Iterable[Entry]) -> int:
    """How many calls met a fault."""
    return sum(entry.fault is not None for entry in entries)
