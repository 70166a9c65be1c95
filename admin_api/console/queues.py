"""Queues: how full they are and how fast they empty; pause, resume, limit."""

from __future__ import annotations

from flask import Response, render_template
from pydantic import Field

from admin_api.api.jobs import READERS
from admin_api.api.queues import LimitBody, PauseBody
from admin_api.auth import requires
from admin_api.console.forms import form_of
from admin_api.console.jobs import ReasonForm
from admin_api.console.pages import ConsolePages, back_to_list
from admin_api.context import now, platform, unit_of_work
from jobs import operations, statistics, views

pages = ConsolePages("queues")


class LimitForm(LimitBody):
    """The most jobs of a queue that run at once; an empty field lifts the limit."""

    limit: int | None = Field(default=None, ge=1, le=10_000)


@pages.page("/queues")
@requires(*READERS)
def list_queues() -> str:
    """Show each queue: what waits and for how long, what runs, what ended within the hour, its limit and its pause."""
    with platform().read() as connection:
        found = views.list_queues(connection)
        ended = statistics.throughput(connection, now())
    return render_template("console/queues.html", queues=found, ended=ended, cap=views.COUNT_CAP, now=now())


@pages.action("/queues/<name>/pause", again=list_queues)
@requires("operator")
def pause(name: str) -> Response:
    """Start no more jobs of a queue; what runs goes on, and new jobs are still accepted."""
    with unit_of_work() as work:
        operations.pause_queue(work, name, form_of(PauseBody).reason)
    return back_to_list("The queue is paused: what runs goes on, what comes waits", ".list_queues")


@pages.action("/queues/<name>/resume", again=list_queues)
@requires("operator")
def resume(name: str) -> Response:
    """Let a paused queue go on."""
    with unit_of_work() as work:
        operations.resume_queue(work, platform().registry, name, form_of(ReasonForm).given())
    return back_to_list("The queue goes on", ".list_queues")


@pages.action("/queues/<name>/limit", again=list_queues)
@requires("operator")
def limit(name: str) -> Response:
    """Set how many jobs of a queue may run at once over all workers, or lift the limit."""
    form = form_of(LimitForm)
    with unit_of_work() as work:
        operations.limit_queue(work, platform().registry, name, form.limit, form.reason)
    return back_to_list("The limit is lifted" if form.limit is None else "The limit is set", ".list_queues")
