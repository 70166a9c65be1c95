"""How a row becomes the cells of a file: which columns, under what words, in what form."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its header, and the field of a row that fills it; a dot reaches into a field (`assigned_user.name`).

    `utc` shows an instant as text in UTC, for programs; without it files show instants in Johannesburg's time.
    """

    header: str
    field: str
    utc: bool = False


def local(header: str, field: str) -> Column:
    """Return a column of instants in local time, whose header says so."""
    return Column(f"{header} (Johannesburg)", field)


def utc(header: str, field: str) -> Column:
    """Return a column of instants in UTC, whose header says so."""
    return Column(f"{header} (UTC)", field, utc=True)


def headers_of(columns: Sequence[Column]) -> list[str]:
    """Return the headers of the columns."""
    return [column.header for column in columns]


def cells_of(columns: Sequence[Column], row: Mapping[str, Any]) -> list[object]:
    """Return the cells of a row: text, numbers, flags, days, instants with a zone, or nothing."""
    return [_cell(_reach(row, column.field), column) for column in columns]


def _reach(row: Mapping[str, Any], path: str) -> Any:
    field, _, rest = path.partition(".")
    value = row.get(field)
    return _reach(value, rest) if rest and isinstance(value, Mapping) else (None if rest else value)


def _cell(value: Any, column: Column) -> object:
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, datetime):
        return _instant(value, column)
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, list | tuple | set | frozenset):
        return "; ".join(str(one) for one in value) or None
    return value


def _instant(value: datetime, column: Column) -> object:
    if column.utc:
        return value.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    # No list shows fractions of a second, and a workbook's times are too coarse to hold them exactly.
    return value.replace(microsecond=0)
