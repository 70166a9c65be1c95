"""Bringing the rows of a sheet to the database: read by pure rules, looked up in bulk, staged with COPY.

A staged row is also the record of what becomes of it. Nothing here touches a ticket.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from pydantic_core import to_json

from sql.database import Connection, queries
from ticketing.events import UnitOfWork
from ticketing.weekly_reports.changes import begin
from ticketing.weekly_reports.headers import Columns
from ticketing.weekly_reports.identity import READING
from ticketing.weekly_reports.references import Drop, Named, References, resolve
from ticketing.weekly_reports.rows import Problem, RowReader, SheetRow
from ticketing.weekly_reports.values import Cell

# The offered values of a staged row, in the order of the query `copy_rows`.
_OFFERED = (
    *("title", "description", "ticket_type", "priority", "status", "dr_number", "pole_number", "pon_number", "zone"),
    *("address", "project", "project_id", "assigned_text", "assigned_to", "contractor_text", "assigned_contractor_id"),
    *("fault_cause", "fault_cause_details", "ont_serial", "ont_rx_level", "reported_at"),
)
# A sheet that is filled in on the spot may be a little ahead of our clock.
AHEAD = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class ReadRow:
    """A row between its reading and its staging: as it was read, and with all its cells by header."""

    row: SheetRow
    cells: dict[str, Cell]


class Stager:
    """Stages one report's rows, a chunk at a time and in the order of the sheet.

    It remembers the identities it has seen, so one stager reads the whole sheet; an attempt that was killed begins
    again.
    """

    def __init__(self, report_id: UUID, columns: Columns, references: References, now: datetime) -> None:
        self._report_id = report_id
        self._columns = columns
        self._references = references
        self._reader = RowReader(columns, not_after=now + AHEAD)
        self._headers = _kept_headers(columns)
        self._first: dict[str, tuple[int, bytes | None]] = {}

    def read(self, numbered: Iterable[tuple[int, Sequence[Cell]]]) -> list[ReadRow]:
        """Read (row number, cells) pairs; empty rows are left out."""
        read = ((number, cells, self._reader.read(number, cells)) for number, cells in numbered)
        return [ReadRow(row, self._by_header(cells)) for _, cells, row in read if row is not None]

    def stage(self, connection: Connection, rows: Sequence[ReadRow]) -> None:
        """Look up what the rows name and write them down, each with its verdict."""
        statements = queries("weekly_reports")
        drops = _find_drops(connection, rows)
        with connection.cursor() as cursor, cursor.copy(statements.copy_rows.sql) as copy:
            for read in rows:
                copy.write_row(self._staged(read, drops))

    def _by_header(self, cells: Sequence[Cell]) -> dict[str, Cell]:
        return {
            header: cells[place] for place, header in self._headers if place < len(cells) and cells[place] is not None
        }

    def _staged(self, read: ReadRow, drops: Mapping[str, Drop]) -> tuple[object, ...]:
        row = read.row
        rejected = row.rejected
        offer = {} if rejected else resolve(row, self._columns, self._references, drops)
        beginning = None if rejected else begin(offer)
        duplicate = None if rejected else self._duplicate(row)
        verdict = "rejected" if rejected else "duplicate" if duplicate else "ok"
        errors = [problem for problem in row.problems if problem.severity == "error"]
        conflict = beginning.conflict if beginning and verdict == "ok" else None
        return (
            self._report_id,
            row.row_number,
            _json(read.cells),
            row.external_id,
            *[offer.get(name) for name in _OFFERED],
            row.row_hash,
            beginning.status if beginning else None,
            verdict,
            _json([problem.as_json() for problem in ([duplicate] if duplicate else errors)]),
            _json([problem.as_json() for problem in row.problems if problem.severity == "warning"]),
            _json([conflict.as_json()] if conflict else None),
            None if verdict == "ok" else verdict,
        )

    def _duplicate(self, row: SheetRow) -> Problem | None:
        if row.external_id is None:
            return None
        first = self._first.setdefault(row.external_id, (row.row_number, row.row_hash))
        if first[0] == row.row_number:
            return None
        says = "and says the same" if first[1] == row.row_hash else "but says something else; only the first counts"
        column = "ft_ref" if row.external_id.startswith("FT") else "dr_number"
        message = f"is the same work as row {first[0]} {says}"
        return Problem("error", "duplicate_entry", message, column, self._columns.header_of(column))


def load_references(connection: Connection) -> References:
    """Read all that a sheet may name in small tables: people, companies, projects. Drops are looked up by chunk."""
    names: dict[str, list[tuple[str | None, UUID]]] = {"user": [], "contractor": [], "project": []}
    for found in queries("weekly_reports").list_names(connection):
        names[found["kind"]].append((found["name"], found["id"]))
    return References(
        projects=Named.of(names["project"]),
        users=Named.of(names["user"]),
        contractors=Named.of(names["contractor"]),
        has_register=queries("weekly_reports").has_drops(connection),
    )


def restart(work: UnitOfWork, report_id: UUID) -> None:
    """Make ready for staging: what an attempt that was killed left behind is removed."""
    queries("weekly_reports").begin_checking(work.connection, report_id=report_id, now=work.now)
    queries("weekly_reports").delete_rows(work.connection, report_id=report_id)


def finish(work: UnitOfWork, report_id: UUID, sheet_name: str, columns: Columns) -> int:
    """Note that every row is staged; returns how many there are."""
    return _finish(work, report_id, sheet_name, describe(columns))


def describe(columns: Columns) -> dict[str, Any]:
    """Return the columns as they are kept with the report."""
    return {
        "reading": READING,
        "row": columns.row_number,
        "headers": [header for _, header in _kept_headers(columns)],
        "fields": {name: columns.headers[places[0]] for name, places in columns.positions.items()},
    }


@dataclass(frozen=True, slots=True)
class SameFile:
    """A completed report of the very same bytes; its rows stand for those of the file."""

    report_id: UUID
    sheet_name: str
    header_mapping: dict[str, Any]
    total_rows: int
    last_row: int


def find_same_file(connection: Connection, report_id: UUID, file_sha256: str) -> SameFile | None:
    """Find a completed report of the same bytes that was read by the rules of today."""
    found = queries("weekly_reports").find_same_file(
        connection, report_id=report_id, file_sha256=file_sha256, reading=READING
    )
    if found is None or found["last_row"] is None:
        return None
    return SameFile(found["id"], found["sheet_name"], found["header_mapping"], found["total_rows"], found["last_row"])


def stage_again(
    work: UnitOfWork, report_id: UUID, same: SameFile, after_row: int, up_to_row: int, *, settle: bool
) -> None:
    """Stage rows of the same file from its earlier report, without reading a cell.

    With `settle`, rows that say what their ticket heard last are marked as unchanged on the way.
    """
    queries("weekly_reports").copy_rows_of_report(
        work.connection,
        report_id=report_id,
        from_report_id=same.report_id,
        settle=settle,
        after_row=after_row,
        up_to_row=up_to_row,
    )


def finish_again(work: UnitOfWork, report_id: UUID, same: SameFile) -> int:
    """Note that every row of the same file is staged; returns how many there are."""
    return _finish(work, report_id, same.sheet_name, same.header_mapping)


def _finish(work: UnitOfWork, report_id: UUID, sheet_name: str, mapping: dict[str, Any]) -> int:
    counted = queries("weekly_reports").finish_checking(
        work.connection,
        report_id=report_id,
        sheet_name=sheet_name,
        header_mapping=_json(mapping),
        now=work.now,
    )
    return int(counted["total_rows"])


def _kept_headers(columns: Columns) -> list[tuple[int, str]]:
    """Return (position, name) of the columns that are kept with a row: all but ours, each under a name of its own."""
    kept: list[tuple[int, str]] = []
    taken: set[str] = set()
    for place, header in enumerate(columns.headers):
        if place in columns.ours:
            continue
        name = header or f"Column {place + 1}"
        while name in taken:
            name += " (again)"
        taken.add(name)
        kept.append((place, name))
    return kept


def _find_drops(connection: Connection, rows: Sequence[ReadRow]) -> dict[str, Drop]:
    numbers = sorted({read.row.said["dr_number"] for read in rows if "dr_number" in read.row.said})
    found = queries("weekly_reports").find_drops(connection, numbers=numbers) if numbers else ()
    return {drop.pop("dr_number"): Drop(**drop) for drop in found}


def _json(value: Any) -> str | None:
    """Return JSON text for a jsonb column; None for nothing to say."""
    return to_json(value, inf_nan_mode="null").decode() if value else None
