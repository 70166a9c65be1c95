"""Exports: lists and reports as files, written by a job and kept for a while for whoever asked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Literal, cast

from flask import Response, redirect, render_template, request

from admin_api.api.exports import ExportRequest, begin_export, show_row
from admin_api.auth import requires
from admin_api.console.forms import query_of
from admin_api.console.frame import address_with
from admin_api.console.pages import ConsolePages, done
from admin_api.console.wording import pairs
from admin_api.context import actor, platform
from admin_api.keyset import KeysetQuery, keyset
from admin_api.requests import parse_uuid, parsed
from jobs.ledger import STATES
from jobs.procedures.exporting import REPORTS
from jobs.queues import QUEUES
from ticketing.errors import ConditionNotMet
from ticketing.exports import service
from ticketing.faults.rules import Grouping, Period
from ticketing.vocabulary import ExportFormat, Priority, RiskStatus, Source, Status, TicketType

pages = ConsolePages("exports")


@dataclass(frozen=True, slots=True)
class Filter:
    """A field by which an export is narrowed: its name on the wire, its label, and its choices if it has some."""

    name: str
    label: str
    kind: Literal["text", "number", "date"] = "text"
    choices: tuple[str, ...] = ()

    @property
    def options(self) -> list[tuple[str, str]]:
        """The choices with their words."""
        return pairs(self.choices)


_PROJECT = Filter("project_id", "Project (code)")
_DAYS = (Filter("start_date", "From", "date"), Filter("end_date", "To, included", "date"))
_PERIOD = Filter("period", "Each period apart", choices=tuple(Period))
FILTERS: Final[dict[str, tuple[Filter, ...]]] = {
    "tickets": (
        Filter("status", "Status", choices=tuple(Status)),
        Filter("ticket_type", "Type", choices=tuple(TicketType)),
        Filter("priority", "Priority", choices=tuple(Priority)),
        Filter("source", "Source", choices=tuple(Source)),
        _PROJECT,
        Filter("dr_number", "DR number"),
        Filter("search", "Words"),
    ),
    "risks": (
        Filter("status", "Status", choices=tuple(RiskStatus)),
        Filter("expiring_within_days", "Expiring within days", "number"),
        _PROJECT,
    ),
    "readiness": (Filter("passed", "Passed", choices=("true", "false")), _PROJECT, *_DAYS),
    "fault-trends": (Filter("group_by", "Counted by", choices=tuple(Grouping)), _PERIOD, _PROJECT, *_DAYS),
    "billing": (_PERIOD, _PROJECT, *_DAYS),
    "jobs": (
        Filter("state", "State", choices=STATES),
        Filter("queue", "Queue", choices=tuple(QUEUES)),
        Filter("kind", "Kind"),
    ),
    "audit": (Filter("action", "Action"), Filter("actor_name", "Who")),
}


@pages.page("/exports")
@requires.signed_in()
def list_exports() -> str:
    """List the exports that you asked for, newest first; an admin sees everybody's."""
    query = query_of(KeysetQuery)
    with platform().read() as connection:
        rows = service.list_own(connection, actor(), before_id=query.cursor, limit=query.page_size + 1)
    shown, pagination = keyset(rows, query)
    return render_template(
        "console/exports.html",
        exports=[show_row(row) for row in shown],
        kept=service.KEPT_FOR,
        next=address_with(cursor=pagination["next_cursor"]) if pagination["next_cursor"] else None,
        first=address_with(cursor=None) if query.cursor else None,
    )


@pages.page("/exports/new")
@requires.signed_in()
def ask_for_export() -> str:
    """Ask what is to be exported: the report, then what narrows it, by the names of its own list."""
    readable = [name for name in FILTERS if actor().has_role(*REPORTS[name].roles)]
    asked = request.values.get("report", "")
    report = asked if asked in readable else readable[0]
    return render_template(
        "console/export_new.html",
        report=report,
        reports=readable,
        filters=FILTERS[report],
        formats=tuple(ExportFormat),
        address_with=address_with,
    )


@pages.action("/exports/new", again=ask_for_export)
@requires.signed_in()
def begin() -> Response:
    """Have a job write the export."""
    report = request.form.get("report", "")
    given = {one.name: request.form.get(one.name, "").strip() for one in FILTERS.get(report, ())}
    body: dict[str, Any] = {
        "report": report,
        "format": request.form.get("format") or ExportFormat.XLSX.value,
        "filters": {name: value for name, value in given.items() if value},
    }
    begin_export(parsed(ExportRequest, body))
    return done("The export is being written: it can be fetched here when it is finished", ".list_exports")


@pages.page("/exports/<export_id>/download")
@requires.signed_in()
def download(export_id: str) -> Response:
    """Lead to the file of an export of yours, by a link that is good for some minutes."""
    with platform().read() as connection:
        export = show_row(service.show(connection, actor(), parse_uuid(export_id, "Invalid export ID")))
    if export["download_url"] is None:
        raise ConditionNotMet("The export is not finished, or its time is over", details={"status": export["status"]})
    return cast("Response", redirect(export["download_url"], 303))
