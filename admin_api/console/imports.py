"""Weekly reports: from a file to tickets, step by step, and the history of what came in.

A report has one page for its whole way: it shows the check, what an import would do, the import under way, and what
became of each row, whichever it has come to.
"""

from __future__ import annotations

from typing import Any, Final

from flask import Response, render_template, request

from admin_api.api.weekly_reports import (
    READERS,
    STATUSES,
    DismissBody,
    HistoryQuery,
    ReportForm,
    RowsQuery,
    parse_report_id,
    read_form,
    rejected_workbook,
    take_report,
)
from admin_api.auth import requires
from admin_api.console.forms import form_of, query_of
from admin_api.console.frame import address_with
from admin_api.console.pages import ConsolePages, done
from admin_api.context import now, platform, unit_of_work
from jobs.kinds.import_weekly_report import confirm, dismiss
from sql.database import Connection
from ticketing.weekly_reports import service, views
from ticketing.weekly_reports.differences import FINISHED

pages = ConsolePages("imports")

# What an outcome is called where its rows are listed, and which of a report's counts tells how many there are.
OUTCOMES: Final = {
    "created": "created_count",
    "updated": "updated_count",
    "unchanged": "unchanged_count",
    "duplicate": "duplicate_count",
    "conflict": "conflict_count",
    "rejected": "rejected_count",
}
# What of a preview can be looked at more closely; `difference` is the week-on-week one.
PREVIEWED: Final = ("new", "changed", "conflict", "rejected", "warnings", "difference", "columns")
WARNINGS_SHOWN: Final = 50
_STEPS: Final = {"uploaded": 2, "checking": 2, "previewed": 3, "importing": 4, "finished": 5}


@pages.page("/imports")
@requires(*READERS)
def list_imports() -> str:
    """List the reports, newest first, with what they brought."""
    query = query_of(HistoryQuery)
    with platform().read() as connection:
        found, cursor = views.history(connection, query.filter(), after=query.after(), limit=query.limit)
    active = {name: value for name, value in request.args.items() if value and name not in ("cursor", "limit")}
    return render_template(
        "console/imports.html",
        found=found,
        stats=found.get("stats"),
        active=active,
        statuses=STATUSES,
        next=address_with(cursor=cursor) if cursor else None,
        first=address_with(cursor=None) if query.cursor else None,
    )


@pages.page("/imports/new")
@requires("manager")
def ask_for_report() -> str:
    """Ask for the workbook of a week. The address may say which week, as for rows that were mended."""
    week = service.week_of(now())
    said = {name: request.args.get(name, "") for name in ("year", "week_number")}
    return render_template(
        "console/import_new.html", week=week, said=said, most=platform().settings.import_max_bytes // (1024 * 1024)
    )


@pages.action("/imports/new", again=ask_for_report)
@requires("manager")
def take_in() -> Response:
    """Take a workbook in and have it checked; nothing is imported before somebody says so."""
    form = form_of(ReportForm)
    submitted = take_report(read_form(form), form, preview=True)
    return done(
        f"{submitted.report_uid} has arrived and is being checked", ".show_import", report_id=submitted.report_id
    )


@pages.page("/imports/<report_id>")
@requires(*READERS)
def show_import(report_id: str) -> str:
    """Show a report on its way: being checked, waiting for a word, being imported, or what became of its rows."""
    wanted, query = parse_report_id(report_id), query_of(RowsQuery)
    size = platform().settings.import_batch_rows
    with platform().read() as connection:
        report = views.detail(connection, wanted, batch_rows=size, now=now())
        checked = views.preview(connection, wanted)
        step, is_dismissed = _step(report, checked), _is_dismissed(report)
        show = _shown(checked["preview"] or {}) if step == _STEPS["previewed"] else ""
        rows, cursor = _rows(connection, report, query, show)
    return render_template(
        "console/import.html",
        report=report,
        checked=checked,
        preview=checked["preview"] or {},
        step=step,
        is_dismissed=is_dismissed,
        show=show,
        outcomes=OUTCOMES,
        outcome=query.outcome,
        rows=rows,
        finished_statuses=FINISHED,
        address_with=address_with,
        next=address_with(cursor=cursor) if cursor else None,
        first=address_with(cursor=None) if query.cursor else None,
    )


@pages.action("/imports/<report_id>/confirm", again=show_import)
@requires("manager")
def confirm_import(report_id: str) -> Response:
    """Import a report that was checked."""
    wanted = parse_report_id(report_id)
    with unit_of_work() as work:
        confirm(work, wanted)
    return done("The import has begun", ".show_import", report_id=wanted)


@pages.action("/imports/<report_id>/dismiss", again=show_import)
@requires("manager")
def dismiss_import(report_id: str) -> Response:
    """Close a report that was checked and is not wanted."""
    wanted = parse_report_id(report_id)
    with unit_of_work() as work:
        dismiss(work, wanted, form_of(DismissBody).reason)
    return done("The report is dismissed: nothing of it was imported", ".show_import", report_id=wanted)


@pages.page("/imports/<report_id>/rejected.xlsx")
@requires(*READERS)
def download_rejected(report_id: str) -> Response:
    """Return the rejected rows as a workbook, to be mended and imported again."""
    return rejected_workbook(parse_report_id(report_id))


def _rows(
    connection: Connection, report: dict[str, Any], query: RowsQuery, show: str
) -> tuple[list[dict[str, Any]], int | None]:
    """Return the rows that are settled; before an import has begun its preview tells of them, but for warnings."""
    if show == "warnings":
        return views.rows(connection, report["id"], outcome="warning", after_row=0, limit=WARNINGS_SHOWN)[0], None
    if report["phase"] not in ("importing", "finished"):
        return [], None
    return views.rows(connection, report["id"], outcome=query.outcome, after_row=query.cursor, limit=query.limit)


def _step(report: dict[str, Any], checked: dict[str, Any]) -> int:
    if _is_dismissed(report):
        return _STEPS["previewed"]
    confirmed = report["phase"] == "previewed" and not checked["can_confirm"]
    return _STEPS["importing" if confirmed else report["phase"]]


def _is_dismissed(report: dict[str, Any]) -> bool:
    return report["failure"] is not None and report["failure"]["code"] == service.DISMISSED


def _shown(preview: dict[str, Any]) -> str:
    """Return which part of a preview to show: what the address says, else the first that needs a look."""
    asked = request.args.get("show", "")
    if asked in PREVIEWED:
        return asked
    return next((part for part in ("conflict", "rejected", "changed", "new") if preview.get(part)), "columns")
