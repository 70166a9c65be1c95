"""Failures: discarded and retrying jobs that are alike, as one line each; retried slowly, or muted with a note."""

from __future__ import annotations

from flask import Response, render_template

from admin_api.api.failures import FailuresQuery, MuteBody
from admin_api.api.jobs import OPERATORS, READERS
from admin_api.auth import requires
from admin_api.console.forms import form_of, query_of
from admin_api.console.frame import address_with
from admin_api.console.jobs import ReasonForm
from admin_api.console.pages import ConsolePages, back_to_list
from admin_api.context import now, platform, unit_of_work
from admin_api.requests import parse_uuid
from jobs import failures

pages = ConsolePages("failures")

WINDOWS = {"1h": "1 hour", "24h": "24 hours", "7d": "7 days"}


@pages.page("/failures")
@requires(*READERS)
def list_failures() -> str:
    """Show what fails, the most frequent first; muted failures have a tab of their own."""
    query = query_of(FailuresQuery)
    muted = bool(query.muted)
    with platform().read() as connection:
        groups = failures.list_failures(connection, now(), query.window, muted=muted)
    return render_template(
        "console/failures.html",
        groups=groups,
        window=query.window,
        windows=WINDOWS,
        muted=muted,
        most=failures.MOST_GROUPS,
        looked_at=failures.LOOKED_AT,
        address_with=address_with,
    )


@pages.action("/failures/<fingerprint>/mute", again=list_failures)
@requires(*OPERATORS)
def mute(fingerprint: str) -> Response:
    """Take failures out of what needs attention; the note tells everybody why."""
    with unit_of_work() as work:
        failures.mute(work, parse_uuid(fingerprint, "Invalid fingerprint"), form_of(MuteBody).note)
    return back_to_list("These failures are muted", ".list_failures")


@pages.action("/failures/<fingerprint>/unmute", again=list_failures)
@requires(*OPERATORS)
def unmute(fingerprint: str) -> Response:
    """Let failures be told of again."""
    with unit_of_work() as work:
        failures.unmute(work, parse_uuid(fingerprint, "Invalid fingerprint"), form_of(ReasonForm).given())
    return back_to_list("These failures are told of again", ".list_failures")
