"""The sample workbooks in `samples/`: a small drop register and a week of faults in it, both invented.

They are checked in, so that a fresh clone has something to import; `fibreflow samples` writes them again. The
register has the format and the habits of the real ones: numbers without a type, a label that occurs twice, spares
without an end. The report has what offices send: a summary sheet before the one that matters, a title above the
headers, dates as text, and six rows that nobody could make a ticket of.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer
from openpyxl import Workbook
from openpyxl.styles import Font
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.worksheet import Worksheet

from cli.console import out
from cli.sample_faults import FAULTS, FAULTY_ROWS, LOGGED_BY, STREETS, Fault

FOLDER = Path(__file__).resolve().parent.parent / "samples"
DROPS = FOLDER / "drops-sample.xlsx"
WEEKLY_REPORT = FOLDER / "weekly-report.xlsx"

PROJECT = "TMB"
MONDAY = date(2026, 10, 5)
REPORT_ROWS = 93

# fmt: off
REGISTER_HEADERS = (
    "label", "type", "subtyp", "spec", "dim1", "dim2", "cblcpty", "conntr", "ntwrkptn", "cmpownr", "strtfeat",
    "endfeat", "lat", "lon", "sg21", "sg26", "address", "pon_no", "zone_no", "subplace", "mainplce", "mun",
    "stackref", "datecrtd", "crtdby", "date_edt", "editby", "comments",
)
REPORT_HEADERS = (
    "FT Ref", "Date Logged", "Ticket Type", "Issue", "Fault Description", "Priority", "Status", "Area", "Zone",
    "PON Number", "Pole Number", "DR Number", "Address", "Contractor Name", "Assigned To", "Fault Cause", "ONT Serial",
    "ONT RX", "Logged By",
)
# fmt: on
WIDE = {"Issue": 34, "Fault Description": 60, "Address": 30}

# The people and companies that `fibreflow seed` adds.
CONTRACTORS = ("Veld Fibre Crew", "Kopje Splicing")
TECHNICIANS = ("Sipho Dlamini", "Johan Venter", "Lerato Molefe")


@dataclass(frozen=True, slots=True)
class Drop:
    """A drop of the sample register."""

    label: str
    pole: str
    pon: int
    zone: int
    length: str
    is_spare: bool


def register(app: typer.Typer) -> None:
    """Add this command to the app."""
    app.command("samples")(write_samples)


def write_samples(
    folder: Annotated[Path, typer.Argument(help="Where to write them", file_okay=False)] = Path("samples"),
) -> None:
    """Write the sample workbooks: a drop register and a weekly report."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, book in ((DROPS.name, drop_register()), (WEEKLY_REPORT.name, weekly_report())):
        book.save(folder / name)
        out.print(f"wrote {folder / name}")


def drop_register() -> Workbook:
    """Return the register: 200 rows, one label twice, 15 in 100 of them spares."""
    book, sheet = _book("HLD_Home")
    sheet.append(list(REGISTER_HEADERS))
    rows = [_register_row(drop) for drop in drops()]
    # A label that was used again for another home: the two rows disagree about pole and PON.
    twin = rows[60] | {"dim2": "70m"} | {name: rows[140][name] for name in ("strtfeat", "pon_no", "zone_no")}
    rows.insert(150, twin)
    for row in rows:
        sheet.append([row.get(header) for header in REGISTER_HEADERS])
    return book


def drops() -> list[Drop]:
    """Return the 199 drops of the sample register: eight to a pole, five poles to a PON, two PONs to a zone."""
    chance = random.Random(20260309)  # noqa: S311 - the same invented network every time
    spares = set(chance.sample([number for number in range(199) if number % 8 >= 5], 30))
    return [
        Drop(
            label=f"DR{1_900_001 + number}",
            pole=f"{PROJECT}.P.{'ABC'[number // 80]}{number // 8 % 10 + 1:03d}",
            pon=number // 40 + 1,
            zone=number // 80 + 1,
            length=chance.choice(("25m", "30m", "30m", "40m", "40m", "40m", "50m", "60m")),
            is_spare=number in spares,
        )
        for number in range(199)
    ]


def _register_row(drop: Drop) -> dict[str, Any]:
    row = {
        "label": drop.label,
        "type": "Cable",
        "subtyp": "Drop",
        "spec": "SM/G657A2",
        "dim1": "2.8mm",
        "dim2": drop.length,
        "cblcpty": "1F",
        "cmpownr": "NetDraft",
        "strtfeat": drop.pole,
        "endfeat": None if drop.is_spare else f"{PROJECT}.ONT.{drop.label}",
        "pon_no": float(drop.pon),
        "zone_no": float(drop.zone),
        "mun": "City of Ekurhuleni",
        "stackref": PROJECT,
        "datecrtd": "2026-03-09T08:12:44.310",
        "crtdby": "NetDraft",
        "comments": "Spare" if drop.is_spare else None,
    }
    # The census areas are not known everywhere.
    return row | ({"subplace": 797_032_004.0, "mainplce": 797_032.0} if drop.pon != 5 else {})


def weekly_report() -> Workbook:
    """Return the week's report: 93 rows, of which 87 can become tickets."""
    book, summary = _book("Summary")
    rows = list(_report_rows())
    _fill_summary(summary, rows)
    sheet = book.create_sheet("MNT Tickets")
    sheet.append([f"Maintenance tickets, week {MONDAY.isocalendar().week} of {MONDAY.year}"])
    sheet.append([])
    sheet.append(list(REPORT_HEADERS))
    sheet["A1"].font = Font(bold=True, size=14)
    for cell in sheet[3]:
        cell.font = Font(bold=True)
    for index, header in enumerate(REPORT_HEADERS, 1):
        sheet.column_dimensions[get_column_letter(index)].width = WIDE.get(header, 16)
    for row in rows:
        sheet.append([row.get(header) for header in REPORT_HEADERS])
    sheet.freeze_panes = "A4"
    return book


def _fill_summary(sheet: Worksheet, rows: list[dict[str, Any]]) -> None:
    sheet.append(["Zone", "Tickets", "Urgent or critical"])
    for zone in sorted({row["Zone"] for row in rows if row.get("Zone")}):
        of_zone = [row for row in rows if row.get("Zone") == zone]
        sheet.append([zone, len(of_zone), sum(row["Priority"] in ("Urgent", "Critical") for row in of_zone)])
    sheet.append(["Total", len(rows), None])


def _report_rows() -> Iterator[dict[str, Any]]:
    chance = random.Random(202641)  # noqa: S311 - the same invented week every time
    connected = [drop for drop in drops() if not drop.is_spare]
    # One home fails twice in the week, and one pole has more faults than its neighbours.
    places = chance.sample(connected, REPORT_ROWS - 4) + [connected[20]] * 2 + connected[33:35]
    for number, drop in enumerate(places):
        fault = FAULTS[number % len(FAULTS)]
        yield _report_row(chance, number, drop, fault) | FAULTY_ROWS.get(number, {})


def _report_row(chance: random.Random, number: int, drop: Drop, fault: Fault) -> dict[str, Any]:
    logged = _logged_at(chance, number)
    by_contractor = number % 3 == 0
    return {
        # The client's desk does not always open a case: then the drop, the day and the issue tell a fault from others.
        "FT Ref": None if number % 23 == 7 else f"FT{512_300 + number * 3}",
        "Date Logged": f"{logged:%d/%m/%Y %H:%M}" if number % 11 == 4 else logged,
        "Ticket Type": fault.ticket_type,
        "Issue": fault.issue,
        "Fault Description": fault.description,
        "Priority": fault.priority,
        "Status": "Cancelled" if number in (30, 66) else "Open",
        "Area": PROJECT,
        "Zone": drop.zone,
        "PON Number": drop.pon,
        "Pole Number": drop.pole.lower() if number % 13 == 2 else drop.pole,
        "DR Number": drop.label,
        "Address": f"{chance.randint(2, 480)} {chance.choice(STREETS)}, Tembisa",
        "Contractor Name": CONTRACTORS[number % 2] if by_contractor else None,
        "Assigned To": TECHNICIANS[number % 3] if not by_contractor and number % 4 == 1 else None,
        "Fault Cause": fault.cause,
        "ONT Serial": f"ALCLB{chance.randrange(16**7):07X}" if number % 5 else None,
        "ONT RX": round(chance.uniform(*fault.rx), 1) if fault.rx else None,
        "Logged By": chance.choice(LOGGED_BY),
    }


def _logged_at(chance: random.Random, number: int) -> datetime:
    day = MONDAY + timedelta(days=number * 5 // REPORT_ROWS)
    return datetime.combine(day, time(chance.randint(7, 16), chance.randrange(0, 60, 5)))


def _book(sheet_name: str) -> tuple[Workbook, Worksheet]:
    book = Workbook()
    sheet = book.active
    if not isinstance(sheet, Worksheet):
        raise TypeError("a new workbook starts with a worksheet")
    sheet.title = sheet_name
    return book, sheet
