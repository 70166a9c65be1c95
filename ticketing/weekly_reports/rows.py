"""One row of the sheet: what it says in the vocabulary's words, and everything that is wrong with it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache, partial
from typing import Any, Literal

from pydantic_core import to_json

from ticketing.vocabulary import PLACE_MAX_LENGTH, TITLE_MAX_LENGTH
from ticketing.weekly_reports import values, words
from ticketing.weekly_reports.headers import Columns
from ticketing.weekly_reports.identity import external_id, row_hash
from ticketing.weekly_reports.values import Cell, CellError, ErrorType

Severity = Literal["error", "warning"]
Reader = Callable[[Cell], Any]


def _remembered(reader: Reader) -> Reader:
    """Spare the work for columns in which few values repeat: most cells of a sheet are read from memory.

    `typed` keeps 1 and True apart, which are equal but read differently.
    """
    return lru_cache(maxsize=4_096, typed=True)(reader)


_READERS: dict[str, Reader] = {
    "ft_ref": values.ft_reference,
    "title": values.word,
    "issue": values.word,
    "description": values.word,
    "fault_description": values.word,
    "ticket_type": _remembered(partial(values.one_of, words=words.TICKET_TYPES)),
    "priority": _remembered(partial(values.one_of, words=words.PRIORITIES)),
    "status": _remembered(partial(values.one_of, words=words.STATUSES, warning=True)),
    "area": _remembered(partial(values.limited, length=200)),
    "zone": _remembered(partial(values.limited, length=PLACE_MAX_LENGTH)),
    "dr_number": values.drop_number,
    "pole_number": _remembered(partial(values.limited, length=PLACE_MAX_LENGTH)),
    "pon_number": _remembered(partial(values.limited, length=PLACE_MAX_LENGTH)),
    "address": partial(values.limited, length=500),
    "assigned_to": _remembered(partial(values.limited, length=200)),
    "contractor": _remembered(partial(values.limited, length=200)),
    "fault_cause": _remembered(partial(values.one_of, words=words.FAULT_CAUSES, warning=True)),
    "ont_serial": partial(values.limited, length=100),
    "ont_rx_level": values.received_power,
}
# What a row says, in the order in which it is hashed. Empty values are left out.
SAID = (
    *("title", "description", "ticket_type", "priority", "status", "area", "zone", "dr_number", "pole_number"),
    *("pon_number", "address", "assigned_to", "contractor", "fault_cause", "fault_cause_details", "reported_at"),
    *("ont_serial", "ont_rx_level"),
)


@dataclass(frozen=True, slots=True)
class Problem:
    """Something wrong with a row: an error rejects it, a warning does not. `column` is the sheet's own header."""

    severity: Severity
    error_type: ErrorType
    message: str
    field: str | None = None
    column: str | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the problem as it is stored with the row."""
        return {
            "severity": self.severity,
            "error_type": self.error_type,
            "message": self.message,
            "field": self.field,
            "column": self.column,
        }


@dataclass(slots=True)
class SheetRow:
    """A row as it was read. `said` holds the SAID values; `external_id` and `row_hash` are None for a rejected row."""

    row_number: int
    said: dict[str, Any]
    external_id: str | None = None
    row_hash: bytes | None = None
    problems: list[Problem] = field(default_factory=list)

    @property
    def errors(self) -> list[Problem]:
        """What keeps the row from becoming a ticket."""
        return [problem for problem in self.problems if problem.severity == "error"]

    @property
    def warnings(self) -> list[Problem]:
        """What somebody should look at, though the row is taken."""
        return [problem for problem in self.problems if problem.severity == "warning"]

    @property
    def rejected(self) -> bool:
        """Whether an error keeps the row from becoming a ticket."""
        return self.row_hash is None


class RowReader:
    """Reads the rows under one set of headers. `not_after` is the latest moment that a report can be dated."""

    def __init__(self, columns: Columns, *, not_after: datetime) -> None:
        self._columns = columns
        readers = {**_READERS, "reported_at": _remembered(partial(values.moment, not_after=not_after))}
        self._plan = [
            (name, columns.positions[name], reader) for name, reader in readers.items() if name in columns.positions
        ]
        self._ticket_id = columns.positions.get("ticket_id", ())

    def read(self, row_number: int, cells: Sequence[Cell]) -> SheetRow | None:
        """Read a row, or return None for one that is empty in every known column."""
        found: dict[str, Any] = {}
        problems: list[Problem] = []
        for name, places, reader in self._plan:
            cell = _first_filled(cells, places)
            if cell is None:
                continue
            try:
                value = reader(cell)
            except CellError as error:
                problems.append(self._problem(name, error))
                continue
            if value is not None:
                found[name] = value
        if not found and not problems:
            return None
        self._take_reference_from_ticket_id(found, cells)
        problems += self._missing(found, problems)
        if problems:
            self._keep_unknown_cause(found, problems, cells)
        return self._finish(row_number, found, problems)

    def _take_reference_from_ticket_id(self, found: dict[str, Any], cells: Sequence[Cell]) -> None:
        """Some sheets write the client's reference under "Ticket ID"; any other id there is not ours to interpret."""
        if "ft_ref" in found or not self._ticket_id:
            return
        cell = _first_filled(cells, self._ticket_id)
        if isinstance(cell, str) and cell.strip()[:2].upper() == "FT":
            try:
                found["ft_ref"] = values.ft_reference(cell)
            except CellError:
                return

    def _missing(self, found: dict[str, Any], problems: list[Problem]) -> list[Problem]:
        missing = []
        if "title" not in found and "issue" not in found:
            missing.append(self._required(("title", "issue"), "a row needs a title or an issue"))
        unreadable = {problem.field for problem in problems}
        if "ft_ref" not in found and "dr_number" not in found and unreadable.isdisjoint(("ft_ref", "dr_number")):
            message = "a row needs an FT reference or a DR number"
            missing.append(self._required(("ft_ref", "ticket_id", "dr_number"), message))
        return missing

    def _keep_unknown_cause(self, found: dict[str, Any], problems: list[Problem], cells: Sequence[Cell]) -> None:
        if any(problem.field == "fault_cause" for problem in problems):
            found["fault_cause_details"] = values.text(_first_filled(cells, self._columns.positions["fault_cause"]))

    def _finish(self, row_number: int, found: dict[str, Any], problems: list[Problem]) -> SheetRow:
        if any(problem.severity == "error" for problem in problems):
            return SheetRow(row_number, {}, problems=problems)
        issue, reported_at = found.get("issue") or found.get("title"), found.get("reported_at")
        identity = external_id(found.get("ft_ref"), found.get("dr_number"), issue, reported_at)
        _compose_texts(found)
        said = {name: found[name] for name in SAID if name in found}
        return SheetRow(row_number, said, identity, row_hash(to_json(said)), problems)

    def _problem(self, name: str, error: CellError) -> Problem:
        severity: Severity = "warning" if error.warning else "error"
        return Problem(severity, error.error_type, error.message, name, self._columns.header_of(name))

    def _required(self, names: tuple[str, ...], message: str) -> Problem:
        """Name the first of the columns that would do and that the sheet has."""
        name = next((name for name in names if name in self._columns.positions), names[0])
        return Problem("error", "missing_required_field", message, name, self._columns.header_of(name))


def _first_filled(cells: Sequence[Cell], places: tuple[int, ...]) -> Cell:
    for place in places:
        if place < len(cells):
            cell = cells[place]
            if cell is not None:
                return cell
    return None


def _compose_texts(found: dict[str, Any]) -> None:
    """Make one title and one description out of the four columns that may hold them; nothing written is lost."""
    title, issue = found.get("title"), found.get("issue")
    heading = title or issue or ""
    parts = [issue if title and issue != title else None, found.get("description"), found.get("fault_description")]
    if len(heading) > TITLE_MAX_LENGTH:
        parts.insert(0, heading)
        heading = heading[: TITLE_MAX_LENGTH - 1].rstrip() + "\u2026"
    found["title"] = heading
    description = "\n\n".join(dict.fromkeys(part for part in parts if part and part != heading))
    if description:
        found["description"] = description
    else:
        found.pop("description", None)
