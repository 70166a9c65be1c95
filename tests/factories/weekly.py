"""Builders for the weekly report: its rows, its workbook, and a report on its way through the jobs."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from integrations.workbooks import SheetData, write_workbook
from jobs.kinds.import_weekly_report import Submitted, Upload, submit
from tests.running import run_jobs
from ticketing.people import SYSTEM, Actor

if TYPE_CHECKING:
    from jobs.platform import Platform

HEADERS = [
    *("FT Ref", "Title", "Description", "Type", "Area", "Zone", "Priority", "Status", "DR Number", "Pole Number"),
    *("PON Number", "Address", "Assigned To", "Contractor", "Fault Cause", "Date Logged", "ONT Serial", "ONT RX"),
    "Comment",
]
ROW = {
    "FT Ref": "FT490441",
    "Title": "No light",
    "Type": "Maintenance",
    "Priority": "High",
    "Status": "Open",
    "DR Number": "DR1737348",
    "Date Logged": datetime(2026, 11, 16, 8, 30),  # noqa: DTZ001 - as a sheet has it
    "Comment": "seen",
}


def weekly_row(**columns: Any) -> dict[str, Any]:
    """A row of the usual sheet; keywords are headers with underscores for spaces, None empties a cell."""
    return ROW | {name.replace("_", " "): value for name, value in columns.items()}


def weekly_workbook(*rows: dict[str, Any], headers: list[str] | None = None, name: str = "Weekly Tickets") -> bytes:
    """A workbook whose sheet holds the rows, in the usual columns and those that the rows bring along."""
    columns = headers or list(dict.fromkeys([*HEADERS, *(header for row in rows for header in row)]))
    return write_workbook([SheetData(name, columns, [[row.get(header) for header in columns] for row in rows])])


def upload_report(
    platform: Platform, data: bytes, *, preview: bool = False, actor: Actor = SYSTEM, **said: Any
) -> Submitted:
    """Take a workbook in, as an upload would; its job waits."""
    with platform.begin(actor) as work:
        return submit(work, platform.settings, Upload(data=data, filename="week 47.xlsx", **said), preview=preview)


def import_report(platform: Platform, *rows: dict[str, Any], **said: Any) -> UUID:
    """Upload rows as a workbook and import it; every job must complete. Returns the report's id."""
    report_id = upload_report(platform, weekly_workbook(*rows), **said).report_id
    for job in run_jobs(platform):
        assert job["state"] == "completed", job["error_message"]
    return report_id
