"""Workers: the processes that run jobs and keep the clock; asking one to take no more."""

from __future__ import annotations

from flask import Response, render_template

from admin_api.api.jobs import READERS
from admin_api.auth import requires
from admin_api.console.forms import form_of
from admin_api.console.jobs import ReasonForm
from admin_api.console.pages import ConsolePages, back_to_list
from admin_api.context import now, platform, unit_of_work
from admin_api.requests import parse_uuid
from jobs import operations, views

pages = ConsolePages("workers")


@pages.page("/workers")
@requires(*READERS)
def list_workers() -> str:
    """Show the processes of the last day, those that are there first, and who of the schedulers leads."""
    with platform().read() as connection:
        found = views.list_workers(connection, now())
        leads = views.leader(connection)
    found.sort(key=lambda worker: worker["status"] == "stopped")
    return render_template("console/workers.html", workers=found, leader=leads)


@pages.action("/workers/<worker_id>/quiet", again=list_workers)
@requires("operator")
def quiet(worker_id: str) -> Response:
    """Ask a worker to take no new jobs; it finishes what it runs."""
    return _set_quiet(worker_id, "The worker takes no new jobs", quiet=True)


@pages.action("/workers/<worker_id>/wake", again=list_workers)
@requires("operator")
def wake(worker_id: str) -> Response:
    """Let a quiet worker take jobs again."""
    return _set_quiet(worker_id, "The worker takes jobs again", quiet=False)


def _set_quiet(worker_id: str, said: str, *, quiet: bool) -> Response:
    with unit_of_work() as work:
        operations.quiet_worker(work, parse_uuid(worker_id, "Invalid worker ID"), quiet, form_of(ReasonForm).given())
    return back_to_list(said, ".list_workers")
