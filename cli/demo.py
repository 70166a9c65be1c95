"""`fibreflow demo`: the whole system, started, used over its API by a workbook's journey to tickets, and stopped again.

Everything printed comes from the API's own answers.
"""

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
from typing import Annotated, Any

import httpx
import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from cli import samples
from cli.api_client import ApiClient
from cli.console import notes, out, say, table
from cli.system import connected, operator
from runtime.errors import FibreflowError
from runtime.settings import PREFIX, Settings, load_settings
from ticketing import api_keys
from ticketing.vocabulary import Status

START_WITHIN = 90.0
STOP_WITHIN = 60.0
FINISH_WITHIN = 120.0
LOOK_EVERY = 0.2
VERDICTS = ("total", "new", "changed", "unchanged", "duplicate", "conflict", "rejected", "with_warnings")


class DemoFailed(FibreflowError):
    """The system did not do what the demo shows."""

    code = "DEMO_FAILED"


def demo(
    drops: Annotated[Path, typer.Option(exists=True, dir_okay=False, help="A drop register, .xlsx")] = samples.DROPS,
    weekly: Annotated[
        Path, typer.Option(exists=True, dir_okay=False, help="A weekly report, .xlsx")
    ] = samples.WEEKLY_REPORT,
) -> None:
    """Start everything, turn a weekly workbook into tickets before your eyes, stop cleanly."""
    began = time.monotonic()
    with _running_system() as address, _signed_in(address) as api:
        changed = _import_drops(api, drops)
        changed |= _import_weekly(api, weekly)
        _tickets_by_status(api)
    out.print(f"everything stopped after {time.monotonic() - began:.1f} s")
    if not changed:
        out.print("nothing changed: both workbooks had been imported before")
    out.print("demo: ok")


def register(app: typer.Typer) -> None:
    """Add this command to the app."""
    app.command("demo")(demo)


def _import_drops(api: ApiClient, workbook: Path) -> bool:
    """Import the drop register and follow it; returns whether it changed anything."""
    _heading(f"1. The drop register {workbook.name}")
    started = api.upload("/import/drops", workbook)
    job = _follow(api, started["job_id"])
    result = job["result"]
    out.print(
        f"job {job['state']} in {_duration(job)}: {result['rows']} rows, {result['created']} drops created, "
        f"{result['updated']} updated, {result['unchanged']} unchanged, {result['spares']} spares"
    )
    for twin in result["duplicates"]:
        out.print(f"  duplicate: row {twin['row']} repeats {twin['label']} of row {twin['first_row']}")
    return bool(result["created"] or result["updated"])


def _import_weekly(api: ApiClient, workbook: Path) -> bool:
    """Preview, confirm and follow the weekly report; returns whether it changed anything."""
    _heading(f"2. The weekly report {workbook.name}: preview")
    started = api.upload("/import/weekly", workbook, params={"preview": "true"})
    _follow(api, started["job_id"])
    preview = api.get(f"/import/weekly/{started['id']}/preview")
    table(VERDICTS, [[preview["preview"][verdict] for verdict in VERDICTS]])
    _heading("3. The weekly report: import")
    confirmed = api.post(f"/import/weekly/{started['id']}/confirm")
    job = _follow(api, confirmed["job_id"])
    report = api.get(f"/import/weekly/{started['id']}")
    result = job["result"]
    out.print(
        f"{report['report_uid']} {report['status']}: job {job['state']} in {_duration(job)}; "
        + ", ".join(f"{number} {name}" for name, number in result.items() if name != "total_rows")
    )
    _rejected_rows(api, started["id"])
    return bool(result["created"] or result["updated"])


def _rejected_rows(api: ApiClient, report_id: str) -> None:
    rows = api.get(f"/import/weekly/{report_id}/rows", params={"outcome": "rejected"})
    table(
        ("row", "column", "what is wrong"),
        (
            (row["row_number"], error["column"] or error["field"], error["message"])
            for row in rows
            for error in row["errors"]
        ),
        empty="no row was rejected",
    )


def _tickets_by_status(api: ApiClient) -> None:
    _heading("4. Tickets by status")
    totals = {str(status): api.total("/tickets", {"status": str(status)}) for status in Status}
    table(("status", "tickets"), [(status, total) for status, total in totals.items() if total])


def _follow(api: ApiClient, job_id: str) -> dict[str, Any]:
    """Show a job's progress until it has finished. Raises DemoFailed when it does not complete in time."""
    deadline = time.monotonic() + FINISH_WITHIN
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=notes) as bar:
        task = bar.add_task("job", total=None)
        while time.monotonic() < deadline:
            job: dict[str, Any] = api.get(f"/jobs/{job_id}")
            bar.update(
                task,
                description=f"{job['kind']}: {job['state']} {job['progress_phase'] or ''}",
                completed=job["progress_done"] or 0,
                total=job["progress_total"],
            )
            if job["state"] == "completed":
                return job
            if job["state"] in ("discarded", "cancelled"):
                raise DemoFailed(f"job {job_id} was {job['state']}: {job['error_message']}")
            time.sleep(LOOK_EVERY)
    raise DemoFailed(f"job {job_id} did not finish within {FINISH_WITHIN:.0f} s")


def _duration(job: dict[str, Any]) -> str:
    ran = sum(attempt["run_seconds"] or 0 for attempt in job["attempts"])
    return f"{ran:.2f} s"


@contextmanager
def _running_system() -> Iterator[str]:
    """Run `fibreflow up` for as long as the demo lasts; its output goes to a file that an error names."""
    settings = load_settings()
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    log = settings.data_dir / "demo.log"
    port = settings.api_port if _is_free(settings.api_port) else _free_port()
    environment = {**os.environ, f"{PREFIX}API_PORT": str(port)}
    with log.open("wb") as output:
        system = subprocess.Popen(
            [sys.executable, "-m", "cli.main", "up"], env=environment, stdout=output, stderr=subprocess.STDOUT
        )
    try:
        address = f"http://127.0.0.1:{port}"
        _wait_until_ready(system, address, log)
        say(f"PostgreSQL, Redis, API, workers and scheduler run; the API answers on {address}")
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
def _signed_in(address: str) -> Iterator[ApiClient]:
    """Lend a client with an API key of its own, revoked at the end."""
    with connected() as platform, platform.begin(operator()) as work:
        key, plain = api_keys.create(work, "demo", ("admin",))
    try:
        with ApiClient(address, plain) as client:
            yield client
    finally:
        with connected() as platform, platform.begin(operator()) as work:
            api_keys.revoke(work, key.prefix)


def _heading(text: str) -> None:
    out.print(f"\n{text}", style="bold")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        number: int = probe.getsockname()[1]
    return number
