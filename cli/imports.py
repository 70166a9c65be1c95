"""`fibreflow import`: bring files into the system."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer

from cli.console import out, say, table
from cli.jobs import follow_to_end
from cli.system import connected, operator
from jobs import views
from jobs.kinds import import_drops, import_weekly_report
from jobs.platform import Platform
from ticketing.errors import InvalidInput

app = typer.Typer(help="Import a drop register or a weekly workbook as a job.", no_args_is_help=True)

File = Annotated[Path, typer.Argument(help="The workbook, .xlsx")]
Follow = Annotated[bool, typer.Option("--follow", "-f", help="Show the progress and the result; exit 1 if it fails")]


@app.command()
def drops(
    file: File,
    project: Annotated[str | None, typer.Option(help="Project that all rows belong to (code, name or alias)")] = None,
    follow: Follow = False,
) -> None:
    """Import a drop register (SOW). The same file twice changes nothing."""
    data = _read(file)
    with connected() as platform:
        platform.declare()
        with platform.begin(operator()) as work:
            job = import_drops.submit(work, platform.settings, data, file.name, project)
        _tell(platform, job.id, follow=follow)


@app.command()
def weekly(
    file: File,
    week: Annotated[int | None, typer.Option(min=1, max=53, help="ISO week; without it, the present one")] = None,
    year: Annotated[int | None, typer.Option(help="Year of the week")] = None,
    sheet: Annotated[
        str | None, typer.Option(help="Sheet to read; without it, the one that looks most like it")
    ] = None,
    preview: Annotated[bool, typer.Option("--preview", help="Only say what an import would do")] = False,
    follow: Follow = False,
) -> None:
    """Import a weekly report, or preview it and import it later with `confirm`."""
    upload = import_weekly_report.Upload(
        data=_read(file), filename=file.name, week_number=week, year=year, sheet_name=sheet
    )
    with connected() as platform:
        platform.declare()
        with platform.begin(operator()) as work:
            taken = import_weekly_report.submit(work, platform.settings, upload, preview=preview)
        say(f"report {taken.report_uid} ({taken.report_id}), {taken.rows} rows")
        if preview:
            say(f"to import it: fibreflow import confirm {taken.report_id}")
        _tell(platform, taken.job.id, follow=follow)


@app.command()
def confirm(report_id: Annotated[UUID, typer.Argument(help="The report's id")], follow: Follow = False) -> None:
    """Import a report that was previewed."""
    with connected() as platform:
        with platform.begin(operator()) as work:
            job = import_weekly_report.confirm(work, report_id)
        _tell(platform, job.id, follow=follow)


def register(parent: typer.Typer) -> None:
    """Add these commands to the app."""
    parent.add_typer(app, name="import")


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise InvalidInput(f"cannot read {file}: {error.strerror}") from error


def _tell(platform: Platform, job_id: UUID, *, follow: bool) -> None:
    """Print the job's id, or follow it and print its result."""
    if not follow:
        out.print(str(job_id))
        say(f"to watch it: fibreflow jobs follow {job_id}")
        return
    if not _somebody_works(platform):
        say("no worker is running yet: start one with `fibreflow worker` (or everything with `fibreflow up`)", "yellow")
    state = follow_to_end(platform, job_id)
    with platform.read() as connection:
        job = views.show_job(connection, platform.registry, job_id)
    counts = {name: value for name, value in (job["result"] or {}).items() if isinstance(value, int)}
    table(("", ""), [("state", state), *counts.items(), *([("error", job["error_message"])] * (state != "completed"))])
    for twin in (job["result"] or {}).get("duplicates", ()):
        out.print(f"duplicate: row {twin['row']} repeats {twin['label']} of row {twin['first_row']}")
    if state != "completed":
        raise typer.Exit(1)


def _somebody_works(platform: Platform) -> bool:
    with platform.read() as connection:
        workers = views.list_workers(connection, platform.clock.now())
    return any(one["role"] == "worker" and one["status"] == "alive" for one in workers)
