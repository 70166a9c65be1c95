"""Reading single cells: what people type into a sheet, as the value that it means or a reason why it means none."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal

from runtime.clock import BUSINESS_ZONE
from ticketing.vocabulary import ONT_RX_READABLE_DBM
from ticketing.weekly_reports.words import allowed, simplify

Cell = str | float | int | bool | datetime | date | time | timedelta | None

ErrorType = Literal[
    "missing_required_field",
    "invalid_format",
    "duplicate_entry",
    "validation_failed",
    "database_error",
    "unknown_error",
]

# What people type into a cell that has nothing to say.
PLACEHOLDERS = frozenset({"", "-", "--", ".", "?", "n/a", "na", "n.a.", "none", "null", "nil", "tbc", "tba", "#n/a"})

_LONGEST_PLACEHOLDER = max(map(len, PLACEHOLDERS))

RX_FLOOR_DBM, RX_CEILING_DBM = ONT_RX_READABLE_DBM
EARLIEST_YEAR = 2000

_CONTROL = dict.fromkeys(code for code in range(32) if code not in (9, 10, 13))
_FT_REFERENCE = re.compile(r"(?:FT)?(\d{1,18})")
_DROP_NUMBER = re.compile(r"(?:DR)?(\d{6,8})")
_DAY_FIRST = re.compile(r"(\d{1,2})[/.\-](\d{1,2})[/.\-](\d{4}|\d{2})(?:[ T,]+(\d{1,2}):(\d{2})(?::(\d{2}))?)?")
_NAMED_MONTHS = ("%d %b %Y", "%d %B %Y", "%d-%b-%Y", "%d-%b-%y", "%d-%B-%Y")
# The serial numbers of days from 2000 to 2100: a date column that lost its format holds them.
_EXCEL_EPOCH = datetime(1899, 12, 30)  # noqa: DTZ001 - a sheet's dates have no zone; they become business time below
_EXCEL_DAYS = (36_526, 73_050)


class CellError(ValueError):
    """A cell that does not mean anything in its column: the kind of error and what would be accepted.

    With `warning` the row is kept and only the cell goes without effect.
    """

    def __init__(self, error_type: ErrorType, message: str, *, warning: bool = False) -> None:
        super().__init__(message)
        self.error_type: ErrorType = error_type
        self.message = message
        self.warning = warning


def text(cell: Cell) -> str | None:
    """Return a cell as trimmed text without control characters; None for an empty one."""
    if cell is None:
        return None
    if isinstance(cell, str):
        return (cell if cell.isprintable() else cell.translate(_CONTROL)).strip() or None
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() else repr(cell)
    if isinstance(cell, datetime):
        return cell.isoformat(sep=" ")
    return str(cell)


def word(cell: Cell) -> str | None:
    """Return a cell as text, None also for what people type to say "nothing" (`-`, `N/A`, `none`)."""
    found = text(cell)
    if found is None or (len(found) <= _LONGEST_PLACEHOLDER and found.casefold() in PLACEHOLDERS):
        return None
    return found


def limited(cell: Cell, length: int) -> str | None:
    """Return a cell as text of at most `length` characters. Raises CellError for a longer one."""
    found = word(cell)
    if found is not None and len(found) > length:
        raise CellError("validation_failed", f"is {len(found)} characters long; at most {length} are kept")
    return found


def one_of(cell: Cell, words: Mapping[str, str], *, warning: bool = False) -> str | None:
    """Return the vocabulary's spelling of a sheet's word. Raises CellError, naming what is allowed, for another."""
    found = word(cell)
    if found is None:
        return None
    meant = words.get(simplify(found))
    if meant is None:
        message = f"{_shown(found)} is not known; expected one of {allowed(words)}"
        raise CellError("invalid_format", message, warning=warning)
    return meant


def ft_reference(cell: Cell) -> str | None:
    """Return the client's case number as `FT` + digits. Raises CellError for anything else."""
    found = word(cell)
    if found is None:
        return None
    match = _FT_REFERENCE.fullmatch("".join(found.split()).upper().replace("-", ""))
    if match is None:
        raise CellError(
            "invalid_format", f"{_shown(found)} is no FT reference; expected FT and digits, such as FT490441"
        )
    return f"FT{match[1]}"


def drop_number(cell: Cell) -> str | None:
    """Return a drop number as `DR` + 6 to 8 digits. Raises CellError for anything else."""
    found = word(cell)
    if found is None:
        return None
    match = _DROP_NUMBER.fullmatch("".join(found.split()).upper().replace("-", ""))
    if match is None:
        raise CellError(
            "invalid_format", f"{_shown(found)} is no DR number; expected DR and 6 to 8 digits, such as DR1737348"
        )
    return f"DR{match[1]}"


def received_power(cell: Cell) -> float | None:
    """Return an ONT's received power in dBm, rounded to two places. Raises CellError for what cannot be one."""
    found = word(cell)
    if found is None:
        return None
    try:
        level = float(found.casefold().removesuffix("dbm").strip().replace("\u2212", "-").replace(",", "."))
    except ValueError:
        raise CellError("invalid_format", f"{_shown(found)} is no number of dBm, such as -21.5") from None
    if not RX_FLOOR_DBM <= level <= RX_CEILING_DBM:
        raise CellError(
            "validation_failed",
            f"{_shown(found)} cannot be a received power; expected {RX_FLOOR_DBM:g} to {RX_CEILING_DBM:g} dBm",
        )
    return round(level, 2)


def moment(cell: Cell, *, not_after: datetime) -> datetime | None:
    """Return the moment that a date cell means, in UTC; times without a zone are Johannesburg's.

    Accepts Excel dates and their serial numbers, ISO 8601, dd/mm/yyyy with or without a time, and named months. Raises
    CellError for anything else, and for days before 2000 or after `not_after`.
    """
    said = _said_by_text(cell) if isinstance(cell, str) else _said_by_cell(cell)
    if said is None:
        return None
    at = _in_utc(said)
    if at is None or at.year < EARLIEST_YEAR or at > not_after:
        day = said.date().isoformat()
        raise CellError("validation_failed", f"{day} cannot be the date of a report: check day and month")
    return at


def _said_by_cell(cell: Cell) -> datetime | None:
    """Return the date and time that a cell says, without a zone."""
    if cell is None:
        return None
    if isinstance(cell, datetime):
        return cell
    if isinstance(cell, date):
        return datetime(cell.year, cell.month, cell.day)  # noqa: DTZ001 - made aware by _in_utc
    if isinstance(cell, int | float) and _EXCEL_DAYS[0] <= cell <= _EXCEL_DAYS[1]:
        return _EXCEL_EPOCH + timedelta(seconds=round(cell * 86_400))
    raise _no_date(str(cell))


def _said_by_text(cell: str) -> datetime | None:
    """Return the date and time that a text says, with a zone where it names one."""
    found = word(cell)
    if found is None:
        return None
    match = _DAY_FIRST.fullmatch(found)
    try:
        if match is not None:
            day, month, year, hour, minute, second = (int(part or 0) for part in match.groups())
            century = 2000 if len(match[3]) == 2 else 0
            return datetime(century + year, month, day, hour, minute, second)  # noqa: DTZ001
        return datetime.fromisoformat(found)
    except ValueError:
        return _said_with_named_month(found)


def _said_with_named_month(found: str) -> datetime:
    for form in _NAMED_MONTHS:
        try:
            return datetime.strptime(found, form)  # noqa: DTZ007 - made aware by _in_utc
        except ValueError:
            continue
    raise _no_date(found)


def _in_utc(said: datetime) -> datetime | None:
    """Return a date and time in UTC; None at the ends of the calendar, where it may have no time in UTC."""
    try:
        return (said if said.tzinfo else said.replace(tzinfo=BUSINESS_ZONE)).astimezone(UTC)
    except OverflowError:
        return None


def _no_date(found: str) -> CellError:
    return CellError("invalid_format", f"{_shown(found)} is no date; expected 2026-11-16 or 16/11/2026")


def _shown(found: str) -> str:
    return f'"{found[:60]}"'
