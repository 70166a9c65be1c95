"""Runs of the sync with QContact: what each read, and what came of it."""

from __future__ import annotations

from flask import Response

from admin_api.api.qcontact import SEES
from admin_api.auth import requires
from admin_api.blueprints import blueprint
from admin_api.context import platform
from admin_api.keyset import KeysetQuery, keyset
from admin_api.responses import Success, success
from ticketing.qcontact_sync import runs
from ticketing.qcontact_sync.runs import RunView

api = blueprint("qcontact_runs")


class RunsAnswer(Success):
    """Runs, newest first."""

    data: list[RunView]


@api.get("/sync/qcontact/runs", responses={200: RunsAnswer})
@requires(*SEES)
def list_runs(query: KeysetQuery) -> Response:
    """List the runs of the sync, newest first: what they read, made, changed, and could not."""
    with platform().read() as connection:
        rows = runs.list_runs(connection, query.cursor, query.page_size + 1)
    shown, pagination = keyset(rows, query)
    return success(shown, pagination=pagination)
