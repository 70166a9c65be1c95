"""Workbooks: what is read is what was meant, and what would do harm is refused with words that help."""

from __future__ import annotations

import contextlib
import io
import struct
import zipfile
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from pathlib import Path

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl.worksheet.worksheet import Worksheet

from integrations import workbooks
from integrations.workbooks import Cell, Limits, open_workbook

CONTENT_TYPES = "[Content_Types].xml"
SHEET = "xl/worksheets/sheet1.xml"


at = datetime.fromisoformat


def built(fill: Callable[[Worksheet], None]) -> bytes:
    """Return a workbook with one sheet that `fill` filled."""
    book = openpyxl.Workbook()
    assert isinstance(book.active, Worksheet)
    fill(book.active)
    return saved(book)


def saved(book: openpyxl.Workbook) -> bytes:
    target = io.BytesIO()
    book.save(target)
    return target.getvalue()


def simple() -> bytes:
    return built(lambda sheet: sheet.append(["DR", 1]))


def repacked(data: bytes, replace: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """Return the archive with parts replaced or added."""
    target = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(target, "w", method) as new:
        parts = {name: old.read(name) for name in old.namelist()} | replace
        for name, content in parts.items():
            new.writestr(name, content)
    return target.getvalue()


def sheet_xml(rows: str, prefix: str = "") -> bytes:
    space = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    bound = f'xmlns:{prefix.rstrip(":")}="{space}"' if prefix else f'xmlns="{space}"'
    body = rows.replace("<", f"<{prefix}").replace(f"<{prefix}/", f"</{prefix}")
    return f"<{prefix}worksheet {bound}><{prefix}sheetData>{body}</{prefix}sheetData></{prefix}worksheet>".encode()


def with_sheet(xml: bytes) -> bytes:
    return repacked(simple(), {SHEET: xml})


def first_sheet(data: bytes, limits: Limits | None = None) -> list[list[Cell]]:
    book = open_workbook(data, filename="week.xlsx", limits=limits)
    return list(book.sheet(book.sheet_names[0]).rows)


# Reading


def test_cells_come_in_the_types_that_were_meant() -> None:
    cells = [
        ("text", "text"),
        (211, 211),
        (211.0, 211),
        (-22.4, -22.4),
        (1e20, 1e20),
        (True, True),
        (at("2026-11-16"), at("2026-11-16")),
        (date(2026, 11, 16), at("2026-11-16")),
        (at("2026-11-16 07:50:57"), at("2026-11-16 07:50:57")),
        (time(8, 30), time(8, 30)),
        (timedelta(hours=30), timedelta(hours=30)),
        (None, None),
        ("last", "last"),
    ]
    (row,) = first_sheet(built(lambda sheet: sheet.append([written for written, _ in cells])))
    for (_, expected), found in zip(cells, row, strict=True):
        assert (found, type(found)) == (expected, type(expected))


def test_rows_and_columns_count_as_the_spreadsheet_counts_them() -> None:
    def fill(sheet: Worksheet) -> None:
        sheet["C3"] = "label"
        sheet["D5"] = 7

    rows = first_sheet(built(fill))
    assert {number: row for number, row in enumerate(rows, start=1) if any(row)} == {
        3: [None, None, "label", None],
        5: [None, None, None, 7],
    }
    assert {len(row) for row in rows[2:]} == {4}


def test_formulas_are_read_as_their_saved_values() -> None:
    xml = sheet_xml('<row r="1"><c r="A1"><f>HYPERLINK("http://x.test")</f><v>42</v></c></row>')
    assert first_sheet(with_sheet(xml)) == [[42]]


def test_an_empty_sheet_has_no_rows() -> None:
    book = open_workbook(built(lambda sheet: None))
    sheet = book.sheet("Sheet")
    assert (list(sheet.rows), sheet.height, sheet.width) == ([], 0, 0)


def test_only_sheets_with_cells_are_listed_in_their_order() -> None:
    book = openpyxl.Workbook()
    book.create_chartsheet("Chart")
    book.create_sheet("MNT Tickets")
    opened = open_workbook(saved(book))
    assert opened.sheet_names == ["Sheet", "MNT Tickets"]
    with pytest.raises(workbooks.SheetNotFound) as refusal:
        opened.sheet("Chart")
    assert refusal.value.details == {
        "errors": [refusal.value.message],
        "available_sheets": ["Sheet", "MNT Tickets"],
    }


def test_a_path_is_read_and_named_in_messages(tmp_path: Path) -> None:
    path = tmp_path / "week 47.xlsx"
    path.write_bytes(simple())
    assert open_workbook(path).filename == "week 47.xlsx"
    path.write_bytes(b"not a workbook at all")
    with pytest.raises(workbooks.DelimitedText, match=r"week 47\.xlsx"):
        open_workbook(path)
    with pytest.raises(workbooks.FileTooLarge):
        open_workbook(path, limits=Limits(max_bytes=10))


# Refusing what is not an .xlsx file

OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600)


@pytest.mark.parametrize(
    ("data", "filename", "error", "advice"),
    [
        (b"", "a.xlsx", workbooks.EmptyFile, "no bytes"),
        (OLE, "a.xls", workbooks.OtherSpreadsheetFormat, "Save as"),
        (OLE, "a.xlsx", workbooks.OtherSpreadsheetFormat, "old Excel file"),
        (OLE + "EncryptedPackage".encode("utf-16-le"), "a.xlsx", workbooks.EncryptedWorkbook, "remove the password"),
        (b"FT Ref,DR\nFT1,DR1", "a.csv", workbooks.DelimitedText, "Save as"),
        (b"FT Ref,DR\nFT1,DR1", "a.xlsx", workbooks.DelimitedText, "Save as"),
        ("Straße;1".encode(), "a.csv", workbooks.DelimitedText, "Save as"),
        (b"\xef\xbb\xbf<html><table>", "a.xlsx", workbooks.OtherSpreadsheetFormat, "Save as"),
        (b'<?xml version="1.0"?><Workbook/>', "a.xls", workbooks.OtherSpreadsheetFormat, "Save as"),
        (b"\x89PNG\r\n\x1a\n\x00\x00", "a.xlsx", workbooks.NotAWorkbook, "Choose an .xlsx"),
        (b"PK\x03\x04" + b"x" * 100, "a.xlsx", workbooks.DamagedWorkbook, "upload the new copy"),
    ],
)
def test_other_files_are_refused_with_what_to_do(
    data: bytes, filename: str, error: type[workbooks.WorkbookError], advice: str
) -> None:
    with pytest.raises(error, match=advice) as refusal:
        open_workbook(data, filename=filename)
    assert refusal.value.code == ("EMPTY_FILE" if error is workbooks.EmptyFile else "PARSE_ERROR")
    assert filename in refusal.value.message


def test_macros_are_refused_whatever_the_name() -> None:
    with pytest.raises(workbooks.MacroWorkbook, match="its data is kept"):
        open_workbook(simple(), filename="week.xlsm")
    with pytest.raises(workbooks.MacroWorkbook):
        open_workbook(repacked(simple(), {"xl/vbaProject.bin": b"x"}), filename="week.xlsx")


@pytest.mark.parametrize(
    ("parts", "error"),
    [
        ({"xl/workbook.bin": b"x", CONTENT_TYPES: b"x"}, workbooks.OtherSpreadsheetFormat),
        ({"mimetype": b"application/vnd.oasis.opendocument.spreadsheet"}, workbooks.OtherSpreadsheetFormat),
        ({"word/document.xml": b"x", CONTENT_TYPES: b"x"}, workbooks.NotAWorkbook),
        ({"holiday.jpg": b"x"}, workbooks.NotAWorkbook),
    ],
)
def test_other_archives_are_told_apart(parts: dict[str, bytes], error: type[workbooks.WorkbookError]) -> None:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    with pytest.raises(error):
        open_workbook(target.getvalue(), filename="week.xlsx")


@given(st.integers(min_value=0))
def test_a_file_that_is_cut_off_is_damaged_and_nothing_worse(place: int) -> None:
    # Not drawn from the file's length: it carries the time at which it was saved, so its length is not always the same.
    whole = simple()
    with pytest.raises(workbooks.WorkbookError):
        open_workbook(whole[: 1 + place % (len(whole) - 1)], filename="week.xlsx")


@given(st.integers(min_value=0), st.integers(min_value=1, max_value=255))
def test_a_file_with_a_flipped_byte_is_read_or_refused_and_nothing_worse(place: int, flip: int) -> None:
    data = bytearray(simple())
    data[place % len(data)] ^= flip
    with contextlib.suppress(workbooks.WorkbookError):
        first_sheet(bytes(data))


# Bombs


def test_too_many_bytes() -> None:
    with pytest.raises(workbooks.FileTooLarge, match="at most"):
        open_workbook(simple(), limits=Limits(max_bytes=100))


def test_a_part_that_is_packed_too_tight_is_not_unpacked() -> None:
    bomb = repacked(simple(), {"xl/media/image1.png": bytes(5 * 1024 * 1024)})
    with pytest.raises(workbooks.UnpackedTooLarge, match="times its packed size"):
        open_workbook(bomb)


def test_the_sum_of_the_parts_is_limited() -> None:
    with pytest.raises(workbooks.UnpackedTooLarge):
        open_workbook(simple(), limits=Limits(max_unpacked=500))


def test_an_archive_that_understates_a_part_is_refused() -> None:
    honest = with_sheet(sheet_xml('<row r="1"><c r="A1"><v>1</v></c></row>' + " " * 50_000))
    size = struct.pack("<L", len(zipfile.ZipFile(io.BytesIO(honest)).read(SHEET)))
    assert honest.count(size) == 2
    with pytest.raises(workbooks.DamagedWorkbook, match="larger than its archive says"):
        open_workbook(honest.replace(size, struct.pack("<L", 100)))


def test_a_part_that_is_listed_twice_is_refused() -> None:
    target = io.BytesIO(simple())
    with zipfile.ZipFile(target, "a") as archive:
        archive.writestr("XL\\worksheets/SHEET1.xml", b"<worksheet/>")
    with pytest.raises(workbooks.DamagedWorkbook, match="twice"):
        open_workbook(target.getvalue())


def test_unusual_packing_is_refused() -> None:
    with pytest.raises(workbooks.DamagedWorkbook, match="spreadsheets do not use"):
        open_workbook(repacked(simple(), {}, zipfile.ZIP_BZIP2))


def far(cell: str) -> str:
    """A first cell and one far away."""
    return f'<row r="1"><c r="A1"><v>1</v></c></row><row r="2">{cell}</row>'


BEYOND = [
    '<c r="XFD1048576"><v>2</v></c>',
    '<c r="xfd1048576"><v>2</v></c>',
    '<c r="A100051"><v>2</v></c>',
    '<c r="CW2"><v>2</v></c>',
    "<c r='XFD2'><v>2</v></c>",
    '<c s="1" r = "XFD2"><v>2</v></c>',
    '<c\nr="XFD2"><v>2</v></c>',
    '<c r="XFD2" z="/>"><v>2</v></c>',
    '<c z=">" r="XFD2"><v>2</v></c>',
    '<c r="XFD2" t="inlineStr"><is><t>x</t></is></c>',
    '<c r="CV2"/><c><v>2</v></c>',
    "<c/>" * 100 + "<c><v>2</v></c>",
    '</row><row r="1048576"><c><v>2</v></c>',
    "</row>" + "<row/>" * 100_050 + "<row><c><v>2</v></c>",
]


@pytest.mark.parametrize("prefix", ["", "x:"])
@pytest.mark.parametrize("cell", BEYOND, ids=range(len(BEYOND)))
def test_a_sheet_that_reaches_too_far_never_gets_to_the_reader(cell: str, prefix: str) -> None:
    with pytest.raises(workbooks.SheetTooLarge, match="at most"):
        open_workbook(with_sheet(sheet_xml(far(cell), prefix)))


@pytest.mark.parametrize("prefix", ["", "x:"])
@pytest.mark.parametrize(
    "cell",
    [
        '<c r="XFD1048576" s="3"/>',
        '<c r="XFD1048576" s="3"></c>',
        '<c r="XFD1048576" s="3"> </c>',
        '</row><row r="1048576" ht="15" customHeight="1"/><row r="3">',
        '<c r="CV2"><v>2</v></c>',
        '</row><row r="100050"><c r="A100050"><v>2</v></c>',
    ],
)
def test_cells_that_are_only_formatted_do_not_count(cell: str, prefix: str) -> None:
    assert first_sheet(with_sheet(sheet_xml(far(cell), prefix)))[0][0] == 1


@pytest.mark.parametrize(
    "xml",
    [
        sheet_xml('<row r="1"><c r="A1"><v>1</v></c></row>').replace(b"<sheetData>", b'<!-- <c a=" --><sheetData>'),
        sheet_xml('<row r="1"><c r="A1"><v>1</v></c></row>').decode().encode("utf-16"),
        sheet_xml('<row r="1"><c r="A1A"><v>1</v></c><c><v>1</v></c></row>'),
    ],
)
def test_xml_that_could_hide_cells_is_refused(xml: bytes) -> None:
    with pytest.raises(workbooks.DamagedWorkbook):
        open_workbook(with_sheet(xml))


def test_the_ceilings_are_settable() -> None:
    def fill(sheet: Worksheet) -> None:
        for _ in range(60):
            sheet.append(range(6))

    data = built(fill)
    assert len(first_sheet(data, Limits(max_rows=10, max_columns=6))) == 60
    with pytest.raises(workbooks.SheetTooLarge, match="row 60; at most 9 rows"):
        first_sheet(data, Limits(max_rows=9))
    with pytest.raises(workbooks.SheetTooLarge, match="column 6; at most 5 columns"):
        first_sheet(data, Limits(max_columns=5))
