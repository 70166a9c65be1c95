"""One text for one value: canonical JSON as in RFC 8785, so that a hash can be computed again by anybody, anywhere.

Keys in order, no blanks, UTF-8, numbers in their shortest decimal form. Numbers that RFC 8785 would write with an
exponent are refused: nothing of a ticket is that large or that small.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID

LARGEST_WHOLE = 2**53 - 1
"""Beyond it a reader that knows only binary floating point would read another number."""

_SMALLEST = 1e-6


def canonical(value: Any) -> str:
    """Return plain JSON material (see `plain`) as canonical JSON.

    Raises TypeError for anything else and ValueError for a number that has no plain form.
    """
    if value is None or isinstance(value, str | bool):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, int | float):
        return _number(value)
    if isinstance(value, list | tuple):
        return "[" + ",".join(canonical(item) for item in value) + "]"
    if isinstance(value, Mapping):
        pairs = (
            f"{json.dumps(name, ensure_ascii=False)}:{canonical(value[name])}" for name in sorted(value, key=_order)
        )
        return "{" + ",".join(pairs) + "}"
    raise TypeError(f"{type(value).__name__} has no canonical form")


def sha256_of(value: Any) -> str:
    """Return the SHA-256 of a value's canonical JSON, in hex."""
    return hashlib.sha256(canonical(value).encode()).hexdigest()


def plain(value: Any) -> Any:
    """Return a value as plain JSON material: times as ISO-8601 in UTC to the microsecond, ids and words as text."""
    if isinstance(value, Mapping):
        return {str(name): plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, datetime):
        return moment(value)
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, Enum):
        return value.value
    return str(value) if isinstance(value, UUID | date) else value


def moment(value: datetime) -> str:
    """Return an aware time as ISO-8601 in UTC, always to the microsecond. Raises ValueError for a naive one."""
    if value.tzinfo is None:
        raise ValueError("a time without a zone is no moment")
    return value.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _number(value: float) -> str:
    if isinstance(value, float) and not (value == 0 or _SMALLEST <= abs(value) <= LARGEST_WHOLE):
        raise ValueError(f"{value!r} has no plain decimal form")
    if abs(value) > LARGEST_WHOLE:
        raise ValueError(f"{value!r} is too large to be read everywhere as the same number")
    if value == int(value):
        return str(int(value))
    return format(Decimal(repr(value)), "f")


def _order(name: str) -> bytes:
    """Keys are ordered by their UTF-16 code units (RFC 8785, 3.2.3)."""
    return name.encode("utf-16-be")
