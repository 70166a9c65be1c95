"""The first half of the demo: a drop register and a weekly report become drops and tickets."""

from __future__ import annotations

from pathlib import Path

from cli.api_client import ApiClient
from cli.console import out, table
from cli.demo.following import duration, follow, heading
from ticketing.vocabulary import Status

VERDICTS = ("total", "new", "changed", "unchanged", "duplicate", "conflict", "rejected", "with_warnings")


def import_drops(api: ApiClient, workbook: Path) -> bool:
    """Import the drop register and follow it; returns whether it changed anything."""
    heading(f"1. The drop register {workbook.name}")
    started = api.upload("/import/drops", workbook)
    job = follow(api, started["job_id"])
    result = job["result"]
    out.print(
        f"job {job['state']} in {duration(job)}: {result['rows']} rows, {result['created']} drops created, "
        f"{result['updated']} updated, {result['unchanged']} unchanged, {result['spares']} spares"
    )
    for twin in result["duplicates"]:
        out.print(f"  duplicate: row {twin['row']} repeats {twin['label']} of row {twin['first_row']}")
    return bool(result["created"] or result["updated"])


def import_weekly(api: ApiClient, workbook: Path) -> tuple[str, bool]:
    """Preview, confirm and follow the weekly report; returns its id and whether it changed anything."""
    heading(f"2. The weekly report {workbook.name}: preview")
    started = api.upload("/import/weekly", workbook, params={"preview": "true"})
    follow(api, started["job_id"])
    preview = api.get(f"/import/weekly/{started['id']}/preview")
    table(VERDICTS, [[preview["preview"][verdict] for verdict in VERDICTS]])
    heading("3. The weekly report: import")
    confirmed = api.post(f"/import/weekly/{started['id']}/confirm")
    job = follow(api, confirmed["job_id"])
    report = api.get(f"/import/weekly/{started['id']}")
    result = job["result"]
    out.print(
        f"{report['report_uid']} {report['status']}: job {job['state']} in {duration(job)}; "
        + ", ".join(f"{number} {name}" for name, number in result.items() if name != "total_rows")
    )
    _rejected_rows(api, started["id"])
    return started["id"], bool(result["created"] or result["updated"])


def _rejected_rows(api: ApiClient, report_id: str) -> None:
    rows = api.get(f"/import/weekly/{report_id}/rows", params={"outcome": "rejected"})
    table(
        ("row", "column", "what is wrong"),
        (
            (row["row_number"], error["column"] or error["field"], error["message"])
            for row in rows
            for error in row["errors"]
        ),
        empty="no row was rejected",
    )


def tickets_by_status(api: ApiClient) -> None:
    """Show how many tickets there are of each status."""
    heading("4. Tickets by status")
    totals = {str(status): api.total("/tickets", {"status": str(status)}) for status in Status}
    table(("status", "tickets"), [(status, total) for status, total in totals.items() if total])
