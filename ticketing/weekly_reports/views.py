"""Reports as the API shows them (wire contract, section 12): detail, progress, history, rows, rejected rows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sql.database import Connection, queries
from ticketing.paging import Position, fetch_planned, place_of
from ticketing.weekly_reports.differences import add_names
from ticketing.weekly_reports.headers import REJECTED_COLUMNS
from ticketing.weekly_reports.service import no_such_report

ERRORS_SHOWN = 100
# In the history, of each report: its detail and its rows tell the rest.
ERRORS_IN_HISTORY = 10
MAX_ROWS = 1_000
# A rejected row's workbook is read back in pieces, to bound memory.
REJECTED_AT_ONCE = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryFilter:
    """Which reports a history shows; None asks for all."""

    statuses: tuple[str, ...] | None = None
    week_number: int | None = None
    year: int | None = None
    imported_by: UUID | None = None
    imported_after: datetime | None = None
    imported_before: datetime | None = None

    @property
    def is_empty(self) -> bool:
        """Whether every report is asked for."""
        return all(value is None for value in asdict(self).values())

    def parameters(self) -> dict[str, Any]:
        """Return the filter as parameters of the queries."""
        return asdict(self) | {"statuses": list(self.statuses) if self.statuses is not None else None}


def detail(connection: Connection, report_id: UUID, *, batch_rows: int, now: datetime) -> dict[str, Any]:
    """Return a report with its progress and its first errors. Raises NotFound."""
    report = _read(connection, report_id)
    shown = _summary(report) | _progress(report, batch_rows, now)
    return shown | {
        "sheet_name": report["sheet_name"],
        "columns": report["header_mapping"].get("fields", {}),
        "errors": _errors(connection, [report_id], ERRORS_SHOWN)[report_id],
    }


def progress(connection: Connection, report_id: UUID, *, batch_rows: int, now: datetime) -> dict[str, Any]:
    """Return how far a report is; a finished one, failed or not, is at 100. Raises NotFound."""
    report = _read(connection, report_id)
    told = (
        "id",
        "status",
        "phase",
        "total_rows",
        "imported_count",
        "skipped_count",
        "error_count",
        "failure",
        "job_id",
    )
    summary = _summary(report)
    shown = {name: summary[name] for name in told}
    return (
        shown
        | _progress(report, batch_rows, now)
        | {"errors": _errors(connection, [report_id], ERRORS_SHOWN)[report_id]}
    )


def preview(connection: Connection, report_id: UUID) -> dict[str, Any]:
    """Return what an import would do, as it was when the report was checked. Raises NotFound."""
    report = _read(connection, report_id)
    return {
        "id": report["id"],
        "report_uid": report["report_uid"],
        "status": report["status"],
        "phase": report["phase"],
        "sheet_name": report["sheet_name"],
        "columns": report["header_mapping"].get("fields", {}),
        "failure": _failure(report),
        "preview_job_id": report["preview_job_id"],
        "can_confirm": report["phase"] == "previewed" and report["import_job_id"] is None,
        "preview": report["preview"] or None,
    }


def history(
    connection: Connection, wanted: HistoryFilter, *, after: Position | None, limit: int
) -> tuple[dict[str, Any], str | None]:
    """Return the newest reports with totals over all that the filter lets through, and the cursor to go on."""
    found = list(
        queries("weekly_reports").list_reports(
            connection,
            **wanted.parameters(),
            **place_of(after, limit + 1),
        )
    )
    totals = queries("weekly_reports").summarise_reports(connection, **wanted.parameters())
    shown = found[:limit]
    errors = _errors(connection, [report["id"] for report in shown], ERRORS_IN_HISTORY)
    data: dict[str, Any] = {
        "reports": [_summary(report) | {"errors": errors[report["id"]]} for report in shown],
        "total": totals["total"],
        "by_status": {name: totals[name] for name in ("pending", "processing", "completed", "failed")},
        "total_imported_tickets": int(totals["total_imported_tickets"]),
    }
    if wanted.is_empty:
        data["stats"] = _statistics(totals)
    last = found[limit - 1] if len(found) > limit else None
    return data, Position(last["created_at"], last["id"]).cursor() if last else None


def rows(
    connection: Connection, report_id: UUID, *, outcome: str | None, after_row: int, limit: int
) -> tuple[list[dict[str, Any]], int | None]:
    """Return rows of a report in the sheet's order, and the row number to go on after. Raises NotFound."""
    _read(connection, report_id)
    found = fetch_planned(
        connection,
        queries("weekly_reports").list_rows,
        report_id=report_id,
        outcome=outcome,
        after_row=after_row,
        row_limit=limit + 1,
    )
    shown = [
        {**row, "errors": row["errors"] or [], "warnings": row["warnings"] or [], "conflicts": row["conflicts"] or []}
        for row in found[:limit]
    ]
    add_names(connection, [conflict for row in shown for conflict in row["conflicts"]])
    return shown, shown[-1]["row_number"] if len(found) > limit else None


@dataclass(frozen=True, slots=True)
class RejectedRows:
    """The rejected rows as a sheet: the original columns, then row number, column and reason."""

    report_uid: str
    headers: list[str]
    rows: list[list[Any]]


def rejected_rows(connection: Connection, report_id: UUID) -> RejectedRows:
    """Return the rejected rows to be mended and imported again: on import our own columns are left out of account.

    Raises NotFound.
    """
    report = _read(connection, report_id)
    mapping = report["header_mapping"]
    headers: list[str] = list(mapping.get("headers", []))
    date_header = mapping.get("fields", {}).get("reported_at")
    sheet: list[list[Any]] = []
    after: int | None = 0
    while after is not None:
        found, after = rows(connection, report_id, outcome="rejected", after_row=after, limit=REJECTED_AT_ONCE)
        sheet += [_rejected(row, headers, date_header) for row in found]
    return RejectedRows(report["report_uid"], [*headers, *REJECTED_COLUMNS], sheet)


def _rejected(row: Mapping[str, Any], headers: Sequence[str], date_header: str | None) -> list[Any]:
    cells = [_restored(row["cells"].get(header), is_date=header == date_header) for header in headers]
    errors = row["errors"]
    columns = ", ".join(dict.fromkeys(error["column"] for error in errors if error["column"]))
    reasons = "; ".join(
        f"{error['column']}: {error['message']}" if error["column"] else error["message"] for error in errors
    )
    return [*cells, row["row_number"], columns, reasons]


def _restored(cell: Any, *, is_date: bool) -> Any:
    """Return a stored cell as it was in the sheet: JSON has no dates."""
    if not (is_date and isinstance(cell, str)):
        return cell
    try:
        return datetime.fromisoformat(cell)
    except ValueError:
        return cell


def _read(connection: Connection, report_id: UUID) -> dict[str, Any]:
    report: dict[str, Any] | None = queries("weekly_reports").show_report(connection, report_id=report_id)
    if report is None:
        raise no_such_report(report_id)
    return report


def _summary(report: Mapping[str, Any]) -> dict[str, Any]:
    """Return what every view of a report tells. Its counts add up: imported + skipped + error = total when finished."""
    names = (
        *("id", "report_uid", "week_number", "year", "report_date", "original_filename", "file_path", "status"),
        *("phase", "total_rows", "created_count", "updated_count", "unchanged_count", "duplicate_count"),
        *("conflict_count", "rejected_count", "created_at", "imported_at", "imported_by", "created_by"),
        "created_by_name",
    )
    return {name: report[name] for name in names} | {
        "imported_count": report["created_count"] + report["updated_count"],
        "skipped_count": report["unchanged_count"] + report["duplicate_count"] + report["conflict_count"],
        "error_count": report["rejected_count"],
        "failure": _failure(report),
        "job_id": report["import_job_id"] or report["preview_job_id"],
    }


def _failure(report: Mapping[str, Any]) -> dict[str, Any] | None:
    if report["status"] != "failed":
        return None
    return {"code": report["failure_code"], "message": report["failure_message"]}


def _progress(report: Mapping[str, Any], batch_rows: int, now: datetime) -> dict[str, Any]:
    finished = report["status"] in ("completed", "failed")
    done, total = report["processed_rows"], report["total_rows"]
    started = report["import_started_at"] if report["status"] == "processing" else None
    reading = report["job_state"] == "running" and report["phase"] in ("uploaded", "checking")
    return {
        "rows_done": report["job_done"] if reading else done,
        "rows_total": report["job_total"] if reading else total,
        "progress_percentage": 100 if finished else min(99, done * 100 // total) if started and total else 0,
        "estimated_time_remaining_seconds": _remaining(done, total, started, now),
        "current_batch": -(-done // batch_rows),
        "total_batches": -(-total // batch_rows),
    }


def _remaining(done: int, total: int, started: datetime | None, now: datetime) -> int | None:
    if started is None or not done:
        return None
    return round((now - started).total_seconds() / done * (total - done))


def _errors(connection: Connection, report_ids: Sequence[UUID], most: int) -> defaultdict[UUID, list[dict[str, Any]]]:
    """Return the first errors of each report, at most `most` of each."""
    found = queries("weekly_reports").list_errors(connection, report_ids=list(report_ids), row_limit=most)
    errors: defaultdict[UUID, list[dict[str, Any]]] = defaultdict(list)
    for row in found:
        errors[row["report_id"]].append(
            {
                "row_number": row["row_number"],
                "error_type": row["error"]["error_type"],
                "error_message": row["error"]["message"],
                "field_name": row["error"]["column"],
                "row_data": row["cells"],
            }
        )
    return errors


def _statistics(totals: Mapping[str, Any]) -> dict[str, Any]:
    completed, imported = totals["completed"], int(totals["total_imported_tickets"])
    average = totals["average_seconds"]
    return {
        "total_imports": totals["total"],
        "successful_imports": completed,
        "failed_imports": totals["failed"],
        "total_tickets_imported": imported,
        "avg_tickets_per_import": round(imported / completed, 2) if completed else 0,
        "avg_import_duration_seconds": round(float(average), 3) if average is not None else None,
        "last_import_date": totals["last_import_date"],
    }
