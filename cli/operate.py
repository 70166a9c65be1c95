"""`fibreflow queues` and `fibreflow schedules`: look, pause, resume, limit, run now."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

import typer

from cli.console import out, say, table
from cli.system import connected, operator
from jobs import operations, views

queues_app = typer.Typer(help="Queues: list, pause, resume, limit.", no_args_is_help=True)
schedules_app = typer.Typer(help="Schedules: list, run now, pause, resume.", no_args_is_help=True)

Name = Annotated[str, typer.Argument()]
Reason = Annotated[str, typer.Option(help="Why; it is kept in the audit and shown to others")]

LONGEST_PAUSE_HOURS = operations.LONGEST_PAUSE / timedelta(hours=1)


@queues_app.command("list")
def list_queues() -> None:
    """List the queues with what waits and runs in them."""
    with connected() as platform, platform.read() as connection:
        platform.declare()
        rows = views.list_queues(connection)
    table(
        ("queue", "available", "running", "waiting", "oldest", "limit", "paused", "why"),
        (
            (
                row["name"],
                row["available"],
                row["running"],
                row["waiting"],
                row["oldest_available_at"],
                row["concurrency_limit"],
                row["paused_at"],
                row["pause_reason"],
            )
            for row in rows
        ),
    )


@queues_app.command()
def pause(name: Name, reason: Reason) -> None:
    """Stop claiming a queue's jobs; what runs goes on."""
    with connected() as platform, platform.begin(operator()) as work:
        operations.pause_queue(work, name, reason)
    say(f"{name} is paused")


@queues_app.command()
def resume(name: Name) -> None:
    """Let a paused queue go on."""
    with connected() as platform, platform.begin(operator()) as work:
        operations.resume_queue(work, platform.registry, name)
    say(f"{name} goes on")


@queues_app.command()
def limit(
    name: Name,
    most: Annotated[int, typer.Argument(min=0, help="How many may run at once over all workers; 0 lifts the limit")],
) -> None:
    """Limit how many jobs of a queue run at once."""
    with connected() as platform, platform.begin(operator()) as work:
        operations.limit_queue(work, platform.registry, name, most or None)
    say(f"{name}: {most or 'no limit'}")


@schedules_app.command("list")
def list_schedules() -> None:
    """List the schedules with their next fire time."""
    with connected() as platform, platform.read() as connection:
        rows = views.list_schedules(connection, platform.clock.now())
    table(
        ("schedule", "cron", "next", "last", "last job", "missed", "paused until", "late"),
        (
            (
                row["name"],
                row["cron"],
                next(iter(row["next_runs"]), None),
                row["last_fire_at"],
                row["last_job_state"],
                row["missed_count"],
                row["paused_until"],
                "late" if row["late"] else None,
            )
            for row in rows
        ),
        empty="no schedules yet: they are declared when a scheduler starts",
    )


@schedules_app.command("run")
def run_now(name: Name) -> None:
    """Enqueue a schedule's job now."""
    with connected() as platform, platform.begin(operator()) as work:
        job = operations.run_schedule_now(work, platform.registry, name)
    out.print(str(job.id))


@schedules_app.command("pause")
def pause_schedule(
    name: Name,
    reason: Reason,
    hours: Annotated[float, typer.Option(min=0.01, max=LONGEST_PAUSE_HOURS, help="For how long")] = 24.0,
) -> None:
    """Drop a schedule's ticks for a while."""
    with connected() as platform, platform.begin(operator()) as work:
        operations.pause_schedule(work, name, work.now + timedelta(hours=hours), reason)
    say(f"{name} is paused for {hours:g} h")


@schedules_app.command("resume")
def resume_schedule(name: Name) -> None:
    """End a schedule's pause."""
    with connected() as platform, platform.begin(operator()) as work:
        operations.resume_schedule(work, name)
    say(f"{name} goes on")


def register(parent: typer.Typer) -> None:
    """Add these commands to the app."""
    parent.add_typer(queues_app, name="queues")
    parent.add_typer(schedules_app, name="schedules")
