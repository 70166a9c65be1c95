"""The SOW register as it arrives: one row per drop, with the column names of the design tool's export.

The columns that we use are `label` (the DR number), `strtfeat` (the pole), `endfeat` (the ONT's label, empty for a
spare), `pon_no`, `zone_no`, `spec` and `dim2` (cable type and length), `lat`, `lon`, `address`, `mun`, `stackref`
(the project's code) and `comments` ("Spare"). Everything else is kept with the row.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, time
from decimal import Decimal, InvalidOperation

from ticketing.errors import InvalidInput

HEADER_SEARCH_ROWS = 20
REQUIRED = frozenset({"label", "strtfeat"})

# Part of every row's hash: a change in how rows are read makes the next import write them again.
READING = "1"

DR_NUMBER = re.compile(r"DR[0-9]{6,8}")
PROJECT_CODE = re.compile(r"[A-Z0-9][A-Z0-9_-]{0,19}")
HIGHEST_NUMBER = 999_999
_SPARE = re.compile(r"\bspare\b", re.IGNORECASE)


class UnreadableRegister(InvalidInput):
    """The sheet is not a drop register: its headers are not there."""

    code = "PARSE_ERROR"


@dataclass(frozen=True, slots=True)
class RegisterRow:
    """A drop as the register has it. `row` is the sheet's row number, `source` the whole row as JSON text."""

    row: int
    dr_number: str
    project_code: str | None
    pole_number: str | None
    pon_number: int | None
    zone_number: int | None
    ont_label: str | None
    address: str | None
    latitude: Decimal | None
    longitude: Decimal | None
    municipality: str | None
    cable_type: str | None
    cable_length: str | None
    status: str | None
    is_spare: bool
    source: str

    @property
    def hash(self) -> bytes:
        """Sixteen bytes that change when anything in the row does."""
        return hashlib.blake2b(f"{READING}\n{self.source}".encode(), digest_size=16).digest()


@dataclass(frozen=True, slots=True)
class Rejection:
    """Why a row is left out: the column that is to be mended, and how."""

    row: int
    column: str
    reason: str


@dataclass(frozen=True, slots=True)
class Duplicate:
    """A label that came before; `differs` names the columns in which the two rows do not say the same."""

    row: int
    label: str
    first_row: int
    differs: tuple[str, ...]


@dataclass(slots=True)
class Register:
    """What was read: `total` rows with anything in them, of which `rows` can be imported (the first of each label)."""

    total: int = 0
    rows: list[RegisterRow] = field(default_factory=list)
    duplicates: list[Duplicate] = field(default_factory=list)
    rejected: list[Rejection] = field(default_factory=list)

    @property
    def spares(self) -> int:
        """How many of `rows` are spares."""
        return sum(row.is_spare for row in self.rows)


def read_register(sheet: Iterable[Sequence[object]]) -> Register:
    """Read a register, row by row from the sheet's first.

    Blank rows are skipped; a bad row is rejected with its reasons and stops nothing; of two rows with one label the
    first counts. Raises UnreadableRegister when the first rows hold no register headers.
    """
    numbered = enumerate(sheet, start=1)
    headers = _find_headers(numbered)
    register = Register()
    first: dict[str, RegisterRow] = {}
    for number, cells in numbered:
        values = {header: cell for header, cell in zip(headers, cells, strict=False) if header and cell is not None}
        if values:
            register.total += 1
            _take(register, first, number, values)
    return register


def require_register(sheet: Iterable[Sequence[object]]) -> None:
    """Raise UnreadableRegister when the first rows of a sheet hold no register headers; reads no further."""
    _find_headers(enumerate(sheet, start=1))


def _find_headers(numbered: Iterable[tuple[int, Sequence[object]]]) -> list[str]:
    for number, cells in numbered:
        headers = ["".join(str(cell).split()).lower() if cell is not None else "" for cell in cells]
        if set(headers) >= REQUIRED:
            return headers
        if number >= HEADER_SEARCH_ROWS:
            break
    raise UnreadableRegister(
        "This is not a drop register: none of the first rows has the headers label and strtfeat. "
        "Export the drops of the design (HLD_Home) again and upload that file."
    )


def _take(register: Register, first: dict[str, RegisterRow], number: int, values: dict[str, object]) -> None:
    reader = _Reader(number, values)
    row = reader.drop()
    if row is None:
        register.rejected.extend(reader.rejections)
    elif row.dr_number in first:
        earlier = first[row.dr_number]
        register.duplicates.append(Duplicate(number, row.dr_number, earlier.row, _differences(earlier, row)))
    else:
        first[row.dr_number] = row
        register.rows.append(row)


def _differences(one: RegisterRow, other: RegisterRow) -> tuple[str, ...]:
    if one.source == other.source:
        return ()
    left, right = json.loads(one.source), json.loads(other.source)
    return tuple(name for name in {**left, **right} if left.get(name) != right.get(name))


class _Reader:
    """Reads the cells of one row and notes what is wrong with them."""

    def __init__(self, row: int, values: dict[str, object]) -> None:
        self._row = row
        self._values = values
        self.rejections: list[Rejection] = []

    def drop(self) -> RegisterRow | None:
        """Return the row as a drop, or None when something in it cannot be used."""
        latitude, longitude = self._position()
        drop = RegisterRow(
            row=self._row,
            dr_number=self._dr_number(),
            project_code=self._project_code(),
            pole_number=self._text("strtfeat"),
            pon_number=self._number("pon_no"),
            zone_number=self._number("zone_no"),
            ont_label=self._text("endfeat"),
            address=self._text("address"),
            latitude=latitude,
            longitude=longitude,
            municipality=self._text("mun"),
            cable_type=self._text("spec"),
            cable_length=self._text("dim2"),
            status=self._text("status"),
            is_spare=_SPARE.search(self._text("comments") or "") is not None,
            source=json.dumps({name: plain(cell) for name, cell in self._values.items()}, sort_keys=True),
        )
        return None if self.rejections else drop

    def _reject(self, column: str, reason: str) -> None:
        self.rejections.append(Rejection(self._row, column, reason))

    def _text(self, column: str) -> str | None:
        return text(self._values.get(column))

    def _dr_number(self) -> str:
        label = "".join((self._text("label") or "").upper().split())
        if not label:
            self._reject("label", "has no label: every drop needs its DR number")
        elif not DR_NUMBER.fullmatch(label):
            self._reject("label", f"{label[:40]!r} is not a DR number (DR and 6 to 8 digits)")
        return label

    def _project_code(self) -> str | None:
        code = (self._text("stackref") or "").upper() or None
        if code is not None and not PROJECT_CODE.fullmatch(code):
            self._reject("stackref", f"{code[:40]!r} is not a project code (up to 20 letters and digits)")
        return code

    def _number(self, column: str) -> int | None:
        cell = self._values.get(column)
        if text(cell) is None:
            return None
        number = _decimal(cell)
        # The range first: written out as an integer, 1E9999999 would hold the interpreter for hours.
        if number is None or not 1 <= number <= HIGHEST_NUMBER or number != int(number):
            self._reject(column, f"{str(cell)[:40]!r} is not a whole number from 1")
            return None
        return int(number)

    def _position(self) -> tuple[Decimal | None, Decimal | None]:
        latitude, longitude = self._degrees("lat", 90), self._degrees("lon", 180)
        if (latitude is None) != (longitude is None) and not self.rejections:
            self._reject("lat" if latitude is None else "lon", "a position needs both lat and lon")
        return latitude, longitude

    def _degrees(self, column: str, limit: int) -> Decimal | None:
        cell = self._values.get(column)
        if text(cell) is None:
            return None
        degrees = _decimal(cell)
        # Compared, not computed with: arithmetic on a number of any size can overflow.
        if degrees is None or not -limit <= degrees <= limit:
            self._reject(column, f"{str(cell)[:40]!r} is not a number of degrees from -{limit} to {limit}")
            return None
        return round(degrees, 6)


def text(cell: object) -> str | None:
    """Return a cell as text on one line, None when nothing is in it: whole numbers without a point, dates as ISO."""
    value = plain(cell)
    return None if value is None else " ".join(str(value).split()) or None


def plain(cell: object) -> str | int | float | bool | None:
    """Return a cell as something that JSON and PostgreSQL hold: whole floats as int, dates and times in ISO form."""
    if isinstance(cell, str):
        return cell.replace("\x00", "") if "\x00" in cell else cell
    if isinstance(cell, float):
        return int(cell) if cell.is_integer() else cell if math.isfinite(cell) else None
    if cell is None or isinstance(cell, bool | int):
        return cell
    if isinstance(cell, date | time):
        return cell.isoformat()
    return str(cell).replace("\x00", "")


def _decimal(cell: object) -> Decimal | None:
    if isinstance(cell, bool):
        return None
    try:
        number = Decimal((text(cell) or "").replace(",", "."))
    except InvalidOperation:
        return None
    return number if number.is_finite() else None
