"""How many faults in how many days are too many: the thresholds of repeat faults, for all projects or for one."""

from __future__ import annotations

from flask import Response, render_template
from pydantic import BaseModel, ConfigDict

from admin_api.api.escalations import SEES, ReasonQuery, set_thresholds, take_thresholds_away
from admin_api.auth import requires
from admin_api.console.forms import form_of
from admin_api.console.listing import project_options
from admin_api.console.pages import ConsolePages, back_to_list
from admin_api.context import platform, unit_of_work
from admin_api.project_settings import DEFAULT
from ticketing import directory
from ticketing.repeat_faults.requests import ThresholdsChange
from ticketing.repeat_faults.thresholds import list_thresholds
from ticketing.ticket_changes import version

pages = ConsolePages("repeat_fault_thresholds")


class NewThresholds(BaseModel):
    """Which project is to have thresholds of its own."""

    model_config = ConfigDict(extra="ignore")

    project_id: str


@pages.page("/repeat-faults/thresholds")
@requires(*SEES)
def show_thresholds() -> str:
    """Show the thresholds: the general ones, then each project's own."""
    with platform().read() as connection:
        found = list_thresholds(connection)
        names = directory.names_of(connection, {row["updated_by"] for row in found if row["updated_by"]})
        projects = project_options(connection)
    own = {row["project_code"] for row in found}
    return render_template(
        "console/repeat_fault_thresholds.html",
        thresholds=[{**row, "seen": version(row["updated_at"])} for row in found],
        names=names,
        general=found[0],
        projects=[(code, name) for code, name in projects if code not in own],
        default=DEFAULT,
    )


@pages.action("/repeat-faults/thresholds", again=show_thresholds)
@requires("admin")
def add_thresholds() -> Response:
    """Give a project thresholds of its own."""
    return _set(form_of(NewThresholds).project_id)


@pages.action("/repeat-faults/thresholds/<project_id>", again=show_thresholds)
@requires("admin")
def change_thresholds(project_id: str) -> Response:
    """Change thresholds; a look for repeat faults follows by itself."""
    return _set(project_id)


@pages.action("/repeat-faults/thresholds/<project_id>/drop", again=show_thresholds)
@requires("admin")
def drop_thresholds(project_id: str) -> Response:
    """Take a project's own thresholds away: the general ones count again."""
    with unit_of_work() as work:
        take_thresholds_away(work, project_id, form_of(ReasonQuery).reason)
    return back_to_list("The general thresholds count for it again", ".show_thresholds")


def _set(project_id: str) -> Response:
    change = form_of(ThresholdsChange)
    with unit_of_work() as work:
        set_thresholds(work, project_id, change)
    return back_to_list("Set: all faults are looked at anew, which takes a moment", ".show_thresholds")
