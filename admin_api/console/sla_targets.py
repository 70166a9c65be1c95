"""SLA targets: how soon tickets of each priority are answered and resolved, for all projects or for one."""

from __future__ import annotations

from typing import Annotated

from flask import Response, render_template
from pydantic import BaseModel, ConfigDict, Field

from admin_api.api.sla import ReasonQuery, TargetsQuery, set_target, take_target_away
from admin_api.auth import requires
from admin_api.console.forms import form_of, query_of
from admin_api.console.listing import project_options
from admin_api.console.pages import ConsolePages, back_to_list
from admin_api.context import platform, unit_of_work
from admin_api.project_settings import DEFAULT, project_or_default
from admin_api.requests import parsed
from ticketing import directory
from ticketing.instants import Instant
from ticketing.sla.settings import LONGEST_MINUTES, TARGET_FIELDS, TargetChange, list_targets
from ticketing.ticket_changes import version

pages = ConsolePages("sla_targets")

_Minutes = Annotated[int, Field(ge=1, le=LONGEST_MINUTES)]


class TargetForm(BaseModel):
    """A target as it is typed: numbers are texts yet."""

    model_config = ConfigDict(extra="ignore")

    first_response_minutes: _Minutes
    resolve_minutes: _Minutes
    round_the_clock: bool = False
    updated_at: Instant | None = None
    reason: str | None = Field(default=None, max_length=500)

    def change(self) -> TargetChange:
        """Return it as the service takes it. Raises InvalidInput where it is answered later than resolved."""
        return parsed(TargetChange, self.model_dump(include={*TARGET_FIELDS, "updated_at"}))


@pages.page("/sla/targets")
@requires("manager", "operator", "qa", "viewer")
def show_targets() -> str:
    """Show the targets that count for a project, or for all that have none of their own."""
    asked = query_of(TargetsQuery).project_id
    with platform().read() as connection:
        project = project_or_default(connection, asked or DEFAULT)
        targets = list_targets(connection, project)
        names = directory.names_of(connection, {row["updated_by"] for row in targets if row["updated_by"]})
        projects = project_options(connection)
    return render_template(
        "console/sla_targets.html",
        targets=[{**row, "seen": version(row["updated_at"])} for row in targets],
        names=names,
        projects=projects,
        asked=asked,
        whose=asked or DEFAULT,
        project=project,
    )


@pages.action("/sla/targets/<project_id>/<priority>", again=show_targets)
@requires("admin")
def change_target(project_id: str, priority: str) -> Response:
    """Set a target; clocks that run already keep what was promised."""
    form = form_of(TargetForm)
    with unit_of_work() as work:
        set_target(work, project_id, priority, form.change(), form.reason)
    return back_to_list("The target counts for clocks that start from now on", ".show_targets")


@pages.action("/sla/targets/<project_id>/<priority>/drop", again=show_targets)
@requires("admin")
def drop_target(project_id: str, priority: str) -> Response:
    """Take a project's own target away: the general one counts again."""
    with unit_of_work() as work:
        take_target_away(work, project_id, priority, form_of(ReasonQuery).reason)
    return back_to_list("The general target counts again", ".show_targets")
