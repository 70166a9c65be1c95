"""The life of a report: taken in, checked, confirmed or dismissed, imported, completed or failed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, ClassVar
from uuid import UUID

from pydantic_core import to_json

from runtime.clock import BUSINESS_ZONE
from sql.database import Connection, queries
from ticketing.errors import AlreadyExists, ConditionNotMet, DomainError, InvalidInput, NotFound
from ticketing.events import Event, UnitOfWork

FIRST_YEAR, LAST_YEAR = 2000, 2100
# Uploads that race for one number of a week: each loser takes the next.
ATTEMPTS_AT_A_NUMBER = 20
# Why a report is failed that was checked and then not wanted: nothing went wrong with it.
DISMISSED = "DISMISSED"


class EmptyReport(DomainError):
    """The sheet has headers and no rows."""

    code = "EMPTY_FILE"


class UnreadableReport(DomainError):
    """No sheet of the workbook can be read as a weekly report."""

    code = "PARSE_ERROR"


class InvalidReportId(DomainError):
    """What was given as a report's id is none."""

    code = "INVALID_ID"


@dataclass(frozen=True, kw_only=True)
class WeeklyReportImported(Event):
    """Every row of a report is settled; kinds react to this one event, not to one for each of its tickets."""

    name: ClassVar[str] = "weekly_report_imported"

    report_id: UUID
    report_uid: str
    created: int
    updated: int


@dataclass(frozen=True, slots=True)
class Week:
    """The ISO week that a report is filed under, and the day that it is of."""

    year: int
    number: int
    day: date


def week_of(now: datetime, *, day: date | None = None, year: int | None = None, number: int | None = None) -> Week:
    """Return the week that a report belongs to; what is not given follows from the day, or from `now` locally.

    A year without a week 53 ends with its week 52 for whoever names the year alone in a week 53.

    Raises InvalidInput naming each field that cannot be: a week outside 1 to 53 or not in that year, a year outside
    2000 to 2100, a day that lies in no week of those years.
    """
    _check_range(day, year, number)
    iso = (day or now.astimezone(BUSINESS_ZONE).date()).isocalendar()
    in_year = year or iso.year
    last = _last_week(in_year)
    week = number or min(iso.week, last)
    if week > last:
        raise _impossible({"week_number": f"{in_year} has no week {week}: its last is {last}"})
    if day is None:
        is_now = (in_year, week) == (iso.year, iso.week)
        day = date.fromisocalendar(in_year, week, iso.weekday if is_now else 1)
    return Week(in_year, week, day)


def _check_range(day: date | None, year: int | None, number: int | None) -> None:
    years = f"{FIRST_YEAR} to {LAST_YEAR}"
    details: dict[str, str] = {}
    if number is not None and not 1 <= number <= 53:
        details["week_number"] = "must be 1 to 53"
    if year is not None and not FIRST_YEAR <= year <= LAST_YEAR:
        details["year"] = f"must be {years}"
    if day is not None and not FIRST_YEAR <= day.isocalendar().year <= LAST_YEAR:
        details["report_date"] = f"must lie in a week of the years {years}"
    if details:
        raise _impossible(details)


def _impossible(details: dict[str, str]) -> InvalidInput:
    field, message = next(iter(details.items()))
    return InvalidInput(f"{field}: {message}", details=details)


def _last_week(year: int) -> int:
    # Whatever day it is, 28 December lies in the last ISO week of its year.
    return date(year, 12, 28).isocalendar().week


@dataclass(frozen=True, slots=True)
class StoredFile:
    """An uploaded workbook, where it is stored and what it was called. `rows` may count empty ones too."""

    filename: str
    storage_key: str
    sha256: str
    size: int
    rows: int


@dataclass(frozen=True, slots=True)
class TakenIn:
    """A report that now exists."""

    id: UUID
    report_uid: str


def take_in(work: UnitOfWork, report_id: UUID, file: StoredFile, week: Week) -> TakenIn:
    """Note an upload under the next free number of its week; a week may have several reports."""
    for _ in range(ATTEMPTS_AT_A_NUMBER):
        row = queries("weekly_reports").insert_report(
            work.connection,
            id=report_id,
            year=week.year,
            week_number=week.number,
            report_date=week.day,
            original_filename=file.filename,
            storage_key=file.storage_key,
            file_sha256=file.sha256,
            file_size=file.size,
            total_rows=file.rows,
            created_by=work.actor.user_id,
            now=work.now,
        )
        if row is not None:
            return TakenIn(row["id"], row["report_uid"])
    raise AlreadyExists(f"Too many reports of week {week.number} arrive at once; send it again")


def note_jobs(
    work: UnitOfWork, report_id: UUID, *, preview_job: UUID | None = None, import_job: UUID | None = None
) -> None:
    """Note which jobs check and import a report."""
    queries("weekly_reports").set_jobs(
        work.connection, report_id=report_id, preview_job_id=preview_job, import_job_id=import_job
    )


def require_confirmable(work: UnitOfWork, report_id: UUID) -> dict[str, Any]:
    """Lock a report that waits for somebody's word.

    Raises NotFound, AlreadyExists for one that was confirmed or dismissed, ConditionNotMet for one that is still being
    checked.
    """
    report: dict[str, Any] | None = queries("weekly_reports").lock_report(work.connection, report_id=report_id)
    if report is None:
        raise no_such_report(report_id)
    if report["failure_code"] == DISMISSED:
        raise AlreadyExists(
            f"{report['report_uid']} was dismissed: upload the file again to import it",
            details={"status": report["status"]},
        )
    if report["import_job_id"] is not None or report["phase"] == "finished":
        raise AlreadyExists(
            f"{report['report_uid']} was confirmed already",
            details={"status": report["status"], "job_id": str(report["import_job_id"] or "")},
        )
    if report["phase"] != "previewed":
        raise ConditionNotMet(
            f"{report['report_uid']} is still being checked: decide when its preview is there",
            details={"phase": report["phase"]},
        )
    return report


def dismiss(work: UnitOfWork, report_id: UUID, reason: str | None) -> dict[str, Any]:
    """Close a report that was checked and is not wanted; nothing of it is imported. Raises as require_confirmable."""
    report = require_confirmable(work, report_id)
    said = f"{work.actor.name} dismissed it after its check"
    fail(work, report_id, DISMISSED, f"{said}: {reason}" if reason else said)
    return report


def find(connection: Connection, report_id: UUID) -> dict[str, Any]:
    """Return a report as its jobs need it. Raises NotFound."""
    report: dict[str, Any] | None = queries("weekly_reports").find_report(connection, report_id=report_id)
    if report is None:
        raise no_such_report(report_id)
    return report


def begin_checking(work: UnitOfWork, report_id: UUID) -> bool:
    """Note that the file is being read for its preview; False, and nothing is noted, where somebody decided already."""
    begun = queries("weekly_reports").begin_checking(
        work.connection, report_id=report_id, dismissed=DISMISSED, now=work.now
    )
    return begun is not None


def begin_importing(work: UnitOfWork, report_id: UUID) -> None:
    """Note that tickets are being written."""
    queries("weekly_reports").begin_importing(work.connection, report_id=report_id, now=work.now)


def keep_preview(work: UnitOfWork, report_id: UUID, preview: dict[str, Any]) -> None:
    """Keep what the check found; the report waits for confirmation."""
    queries("weekly_reports").save_preview(
        work.connection, report_id=report_id, preview=to_json(preview).decode(), now=work.now
    )


def complete(work: UnitOfWork, report_id: UUID, imported_by: UUID | None) -> dict[str, Any]:
    """Close a report whose rows are all settled, and tell the world once. Returns its counts."""
    done: dict[str, Any] = queries("weekly_reports").finish_report(
        work.connection, report_id=report_id, imported_by=imported_by, now=work.now
    )
    work.record(
        WeeklyReportImported(
            report_id=report_id,
            report_uid=done["report_uid"],
            created=done["created_count"],
            updated=done["updated_count"],
        )
    )
    return done


def fail(work: UnitOfWork, report_id: UUID, code: str, message: str) -> None:
    """Close a report that cannot be imported, with the reason for the person who made the file."""
    queries("weekly_reports").fail_report(
        work.connection, report_id=report_id, failure_code=code, failure_message=message, now=work.now
    )


def no_such_report(report_id: UUID) -> NotFound:
    """Return the error for an unknown report."""
    return NotFound("Weekly report not found", details={"id": str(report_id)})
