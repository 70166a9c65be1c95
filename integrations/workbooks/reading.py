"""Reading workbooks: values only, row by row, in the types that Python people expect."""

from __future__ import annotations

import io
import math
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from pathlib import Path

import python_calamine as calamine

from integrations.workbooks.archive import Limits, check_container, damaged, too_large
from integrations.workbooks.errors import SheetNotFound
from integrations.workbooks.neutral import restore

Cell = str | float | int | bool | datetime | time | timedelta | None

# A spreadsheet keeps 15 digits of a number; beyond them a whole number is only nearly one.
WHOLE_NUMBERS_UP_TO = 1e15


class Sheet:
    """One sheet of a workbook."""

    def __init__(self, sheet: calamine.CalamineSheet) -> None:
        self._sheet = sheet
        self.name = sheet.name
        end = sheet.end
        self.height = end[0] + 1 if end else 0
        self.width = end[1] + 1 if end else 0

    @property
    def rows(self) -> Iterator[list[Cell]]:
        """Yield every row from the first, blank ones too, so that `enumerate(sheet.rows, 1)` counts as Excel does.

        Every row has `width` cells. Empty and error cells are None, whole numbers are int, dates are datetimes without
        a zone (a date alone is its midnight), formulas are the values that they had when the file was saved.
        """
        left = [None] * (self._sheet.start[1] if self._sheet.start else 0)
        for row in self._sheet.iter_rows():
            yield left + [_cell(value) for value in row]


class Workbook:
    """An opened workbook. Sheets are read when asked for."""

    def __init__(self, book: calamine.CalamineWorkbook, filename: str) -> None:
        self._book = book
        self.filename = filename
        self.sheet_names = [
            sheet.name for sheet in book.sheets_metadata if sheet.typ is calamine.SheetTypeEnum.WorkSheet
        ]

    def sheet(self, name: str) -> Sheet:
        """Return a sheet by its exact name.

        Raises SheetNotFound (with the names there are) or DamagedWorkbook.
        """
        if name not in self.sheet_names:
            raise SheetNotFound(
                f"{self.filename} has no sheet named {name!r}; it has: {', '.join(self.sheet_names)}",
                details={"available_sheets": self.sheet_names},
            )
        try:
            return Sheet(self._book.get_sheet_by_name(name))
        except calamine.CalamineError as error:
            raise damaged(self.filename, f"its sheet {name!r} is corrupt") from error


def open_workbook(
    data: bytes | Path, *, filename: str | None = None, limits: Limits | None = None, checked: bool = False
) -> Workbook:
    """Check a file's container, then open it.

    `data` is the file's bytes or its path, `filename` the name that messages show. `checked` is for bytes that are
    known to be the very ones that an earlier call has checked. Raises a subclass of WorkbookError that says what to do:
    too large, unpacks too large, reaches too far, macros, password, .xls, .csv, damaged, empty.
    """
    limits = limits or Limits()
    filename = filename or (data.name if isinstance(data, Path) else "The file")
    if isinstance(data, Path):
        size = data.stat().st_size
        if size > limits.max_bytes:
            raise too_large(filename, size, limits)
        data = data.read_bytes()
    if not checked:
        check_container(data, filename, limits)
    try:
        book = Workbook(calamine.load_workbook(io.BytesIO(data)), filename)
    except calamine.CalamineError as error:
        raise damaged(filename, "its contents are corrupt") from error
    if not book.sheet_names:
        raise damaged(filename, "it has no sheet with cells")
    return book


def _cell(value: object) -> Cell:
    if isinstance(value, str):
        return restore(value) if value else None
    if isinstance(value, float):
        return _number(value)
    if isinstance(value, date) and not isinstance(value, datetime):
        return datetime.combine(value, time.min)
    return value  # type: ignore[return-value]  # the reader gives bool, int, datetime, time and timedelta besides


def _number(value: float) -> Cell:
    if value.is_integer() and abs(value) < WHOLE_NUMBERS_UP_TO:
        return int(value)
    return value if math.isfinite(value) else None
