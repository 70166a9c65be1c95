"""How far a sheet reaches, measured without building it.

A sheet may hold two cells, A1 and XFD1048576, in a file of a few kilobytes. The reader allocates the whole rectangle
between them, and in Rust an allocation that fails ends the process: no exception, a dead worker. So the references are
read off the raw XML first. Cells that are formatted but empty do not count: many real workbooks drag a million of them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

from integrations.workbooks.errors import DamagedWorkbook, SheetTooLarge

# Titles, blank lines and a header above the data.
HEADROOM = 50

_ATTRIBUTES = rb"""(?:[^<>"'/]|"[^"]*"|'[^']*'|/(?!>))*"""
_EMPTY_CELL = re.compile(_ATTRIBUTES + rb"(?:/>|>\s*</(?:[\w.-]+:)?c\s*>)")
_TAG = re.compile(rb"<(?:[\w.-]+:)?(row|c)(?=[\s/>])(" + _ATTRIBUTES + rb")(/?)>(\s*</(?:[\w.-]+:)?c\s*>)?")
_REFERENCE = re.compile(rb"""(?:^|\s)r\s*=\s*(?:"([^"]*)"|'([^']*)')""")
_CELL_NAME = re.compile(rb"\s*([A-Za-z]{0,7})(\d{1,10})\s*")


@dataclass(frozen=True, slots=True)
class _Ceiling:
    filename: str
    rows: int
    columns: int

    def check(self, row: int, column: int) -> None:
        """Raise SheetTooLarge when a cell lies beyond; rows and columns are counted from 1."""
        if row > self.rows + HEADROOM:
            raise SheetTooLarge(
                f"A sheet of {self.filename} has data in row {row:,}; at most {self.rows:,} rows are read. "
                "Split it into several files, or delete the sheet if it is not needed.",
                details={"row": row, "limit": self.rows},
            )
        if column > self.columns:
            raise SheetTooLarge(
                f"A sheet of {self.filename} has data in column {column:,}; at most {self.columns:,} columns are read. "
                "Delete the columns, or the sheet, if they are not needed.",
                details={"column": column, "limit": self.columns},
            )


def check_extent(part: bytearray, filename: str, rows: int, columns: int) -> None:
    """Raise SheetTooLarge when a part of the archive is a sheet with data beyond `rows` or `columns`.

    Parts that are no sheets pass. Raises DamagedWorkbook for XML that no spreadsheet program writes and that could hide
    cells from this measurement (comments, declarations, another encoding).
    """
    if b"sheetData" not in part and b"s\x00h\x00e\x00e\x00t\x00D" not in part:
        return
    if b"<!" in part or b"\x00" in part or part.count(b"<?", 1):
        raise DamagedWorkbook(
            f"{filename} holds a sheet that no spreadsheet program wrote this way. Open it in Excel and save it again."
        )
    ceiling = _Ceiling(filename, rows, columns)
    if part.count(b"<c") == part.count(b'<c r="') + _other_tags(part) and b":c" not in part:
        _check_named_cells(part, ceiling)
    else:
        _check_every_cell(part, ceiling)


def _other_tags(part: bytearray) -> int:
    return len(re.findall(rb"<c(?:ol|f|ustom|onditional|ontrol|ellWatch)", part))


@cache
def _far_reference(rows: int, columns: int) -> re.Pattern[bytes]:
    """Match references that are long enough to lie beyond: most cells of most sheets are not even looked at."""
    letters, digits = len(_column_name(columns)), len(str(rows))
    return re.compile(rb'r="([A-Za-z]{%d,}\d+|[A-Za-z]+\d{%d,})"' % (letters, digits))


def _check_named_cells(part: bytearray, ceiling: _Ceiling) -> None:
    """The fast way, for sheets in which every cell starts with its own name, as Excel and all common writers do."""
    for match in _far_reference(ceiling.rows, ceiling.columns).finditer(part):
        row, column = _position(match[1])
        if (row > ceiling.rows or column > ceiling.columns) and not _EMPTY_CELL.match(part, match.end()):
            ceiling.check(row, column)


def _check_every_cell(part: bytearray, ceiling: _Ceiling) -> None:
    """The thorough way: follow the position through cells and rows that carry no name of their own."""
    row = column = 0
    for match in _TAG.finditer(part):
        tag, attributes, closed, emptied = match.groups()
        name = _REFERENCE.search(attributes)
        reference = (name[1] or name[2] or b"") if name else b""
        if tag == b"row":
            row, column = (_position(reference)[0] if reference else row + 1), 0
            continue
        cell_row, column = _position(reference) if reference else (row, column + 1)
        if not closed and not emptied:
            ceiling.check(cell_row, column)


def _position(reference: bytes) -> tuple[int, int]:
    """Return (row, column) counted from 1 of a name such as b"C12"; column 0 for a row's own name b"12"."""
    match = _CELL_NAME.fullmatch(reference)
    if match is None:
        raise DamagedWorkbook(f"A sheet names a cell {reference[:20]!r}, which no sheet has. Save the file again.")
    column = 0
    for letter in match[1].upper():
        column = column * 26 + letter - 64
    return int(match[2]), column


def _column_name(column: int) -> str:
    name = ""
    while column:
        column, remainder = divmod(column - 1, 26)
        name = chr(65 + remainder) + name
    return name
