"""Writing workbooks that people open: a styled header that stays in sight, columns as wide as their contents."""

from __future__ import annotations

import io
import itertools
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.cell.cell import ERROR_CODES, ILLEGAL_CHARACTERS_RE, Cell
from openpyxl.styles import Alignment, Font, PatternFill
from openpyxl.utils import get_column_letter
from openpyxl.worksheet._write_only import WriteOnlyWorksheet

from integrations.workbooks.neutral import neutralise
from runtime.clock import local_time

HEADER_FONT = Font(bold=True, color="FFFFFF")
HEADER_FILL = PatternFill("solid", start_color="1F4E78")
HEADER_ALIGNMENT = Alignment(vertical="center", wrap_text=True)

# Excel's own limits.
LONGEST_TEXT = 32_767
LONGEST_NAME = 31
FIRST_YEAR = 1900
_CODED = re.compile(r"_(?=x[0-9A-Fa-f]{4}_)")
FORBIDDEN_IN_NAME = re.compile(r"[\[\]:*?/\\]")

ROWS_MEASURED = 200
NARROWEST, WIDEST = 8, 60


@dataclass(frozen=True, slots=True)
class SheetData:
    """A sheet to write: its name, its header row, its rows (any iterable, read once)."""

    name: str
    headers: Sequence[str]
    rows: Iterable[Sequence[object]]


def write_workbook(sheets: Iterable[SheetData]) -> bytes:
    """Return an .xlsx file with the sheets.

    Text that would act as a formula is neutralised; instants with a zone are shown in South African time; values that a
    cell cannot hold are written as text. At least one sheet is needed.
    """
    book = Workbook(write_only=True)
    for sheet in sheets:
        _write_sheet(book, sheet)
    if not book.worksheets:
        raise ValueError("a workbook needs at least one sheet")
    target = io.BytesIO()
    book.save(target)
    return target.getvalue()


def _write_sheet(book: Workbook, data: SheetData) -> None:
    sheet = book.create_sheet(FORBIDDEN_IN_NAME.sub("-", data.name)[:LONGEST_NAME] or "Sheet")
    rows = ([_writable(value) for value in row] for row in data.rows)
    first = list(itertools.islice(rows, ROWS_MEASURED))
    # A write-only sheet wants its widths and panes before its first row.
    for index, width in enumerate(_widths(data.headers, first), 1):
        sheet.column_dimensions[get_column_letter(index)].width = width
    sheet.freeze_panes = "A2"
    sheet.append(list(_header(sheet, data.headers)))
    for row in itertools.chain(first, rows):
        sheet.append([_unmistakable(sheet, value) for value in row])


def _header(sheet: WriteOnlyWorksheet, headers: Sequence[str]) -> Iterator[Cell]:
    for header in headers:
        cell = WriteOnlyCell(sheet, value=str(_writable(header)))
        cell.font, cell.fill, cell.alignment = HEADER_FONT, HEADER_FILL, HEADER_ALIGNMENT
        yield cell


def _unmistakable(sheet: WriteOnlyWorksheet, value: object) -> object:
    """Return the value, and what would be taken for a spreadsheet's own error as the text that somebody wrote."""
    if not isinstance(value, str) or value not in ERROR_CODES:
        return value
    cell = WriteOnlyCell(sheet, value=value)
    cell.data_type = "s"
    return cell


def literal(text: str) -> str:
    """Return text for a cell of an .xlsx file, in which "_x0041_" would be read as the character of that number."""
    return _CODED.sub("_x005F_", text)


def _widths(headers: Sequence[str], rows: list[list[object]]) -> Iterator[int]:
    for column, header in enumerate(headers):
        longest = max(
            (len(str(row[column])) for row in rows if column < len(row) and row[column] is not None), default=0
        )
        yield min(max(longest, len(header), NARROWEST) + 2, WIDEST)


def _writable(value: object) -> object:
    if isinstance(value, str):
        return literal(neutralise(ILLEGAL_CHARACTERS_RE.sub("", value))[:LONGEST_TEXT])
    if isinstance(value, datetime) and value.tzinfo:
        value = local_time(value).replace(tzinfo=None)
    if isinstance(value, date) and value.year < FIRST_YEAR:
        return value.isoformat()
    if value is None or isinstance(value, bool | int | float | Decimal | date | time | timedelta):
        return value
    return _writable(str(value))
