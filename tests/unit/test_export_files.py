"""The files that exports are: workbooks and CSV that hold what they were given, and nothing that runs."""

from __future__ import annotations

import csv
import gc
import io
import zipfile
from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import load_workbook

from integrations.delimited import csv_pieces
from integrations.workbooks import neutralise, open_workbook, streaming
from integrations.workbooks.streaming import StreamedWorkbook

ROW = [
    "=1+1",
    'Ligfout <b> & "x"',
    12,
    -22.4,
    True,
    None,
    datetime(2026, 11, 20, 22, 30, tzinfo=UTC),
    date(2026, 11, 1),
]
HEADERS = ["a", "b", "c", "d", "e", "f", "g", "h"]
plain_text = st.text(st.characters(exclude_categories=["Cs", "Cc", "Cn"]), min_size=1)


def workbook(rows: Any, headers: list[str] | None = None, name: str = "Tickets") -> bytes:
    file = io.BytesIO()
    with StreamedWorkbook(file) as book:
        book.add_sheet(name, headers or HEADERS, rows)
    return file.getvalue()


def read_csv(data: bytes) -> list[list[str]]:
    assert data.startswith(b"\xef\xbb\xbf")
    return list(csv.reader(io.StringIO(data.decode("utf-8-sig"), newline="")))


class TestWorkbooks:
    def test_a_workbook_holds_what_it_was_given(self) -> None:
        sheet = load_workbook(io.BytesIO(workbook([ROW])))["Tickets"]
        (header, row) = list(sheet.iter_rows(values_only=True))
        assert list(header) == HEADERS
        assert list(row[:6]) == ["'=1+1", 'Ligfout <b> & "x"', 12, -22.4, True, None]
        # Half past ten at night in UTC is half past midnight in Johannesburg.
        assert row[6] == datetime(2026, 11, 21, 0, 30)  # noqa: DTZ001 - a sheet knows no zones
        assert row[7] == datetime(2026, 11, 1)  # noqa: DTZ001
        assert sheet.freeze_panes == "A2"

    def test_the_end_of_the_calendar_is_shown_in_utc(self) -> None:
        last = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
        sheet = load_workbook(io.BytesIO(workbook([[last]], ["h"])))["Tickets"]
        assert sheet["A2"].value == last.replace(tzinfo=None)

    def test_our_own_reader_opens_it_too(self) -> None:
        book = open_workbook(workbook([ROW]), filename="export.xlsx")
        rows = list(book.sheet("Tickets").rows)
        assert rows[1][2] == 12

    def test_a_sheet_that_is_full_goes_on_in_another(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(streaming, "MOST_ROWS", 3)
        book = load_workbook(io.BytesIO(workbook([[n] for n in range(5)], ["n"])))
        assert book.sheetnames == ["Tickets", "Tickets 2", "Tickets 3"]
        assert [[row[0] for row in sheet.iter_rows(values_only=True)] for sheet in book] == [
            ["n", 0, 1],
            ["n", 2, 3],
            ["n", 4],
        ]

    def test_one_that_broke_off_is_no_workbook(self) -> None:
        def breaking() -> Iterator[list[object]]:
            yield ROW
            raise RuntimeError("the database went away")

        file = io.BytesIO()
        with pytest.raises(RuntimeError, match="went away"), StreamedWorkbook(file) as book:
            book.add_sheet("Tickets", HEADERS, breaking())
        del book
        gc.collect()
        with pytest.raises(zipfile.BadZipFile):
            zipfile.ZipFile(io.BytesIO(file.getvalue()))

    def test_without_a_sheet_there_is_none(self) -> None:
        with pytest.raises(ValueError, match="at least one sheet"), StreamedWorkbook(io.BytesIO()):
            pass

    def test_names_and_control_characters_are_made_fit(self) -> None:
        data = workbook([["a\x00\x0bb"]], ["x"], name="Faults: [all] " + "x" * 40)
        book = load_workbook(io.BytesIO(data))
        assert book.sheetnames[0].startswith("Faults- -all- ")
        assert book.worksheets[0]["A2"].value == "ab"

    @pytest.mark.parametrize(
        ("number", "letters"), [(0, "A"), (25, "Z"), (26, "AA"), (51, "AZ"), (701, "ZZ"), (702, "AAA")]
    )
    def test_columns_have_their_letters(self, number: int, letters: str) -> None:
        assert streaming._letters(number) == letters

    @given(st.lists(plain_text | st.integers(-(2**40), 2**40) | st.booleans() | st.none(), min_size=1, max_size=5))
    def test_what_goes_in_comes_out_and_no_cell_is_a_formula(self, row: list[Any]) -> None:
        book = load_workbook(io.BytesIO(workbook([row], [str(n) for n in range(len(row))])))
        cells = list(book.worksheets[0].iter_rows(min_row=2))
        values = [cell.value for cell in cells[0]] if cells else []
        assert [*values, *[None] * (len(row) - len(values))] == [neutralise(value) for value in row]
        assert all(cell.data_type != "f" for line in cells for cell in line)


class TestCsv:
    def test_a_file_holds_what_it_was_given(self) -> None:
        header, row = read_csv(b"".join(csv_pieces(HEADERS, [ROW])))
        assert header == HEADERS
        assert row == ["'=1+1", 'Ligfout <b> & "x"', "12", "-22.4", "yes", "", "2026-11-21 00:30:00", "2026-11-01"]

    def test_the_end_of_the_calendar_is_shown_in_utc(self) -> None:
        last = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
        assert read_csv(b"".join(csv_pieces(["h"], [[last]])))[1] == ["9999-12-31 23:59:59"]

    def test_it_comes_in_pieces(self) -> None:
        pieces = list(csv_pieces(["n"], ([n] for n in range(1200))))
        assert len(pieces) == 3
        assert len(read_csv(b"".join(pieces))) == 1201

    def test_an_empty_one_has_its_header(self) -> None:
        assert b"".join(csv_pieces(["a", "b"], [])) == b"\xef\xbb\xbfa,b\r\n"

    @given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=20), min_size=1, max_size=5))
    def test_no_field_begins_like_a_formula(self, row: list[str]) -> None:
        _, read = read_csv(b"".join(csv_pieces(["x"] * len(row), [row]))) if any(row) else ([], row)
        assert [field for field in read if field[:1] in "=@\t\r" and field] == []
        assert read == [neutralise(field) for field in row]
