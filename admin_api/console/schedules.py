"""Schedules: what runs by the clock, in words; its next and last runs; run now, pause until."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from flask import Response, render_template
from pydantic import AwareDatetime, BeforeValidator

from admin_api.api.jobs import OPERATORS, READERS
from admin_api.api.schedules import PauseScheduleBody, read_schedule
from admin_api.auth import requires
from admin_api.console.forms import form_of
from admin_api.console.jobs import ReasonForm
from admin_api.console.pages import ConsolePages, back_to_list, done
from admin_api.context import now, platform, unit_of_work
from jobs import operations, views
from runtime.clock import BUSINESS_ZONE

pages = ConsolePages("schedules")


def _as_local(value: Any) -> Any:
    """Take a time without a zone, as a browser's field sends it, for local time."""
    try:
        read = datetime.fromisoformat(str(value))
    except ValueError:
        return value
    return read if read.tzinfo else read.replace(tzinfo=BUSINESS_ZONE)


class PauseForm(PauseScheduleBody):
    """Until when a schedule's runs are left out, and why."""

    until: Annotated[AwareDatetime, BeforeValidator(_as_local)]


@pages.page("/schedules")
@requires(*READERS)
def list_schedules() -> str:
    """Show each schedule with its next three runs and its last sixty, the oldest first."""
    with platform().read() as connection:
        found = views.list_schedules(connection, now())
        runs = views.recent_runs(connection)
    # What is late comes first, whatever its name.
    found.sort(key=lambda schedule: not schedule["late"])
    return render_template("console/schedules.html", schedules=found, runs=runs, now=now())


@pages.page("/schedules/<name>")
@requires(*READERS)
def show_schedule(name: str) -> str:
    """Show one schedule with its last sixty runs, a line each."""
    return render_template("console/schedule.html", schedule=read_schedule(name), now=now())


@pages.action("/schedules/<name>/run", again=show_schedule)
@requires(*OPERATORS)
def run_now(name: str) -> Response:
    """Run a schedule's job now, outside its times."""
    with unit_of_work() as work:
        job = operations.run_schedule_now(work, platform().registry, name, form_of(ReasonForm).given())
    said = "It was under way already: this is its job" if job.existing else "It has been queued: this is its job"
    return done(said, "console_jobs.show_job", job_id=job.id)


@pages.action("/schedules/<name>/pause", again=show_schedule)
@requires(*OPERATORS)
def pause(name: str) -> Response:
    """Leave a schedule's runs out until a moment in the future."""
    form = form_of(PauseForm)
    with unit_of_work() as work:
        operations.pause_schedule(work, name, form.until, form.reason)
    return back_to_list("The schedule is paused", ".list_schedules")


@pages.action("/schedules/<name>/resume", again=show_schedule)
@requires(*OPERATORS)
def resume(name: str) -> Response:
    """End a schedule's pause."""
    with unit_of_work() as work:
        operations.resume_schedule(work, name, form_of(ReasonForm).given())
    return back_to_list("The schedule goes on", ".list_schedules")
