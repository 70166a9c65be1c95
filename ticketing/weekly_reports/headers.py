"""Finding the sheet, the header row and the columns of a weekly report (domain page, "Weekly import")."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from ticketing.weekly_reports.values import Cell, text

# The spellings of a column, written as `squash` leaves them: any case, spacing and punctuation reads the same.
ALIASES = MappingProxyType(
    {
        "ft_ref": ("ftref", "ftreference", "reference", "ref", "ftnumber", "ftno"),
        "ticket_id": ("ticketid", "ticketuid"),
        "title": ("title",),
        "issue": ("issue",),
        "description": ("description",),
        "fault_description": ("faultdescription",),
        "ticket_type": ("type", "tickettype"),
        "area": ("area", "project"),
        "zone": ("zone", "zonenumber", "zoneno"),
        "priority": ("priority",),
        "status": ("status",),
        "dr_number": ("dr", "drnumber", "drno", "dropnumber", "drop"),
        "pole_number": ("pole", "polenumber", "poleno"),
        "pon_number": ("pon", "ponnumber", "ponno"),
        "address": ("address",),
        "assigned_to": ("assignedto",),
        "contractor": ("contractor", "contractorname"),
        "fault_cause": ("faultcause",),
        "reported_at": ("date", "createddate", "datelogged", "datereported", "dateopened"),
        "ont_serial": ("ontserial", "ontserialnumber", "ontsn"),
        "ont_rx_level": ("ontrx", "ontrxlevel", "ontrxdbm"),
    }
)
_FIELD_OF = {alias: field for field, aliases in ALIASES.items() for alias in aliases}

# Columns that the workbook of rejected rows adds. A mended copy comes back with them: they are ours and say nothing.
REJECTED_COLUMNS = ("Rejected row number", "Rejected column", "Rejected reason")
_OURS = frozenset(re.sub(r"[\W_]+", "", name.casefold()) for name in REJECTED_COLUMNS)

HEADER_SEARCH_ROWS = 20
NAME_BONUS = 3
_SUMMARY_NAME = re.compile(r"pivot|summary|dashboard|chart", re.IGNORECASE)
_TICKET_NAME = re.compile(r"ticket|mnt|maintenance|weekly", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns of a sheet.

    `headers` are the texts of the header row by position ('' for none), `row_number` is where it stands (from 1), and
    `positions` says where a field is found: more than one place where two columns mean the same.
    """

    headers: tuple[str, ...]
    row_number: int
    positions: dict[str, tuple[int, ...]]
    ours: frozenset[int] = frozenset()

    @property
    def usable(self) -> bool:
        """Whether rows under these headers can become tickets: a title or issue, and an FT reference or DR number."""
        return not self.missing()

    def missing(self) -> list[str]:
        """Return what the headers lack, in words for the person who made the sheet."""
        lacks = []
        if not {"title", "issue"} & self.positions.keys():
            lacks.append("a Title or Issue column")
        if not {"ft_ref", "ticket_id", "dr_number"} & self.positions.keys():
            lacks.append("an FT Ref or DR Number column")
        return lacks

    def header_of(self, field: str) -> str:
        """Return the header under which a field stands; its usual name if the sheet has no such column."""
        places = self.positions.get(field)
        return self.headers[places[0]] if places else field.replace("_", " ")


@dataclass(frozen=True, slots=True)
class SheetScore:
    """How well a sheet would serve; sheets are compared by `rank`."""

    name: str
    columns: Columns
    is_summary: bool

    @property
    def rank(self) -> tuple[bool, int]:
        """Usable before unusable; then by known columns, with a bonus for a name that says what it is."""
        bonus = NAME_BONUS if _TICKET_NAME.search(self.name) else 0
        return (self.columns.usable, len(self.columns.positions) + bonus)


def squash(header: str) -> str:
    """Return a header without case, spaces and punctuation: how headers are compared."""
    return re.sub(r"[\W_]+", "", header.casefold())


@functools.cache
def field_of(header: str) -> str | None:
    """Return the field that a header names, whatever its case and spacing; None for a column that we do not know."""
    return _FIELD_OF.get(squash(header))


def read_headers(cells: Sequence[Cell], row_number: int) -> Columns:
    """Read a row as headers."""
    headers = tuple(text(cell) or "" for cell in cells)
    positions: dict[str, tuple[int, ...]] = {}
    for place, header in enumerate(headers):
        field = field_of(header)
        if field is not None:
            positions[field] = (*positions.get(field, ()), place)
    ours = frozenset(place for place, header in enumerate(headers) if squash(header) in _OURS)
    return Columns(headers, row_number, positions, ours)


def find_headers(first_rows: Iterable[Sequence[Cell]]) -> Columns | None:
    """Find the header row among a sheet's first rows: the one with most known columns, the upper of two equals.

    Returns None where no row has any. Titles and notes above the headers are common.
    """
    best: Columns | None = None
    for row_number, cells in enumerate(first_rows, start=1):
        if row_number > HEADER_SEARCH_ROWS:
            break
        columns = read_headers(cells, row_number)
        if columns.positions and (best is None or len(columns.positions) > len(best.positions)):
            best = columns
    return best


def score(name: str, columns: Columns) -> SheetScore:
    """Say how well a sheet would serve as the weekly report."""
    return SheetScore(name, columns, is_summary=_SUMMARY_NAME.search(name) is not None)


def best_sheet(scores: Sequence[SheetScore]) -> SheetScore | None:
    """Return the sheet that serves best, the first of equals; None if none can be used.

    A pivot or summary never wins, however many known headers it shows: its rows are counts, not work.
    """
    candidates = [found for found in scores if found.columns.usable and not found.is_summary]
    return max(candidates, key=lambda found: found.rank, default=None)
