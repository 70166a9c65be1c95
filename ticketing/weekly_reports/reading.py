"""Reading a sheet, row by row, into what is staged of it. Pure: rows and what they name come in, values go out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from pydantic_core import to_json

from sql.copying import copy_fields
from ticketing.sla.forecasts import Start
from ticketing.weekly_reports.changes import begin
from ticketing.weekly_reports.headers import Columns
from ticketing.weekly_reports.identity import READING
from ticketing.weekly_reports.references import Drop, References, resolve
from ticketing.weekly_reports.rows import Problem, RowReader, SheetRow
from ticketing.weekly_reports.values import Cell

# What a row offers a ticket, in the order of the query `copy_rows`.
_OFFERED = (
    *("title", "description", "ticket_type", "priority", "status", "dr_number", "pole_number", "pon_number", "zone"),
    *("address", "project", "project_id", "assigned_text", "assigned_to", "contractor_text", "assigned_contractor_id"),
    *("fault_cause", "fault_cause_details", "ont_serial", "ont_rx_level", "reported_at"),
)
# A sheet that is filled in on the spot may be a little ahead of our clock.
AHEAD = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class ReadRow:
    """A row as the sheet has it, its cells by header as JSON text; `duplicate` says which earlier row it repeats."""

    row: SheetRow
    cells: str
    duplicate: Problem | None

    @property
    def verdict(self) -> str:
        """What the sheet alone says of the row: ok, duplicate or rejected."""
        return "rejected" if self.row.rejected else "duplicate" if self.duplicate else "ok"


@dataclass(frozen=True, slots=True)
class PreparedRow:
    """A row with everything looked up.

    `fields` are those of the query `copy_rows` as it takes them, but for report, outcome and ticket; `start` is what
    the SLA clock of its ticket follows from.
    """

    row_number: int
    external_id: str | None
    row_hash: bytes | None
    verdict: str
    fields: str
    start: Start


class SheetReader:
    """Reads the rows of one sheet, in its order: it remembers the identities that it has met."""

    def __init__(self, columns: Columns, references: References, now: datetime) -> None:
        self._columns = columns
        self._references = references
        self._rows = RowReader(columns, not_after=now + AHEAD)
        self._headers = kept_headers(columns)
        self._first: dict[str, tuple[int, bytes | None]] = {}

    def read(self, numbered: Iterable[tuple[int, Sequence[Cell]]]) -> list[ReadRow]:
        """Read (row number, cells) pairs; empty rows are left out."""
        read: list[ReadRow] = []
        for number, cells in numbered:
            row = self._rows.read(number, cells)
            if row is not None:
                read.append(ReadRow(row, _text(self._by_header(cells)), self._duplicate(row)))
        return read

    def prepare(self, read: Sequence[ReadRow], drops: Mapping[str, Drop]) -> list[PreparedRow]:
        """Resolve what the rows name; `drops` holds those of their drops that the SOW register knows."""
        return [self._prepare(row, drops) for row in read]

    def _by_header(self, cells: Sequence[Cell]) -> dict[str, Cell]:
        width = len(cells)
        return {header: cell for place, header in self._headers if place < width and (cell := cells[place]) is not None}

    def _prepare(self, read: ReadRow, drops: Mapping[str, Drop]) -> PreparedRow:
        row, verdict = read.row, read.verdict
        offer = {} if row.rejected else resolve(row, self._columns, self._references, drops)
        beginning = None if row.rejected else begin(offer)
        conflict = beginning.conflict if beginning and verdict == "ok" else None
        errors = [read.duplicate] if read.duplicate else row.errors if row.rejected else []
        values = (
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
        )
        start = Start(row.row_number, offer.get("priority"), offer.get("project_id"), offer.get("reported_at"))
        return PreparedRow(row.row_number, row.external_id, row.row_hash, verdict, copy_fields(values), start)

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


def describe(columns: Columns) -> dict[str, Any]:
    """Return the columns as they are kept with the report."""
    return {
        "reading": READING,
        "row": columns.row_number,
        "headers": [header for _, header in kept_headers(columns)],
        "fields": {name: columns.headers[places[0]] for name, places in columns.positions.items()},
    }


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


def _text(value: Any) -> str:
    return to_json(value, inf_nan_mode="null").decode()


def _list(values: list[dict[str, Any]]) -> str | None:
    return _text(values) if values else None
