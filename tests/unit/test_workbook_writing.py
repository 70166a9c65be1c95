"""Workbooks that we write: pleasant to open, harmless, and read back as they were meant."""

from __future__ import annotations

import io
from datetime import UTC, date, datetime
from decimal import Decimal
from uuid import UUID

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl.worksheet.worksheet import Worksheet

from integrations.workbooks import Cell, SheetData, neutralise, open_workbook, write_workbook

at = datetime.fromisoformat


def first_sheet(data: bytes) -> list[list[Cell]]:
    book = open_workbook(data)
    return list(book.sheet(book.sheet_names[0]).rows)


@pytest.mark.parametrize("text", ["=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "＝1", "-", "'=1"])  # noqa: RUF001
def test_text_that_would_act_is_neutralised(text: str) -> None:
    assert neutralise(text) == "'" + text


@pytest.mark.parametrize("value", ["", "FT490441", "it's", "-27.0", "+27821234567", "-1,5", -27.0, 0, None, True])
def test_everything_else_is_left_alone(value: object) -> None:
    assert neutralise(value) is value


def test_no_cell_of_a_written_workbook_is_a_formula() -> None:
    data = write_workbook([SheetData("Rejected", ["=A1", "Reason"], [["=HYPERLINK(1)", -27.0], ["@x", "-27.0"]])])
    sheet = openpyxl.load_workbook(io.BytesIO(data)).active
    assert isinstance(sheet, Worksheet)
    assert [[cell.value for cell in row] for row in sheet.rows] == [
        ["'=A1", "Reason"],
        ["'=HYPERLINK(1)", -27],
        ["'@x", "-27.0"],
    ]
    assert {cell.data_type for row in sheet.rows for cell in row} == {"s", "n"}


def test_a_written_workbook_is_pleasant_to_open() -> None:
    rows: list[list[Cell]] = [["FT490441", "x" * 300], ["FT490442", None]]
    book = openpyxl.load_workbook(
        io.BytesIO(write_workbook([SheetData("Week 47: [all]/rows?", ["FT Ref", "Why"], rows)]))
    )
    sheet = book["Week 47- -all--rows-"]
    assert (sheet.freeze_panes, sheet["A1"].font.b, sheet["A2"].font.b) == ("A2", True, False)
    assert (sheet.column_dimensions["A"].width, sheet.column_dimensions["B"].width) == (10, 60)


def test_values_that_a_cell_cannot_hold_are_written_as_text() -> None:
    identity = UUID("0198c5a2-7e1b-7c3d-9f00-0123456789ab")
    instant = datetime(2026, 11, 16, 22, 0, tzinfo=UTC)
    row = [identity, instant, Decimal("1.5"), ["a"], "bell\x07", "y" * 40_000]
    assert first_sheet(write_workbook([SheetData("S", ["h"] * 6, [row])]))[1] == [
        str(identity),
        at("2026-11-17"),
        1.5,
        "['a']",
        "bell",
        "y" * 32_767,
    ]


def test_the_end_of_the_calendar_is_shown_in_utc() -> None:
    last = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
    assert first_sheet(write_workbook([SheetData("S", ["h"], [[last]])]))[1] == [last.replace(tzinfo=None)]


@pytest.mark.parametrize("day", [datetime.min, datetime(1899, 12, 31, 5), date(1850, 3, 1)])  # noqa: DTZ001, DTZ901
def test_a_day_before_excels_first_is_written_as_text(day: date) -> None:
    assert first_sheet(write_workbook([SheetData("S", ["h"], [[day]])]))[1] == [day.isoformat()]


@pytest.mark.parametrize(
    "text", ["#N/A", "#REF!", "#DIV/0!", "_x0041_", "a_x000D_b", "_x005F_x0041_", "__x0041_", "_x41_"]
)
def test_what_somebody_wrote_is_neither_an_error_nor_a_code(text: str) -> None:
    assert first_sheet(write_workbook([SheetData("S", ["h"], [[text]])]))[1] == [text]


def test_a_workbook_needs_a_sheet() -> None:
    with pytest.raises(ValueError, match="at least one sheet"):
        write_workbook([])


# Text of blanks alone is nothing to whoever reads its cells.
PRINTABLE = st.text(
    st.characters(exclude_categories=("Cs", "Cc"), include_characters="\t\n"), min_size=1, max_size=40
).filter(str.strip)
CELLS = st.one_of(
    st.none(),
    PRINTABLE,
    st.booleans(),
    st.integers(min_value=-(10**14), max_value=10**14),
    st.floats(min_value=-180, max_value=180).map(lambda number: round(number, 6)),
    st.datetimes(at("1990-01-01"), at("2099-01-01")).map(lambda at: at.replace(microsecond=0)),
)


@given(st.lists(CELLS, min_size=1, max_size=8))
def test_what_is_written_is_read_back(row: list[Cell]) -> None:
    found = first_sheet(write_workbook([SheetData("S", ["h"] * len(row), [row])]))
    assert found[1:] == ([row] if any(cell is not None for cell in row) else [])
