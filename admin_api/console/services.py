"""The services outside: whether they are called, and holding one back, letting it go, trying it now."""

from __future__ import annotations

from typing import Any

from flask import Response, render_template

from admin_api.api.integrations import HoldBody
from admin_api.api.jobs import OPERATORS, READERS
from admin_api.auth import requires
from admin_api.console.forms import form_of
from admin_api.console.jobs import ReasonForm
from admin_api.console.pages import ConsolePages, back_to_list, may
from admin_api.context import platform, unit_of_work
from jobs.outside import operating
from sql.database import Connection

pages = ConsolePages("services")


class HoldForm(HoldBody, extra="ignore"):
    """Why a service is not to be called."""


@pages.page("/services")
@requires(*READERS)
def list_services() -> str:
    """Show each service outside: set up or not, called, left alone until when, held by whom, its last failure."""
    with platform().read() as connection:
        found = operating.list_integrations(connection, platform().settings)
    return render_template("console/services.html", services=found)


def service_of(connection: Connection, name: str) -> dict[str, Any] | None:
    """Return how things stand with one service, for a panel on its own page; None for who may not look at it."""
    if not may("console_services.list_services"):
        return None
    found = operating.list_integrations(connection, platform().settings)
    return next((one for one in found if one["name"] == name), None)


@pages.action("/services/<name>/hold", again=list_services)
@requires(*OPERATORS)
def hold(name: str) -> Response:
    """Have no job call a service until it is released."""
    with unit_of_work() as work:
        operating.hold(work, name, form_of(HoldForm).reason)
    return back_to_list("The service is left alone until somebody releases it", ".list_services")


@pages.action("/services/<name>/release", again=list_services)
@requires(*OPERATORS)
def release(name: str) -> Response:
    """Let a service that was held be called again."""
    with unit_of_work() as work:
        operating.release(work, name, form_of(ReasonForm).given())
    return back_to_list("The service is called again; what waited follows within two minutes", ".list_services")


@pages.action("/services/<name>/probe", again=list_services)
@requires(*OPERATORS)
def probe(name: str) -> Response:
    """Try a service now, by a job; if it answers, everybody calls it again."""
    with unit_of_work() as work:
        operating.probe(work, platform().settings, name, form_of(ReasonForm).given())
    return back_to_list("It is being tried now; what it answers shows here", ".list_services")
