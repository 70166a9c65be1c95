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

from runtime.identifiers import uuid7
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
    """A row between its reading and its staging: as it was read, with all its cells by header as JSON text.

    `duplicate` says which earlier row it repeats, if any.
    """

    row: SheetRow
    cells: str
    duplicate: Problem | None

    @property
    def verdict(self) -> str:
        """What the sheet alone says of the row: ok, duplicate or rejected."""
        return "rejected" if self.row.rejected else "duplicate" if self.duplicate else "ok"


@dataclass(slots=True)
class Tally:
    """How many rows were staged, by what became of them at once; `waiting` ones are for `importing` to compare."""

    created: int = 0
    unchanged: int = 0
    duplicate: int = 0
    rejected: int = 0
    waiting: int = 0


class Stager:
    """Stages one report's rows, a chunk at a time and in the order of the sheet.

    It remembers the identities it has read, so one stager reads the whole sheet. `read` touches nothing but the stager:
    it may run in a thread ahead of `stage`.
    """

    def __init__(self, report_id: UUID, columns: Columns, references: References, now: datetime) -> None:
        self._report_id = report_id
        self._columns = columns
        self._references = references
        self._reader = RowReader(columns, not_after=now + AHEAD)
        self._headers = kept_headers(columns)
        self._first: dict[str, tuple[int, bytes | None]] = {}

    def read(self, numbered: Iterable[tuple[int, Sequence[Cell]]]) -> list[ReadRow]:
        """Read (row number, cells) pairs; empty rows are left out."""
        read: list[ReadRow] = []
        for number, cells in numbered:
            row = self._reader.read(number, cells)
            if row is not None:
                read.append(ReadRow(row, _text(self._by_header(cells)), self._duplicate(row)))
        return read

    def stage(self, connection: Connection, rows: Sequence[ReadRow], *, settle: bool) -> Tally:
        """Look up what the rows name and write them down, each with its verdict.

        With `settle` each gets its outcome at once, against the tickets as they are now: an id for the ticket that
        `importing.settle` is to create in this same transaction, or that it is unchanged. Else all `ok` rows wait.
        """
        statements = queries("weekly_reports")
        drops = _find_drops(connection, rows)
        known = _find_known(connection, rows) if settle else None
        tally = Tally()
        with connection.cursor() as cursor, cursor.copy(statements.copy_rows.sql) as copy:
            for read in rows:
                copy.write_row(self._staged(read, drops, _settle(read, known, tally)))
        return tally

    def _by_header(self, cells: Sequence[Cell]) -> dict[str, Cell]:
        return {header: cell for place, header in self._headers if (cell := _at(cells, place)) is not None}

    def _staged(
        self, read: ReadRow, drops: Mapping[str, Drop], settled: tuple[str | None, UUID | None]
    ) -> tuple[object, ...]:
        row, verdict = read.row, read.verdict
        offer = {} if row.rejected else resolve(row, self._columns, self._references, drops)
        beginning = None if row.rejected else begin(offer)
        conflict = beginning.conflict if beginning and verdict == "ok" else None
        errors = [read.duplicate] if read.duplicate else row.errors
        return (
            self._report_id,
            row.row_number,
            read.cells,
            row.external_id,
            *map(offer.get, _OFFERED),
            row.row_hash,
            beginning.status if beginning else None,
            verdict,
            _list([problem.as_json() for problem in errors]),
            _list([problem.as_json() for problem in row.warnings]),
            _list([conflict.as_json()] if conflict else []),
            *settled,
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


def last_staged_row(connection: Connection, report_id: UUID) -> int:
    """Return the number of the last row that is staged, 0 for none: rows are staged in their order."""
    last: int | None = queries("weekly_reports").last_staged_row(connection, report_id=report_id)
    return last or 0


def finish(work: UnitOfWork, report_id: UUID, sheet_name: str, columns: Columns) -> int:
    """Note that every row is staged; returns how many there are."""
    return _finish(work, report_id, sheet_name, describe(columns))


def describe(columns: Columns) -> dict[str, Any]:
    """Return the columns as they are kept with the report."""
    return {
        "reading": READING,
        "row": columns.row_number,
        "headers": [header for _, header in kept_headers(columns)],
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
    total: int = queries("weekly_reports").finish_staging(
        work.connection,
        report_id=report_id,
        sheet_name=sheet_name,
        header_mapping=_text(mapping),
        now=work.now,
    )
    return total


def kept_headers(columns: Columns) -> list[tuple[int, str]]:
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


def _find_known(connection: Connection, rows: Sequence[ReadRow]) -> dict[str, tuple[UUID, bytes | None]]:
    """Return id and hash of the tickets that rows are about, by external id."""
    wanted = [read.row.external_id for read in rows if read.verdict == "ok"]
    found = queries("weekly_reports").find_known_tickets(connection, external_ids=wanted)
    return {ticket["external_id"]: (ticket["id"], ticket["source_hash"]) for ticket in found}


def _settle(
    read: ReadRow, known: Mapping[str, tuple[UUID, bytes | None]] | None, tally: Tally
) -> tuple[str | None, UUID | None]:
    """Return the outcome of a row and its ticket, as far as they are clear at once, and count it."""
    row = read.row
    if read.verdict == "rejected":
        tally.rejected += 1
        return "rejected", None
    if read.verdict == "duplicate":
        tally.duplicate += 1
        return "duplicate", None
    ticket = (known or {}).get(row.external_id or "")
    if known is not None and ticket is None:
        tally.created += 1
        return "created", uuid7()
    if ticket is not None and ticket[1] == row.row_hash:
        tally.unchanged += 1
        return "unchanged", ticket[0]
    tally.waiting += 1
    return None, None


def _at(cells: Sequence[Cell], place: int) -> Cell:
    return cells[place] if place < len(cells) else None


def _text(value: Any) -> str:
    """Return JSON text for a jsonb column."""
    return to_json(value, inf_nan_mode="null").decode()


def _list(values: list[dict[str, Any]]) -> str | None:
    """Return JSON text of a list; None for an empty one."""
    return _text(values) if values else None
