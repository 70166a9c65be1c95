"""Finding the weekly report inside a workbook: which sheet, which header row. The rules are the domain's."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

from integrations.workbooks import Cell, Sheet, Workbook
from ticketing.weekly_reports.headers import HEADER_SEARCH_ROWS, Columns, best_sheet, find_headers, score
from ticketing.weekly_reports.service import UnreadableReport


@dataclass(frozen=True, slots=True)
class SheetFound:
    """A sheet of a workbook as a candidate. `columns` is None where no known header was found."""

    sheet: Sheet
    columns: Columns | None

    @property
    def rows(self) -> int:
        """How many rows the sheet has below its headers, empty ones included."""
        return max(self.sheet.height - (self.columns.row_number if self.columns else 0), 0)

    def numbered_rows(self) -> Iterator[tuple[int, list[Cell]]]:
        """Yield (row number as the spreadsheet counts, cells) of the rows below the headers."""
        first = self.columns.row_number if self.columns else 0
        return itertools.islice(enumerate(self.sheet.rows, 1), first, None)


def look_at(book: Workbook) -> list[SheetFound]:
    """Return every sheet of a workbook with the headers that were found in it."""
    return [_look_at_sheet(book.sheet(name)) for name in book.sheet_names]


def choose(book: Workbook, candidates: list[SheetFound], sheet_name: str | None = None) -> tuple[SheetFound, Columns]:
    """Return the sheet that is the report: the one named, else the best by its headers.

    Raises SheetNotFound for a name that the workbook does not have, UnreadableReport where no sheet serves.
    """
    if sheet_name is not None:
        book.sheet(sheet_name)
        named = next(found for found in candidates if found.sheet.name == sheet_name)
        return named, _usable(book, named)
    scores = [score(found.sheet.name, found.columns) for found in candidates if found.columns is not None]
    best = best_sheet(scores)
    if best is None:
        raise _none_serves(book, candidates)
    return next(found for found in candidates if found.sheet.name == best.name), best.columns


def _look_at_sheet(sheet: Sheet) -> SheetFound:
    return SheetFound(sheet, find_headers(itertools.islice(sheet.rows, HEADER_SEARCH_ROWS)))


def _usable(book: Workbook, found: SheetFound) -> Columns:
    if found.columns is None or not found.columns.usable:
        raise _none_serves(book, [found])
    return found.columns


def _none_serves(book: Workbook, candidates: list[SheetFound]) -> UnreadableReport:
    errors = [f'Sheet "{found.sheet.name}": {_lack(found.columns)}' for found in candidates]
    return UnreadableReport(
        f"{book.filename} holds no weekly report: no sheet has the columns that are needed, "
        "a Title or Issue and an FT Ref or DR Number. Put the headers into one of the first rows and upload it again.",
        details={"errors": errors},
    )


def _lack(columns: Columns | None) -> str:
    if columns is None:
        return "no known column header"
    missing = columns.missing()
    return f"lacks {' and '.join(missing)}" if missing else "is a summary or pivot, not a list of work"
