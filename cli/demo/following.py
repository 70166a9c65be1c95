"""Telling a story step by step: headings, and jobs followed to their end."""

from __future__ import annotations

import time
from typing import Any

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from cli.api_client import ApiClient
from cli.console import notes, out
from runtime.errors import FibreflowError

FINISH_WITHIN = 300.0
LOOK_EVERY = 0.2


class DemoFailed(FibreflowError):
    """The system did not do what the demo shows."""

    code = "DEMO_FAILED"


def heading(text: str) -> None:
    """Begin a part of the story."""
    out.print(f"\n{text}", style="bold")


def follow(api: ApiClient, job_id: str) -> dict[str, Any]:
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


def duration(job: dict[str, Any]) -> str:
    """Return how long the attempts of a job ran."""
    ran = sum(attempt["run_seconds"] or 0 for attempt in job["attempts"])
    return f"{ran:.2f} s"
