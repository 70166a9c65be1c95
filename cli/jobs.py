"""`fibreflow jobs`: list, show, follow with a live bar, retry, cancel, discard; one by one or many by a filter."""

from __future__ import annotations

import json
import time
from typing import Annotated, Any, cast, get_args
from uuid import UUID

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from cli.console import notes, out, say, table
from cli.system import connected, operator
from jobs import operations, views
from jobs.kinds.act_on_jobs import ActOnJobs, act_on_jobs
from jobs.ledger import FINISHED, STATES
from jobs.operations import Action, BulkFilter
from jobs.platform import Platform
from jobs.views import JobFilter
from runtime.identifiers import uuid7
from ticketing.errors import InvalidInput

app = typer.Typer(help="Jobs: list, show, follow, retry, cancel, discard.", no_args_is_help=True)

LOOK_EVERY = 0.25

JobId = Annotated[UUID, typer.Argument(help="The job's id")]
Reason = Annotated[str | None, typer.Option(help="Why; it is kept in the audit")]


@app.command("list")
def list_jobs(
    state: Annotated[str | None, typer.Option(help=f"One of: {', '.join(STATES)}")] = None,
    kind: Annotated[str | None, typer.Option(help="For example import_weekly_report")] = None,
    queue: Annotated[str | None, typer.Option()] = None,
    tag: Annotated[str | None, typer.Option()] = None,
    error: Annotated[str | None, typer.Option(help="Text in the error's class or message")] = None,
    most: Annotated[int, typer.Option(min=1, max=1000)] = 20,
) -> None:
    """List jobs, the newest first."""
    if state is not None and state not in STATES:
        raise InvalidInput(f"no state is called {state!r}; known: {', '.join(STATES)}")
    wanted = JobFilter(state=state, kind=kind, queue=queue, tag=tag, error_text=error)
    with connected() as platform, platform.read() as connection:
        rows = views.with_subjects(connection, views.list_jobs(connection, wanted, page_size=most))
        counts = views.count_by_state(connection)
    table(
        ("id", "kind", "about", "state", "attempt", "progress", "created", "error"),
        (
            (
                row["id"],
                row["kind"],
                ", ".join(one["subject_name"] for one in row["subjects"] if one["subject_name"]),
                row["state"],
                f"{row['attempt']}/{row['max_attempts']}",
                _progress(row),
                row["created_at"],
                row["error_class"],
            )
            for row in rows
        ),
        empty="no such jobs",
    )
    say(", ".join(f"{number} {name}" for name, number in counts.items() if number))


@app.command()
def show(job_id: JobId) -> None:
    """Show everything about a job: attempts, subjects, result, log."""
    with connected() as platform, platform.read() as connection:
        job = views.show_job(connection, platform.registry, job_id)
        lines = views.show_log(connection, job_id)
    facts = {name: job[name] for name in _FACTS if job[name] not in (None, [], {})}
    about = [("about", f"{one['subject_type']} {one['subject_name'] or one['subject_id']}") for one in job["subjects"]]
    table(("", ""), [*((name, _as_text(value)) for name, value in facts.items()), *about])
    table(
        ("attempt", "outcome", "worker", "waited", "ran", "error"),
        (
            (
                attempt["attempt"],
                attempt["outcome"],
                attempt["worker_host"] and f"{attempt['worker_host']}:{attempt['worker_pid']}",
                _seconds(attempt["wait_seconds"]),
                _seconds(attempt["run_seconds"]),
                attempt["error_message"],
            )
            for attempt in job["attempts"]
        ),
        empty="no attempt has ended yet",
    )
    for line in lines:
        out.print(f"{line['logged_at']:%H:%M:%S} {line['message']} {line['fields'] or ''}", markup=False)


_FACTS = (
    *("id", "kind", "queue", "state", "priority", "tags", "arguments", "scheduled_at", "started_at", "finished_at"),
    *("progress_phase", "progress_done", "progress_total", "eta_seconds", "cancel_requested", "cancel_reason"),
    *("result", "error_class", "error_message", "actor_name", "request_id", "parent_id", "schedule_name"),
)


@app.command()
def follow(job_id: JobId) -> None:
    """Follow a job to its end with a live progress bar; exits with 1 when it did not complete."""
    with connected() as platform:
        state = follow_to_end(platform, job_id)
    out.print(state)
    if state != "completed":
        raise typer.Exit(1)


def follow_to_end(platform: Platform, job_id: UUID) -> str:
    """Show a live bar until the job has finished; returns its final state. Raises NotFound."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=notes, transient=False) as bar:
        task = bar.add_task(str(job_id), total=None)
        while True:
            with platform.read() as connection:
                job = views.show_job(connection, platform.registry, job_id)
            bar.update(
                task,
                description=f"{job['kind']} {job['state']} {job['progress_phase'] or ''}".strip(),
                completed=job["progress_done"] or 0,
                total=job["progress_total"],
            )
            if job["state"] in FINISHED:
                return str(job["state"])
            time.sleep(LOOK_EVERY)


@app.command()
def retry(job_id: JobId, reason: Reason = None) -> None:
    """Give a discarded, cancelled or waiting job another attempt, now."""
    _act(job_id, "retry", reason)


@app.command()
def cancel(job_id: JobId, reason: Reason = None) -> None:
    """Cancel a job: at once if it waits, at its next checkpoint if it runs."""
    _act(job_id, "cancel", reason)


@app.command()
def discard(job_id: JobId, reason: Reason = None) -> None:
    """Give up on a job that waits."""
    _act(job_id, "discard", reason)


@app.command()
def bulk(
    action: Annotated[str, typer.Argument(help=", ".join(get_args(Action)))],
    reason: Annotated[str, typer.Option(help="Why; it is kept in the audit")],
    state: Annotated[str | None, typer.Option()] = None,
    kind: Annotated[str | None, typer.Option()] = None,
    queue: Annotated[str | None, typer.Option()] = None,
    tag: Annotated[str | None, typer.Option()] = None,
    error: Annotated[str | None, typer.Option(help="Text in the error's class or message")] = None,
    per_second: Annotated[int, typer.Option(min=1, max=10_000)] = 200,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask after showing the count")] = False,
) -> None:
    """Retry, cancel or discard all jobs that match, slowly, as a job of its own. Shows the count first."""
    if action not in get_args(Action):
        raise InvalidInput(f"no such action: {action!r}; known: {', '.join(get_args(Action))}")
    wanted, chosen = cast("Action", action), BulkFilter(state=state, kind=kind, queue=queue, tag=tag, error_text=error)
    with connected() as platform:
        with platform.begin(operator()) as work:
            number = operations.count_bulk(work, wanted, chosen)
        if not yes and not typer.confirm(f"{action} {number} jobs?"):
            raise typer.Exit(1)
        with platform.begin(operator()) as work:
            job = operations.start_bulk(
                work,
                act_on_jobs,
                ActOnJobs(
                    action=wanted,
                    filter=chosen,
                    up_to_id=uuid7(),
                    reason=reason,
                    expected=number,
                    per_second=per_second,
                ),
            )
    out.print(str(job.id))


def _act(job_id: UUID, action: Action, reason: str | None) -> None:
    with connected() as platform, platform.begin(operator()) as work:
        state = operations.act_on_job(work, job_id, action, reason)
    out.print("cancel requested" if action == "cancel" and state == "running" else state)


def _progress(row: dict[str, Any]) -> str | None:
    done, total = row["progress_done"], row["progress_total"]
    if done is None:
        return None
    return f"{done}/{total}" if total else str(done)


def _seconds(value: float | None) -> str | None:
    return None if value is None else f"{value:.3f} s"


def _as_text(value: object) -> object:
    return json.dumps(value, default=str) if isinstance(value, dict) else value


def register(parent: typer.Typer) -> None:
    """Add these commands to the app."""
    parent.add_typer(app, name="jobs")
