"""The wire contract as tables: what a client asks, and the shape of what it is answered.

A shape is a line of `name:type` words; `?` after the type lets null through, `[type]` is a list. More fields than a
shape names are no mistake: clients leave what they do not know.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

Shapes = Mapping[str, str]

_VARIABLE = re.compile(r"\{(\w+)\}")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")


@dataclass(frozen=True, slots=True)
class Call:
    """One request of a client, and what the contract says of its answer.

    Route, query, body and form name what is known: `GET /tickets/{ticket}`. `shape` is that of the payload, `beside`
    those of other parts (`pagination=Pages; counts=Counts`; `=Activity` where there is no envelope). `says` is in the
    message, `equal` are values at dotted paths. `keep` makes the answer's id known: `note`, `file=attachment_id`.
    """

    route: str
    status: int = 200
    code: str = ""
    _: KW_ONLY
    shape: str = ""
    query: str = ""
    body: Any = None
    raw: bytes | None = None
    form: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    says: str = ""
    beside: str = ""
    meta: str = ""
    equal: Mapping[str, Any] = field(default_factory=dict)
    keep: str = ""


def filled(value: Any, known: Mapping[str, Any]) -> Any:
    """Return a template with the things that are known by name put in; a whole text may become any value."""
    if isinstance(value, dict):
        return {key: filled(item, known) for key, item in value.items()}
    if isinstance(value, list):
        return [filled(item, known) for item in value]
    if not isinstance(value, str):
        return value
    whole = _VARIABLE.fullmatch(value)
    if whole:
        return known[whole[1]]
    return _VARIABLE.sub(lambda found: str(known[found[1]]), value)


def general(path: str) -> str:
    """Return a path with its variables unnamed, so that two spellings of one route are equal."""
    return re.sub(r"\{[^}]*\}|<[^>]*>", "{}", path)


def part(value: Any, path: str) -> Any:
    """Return what lies at a dotted path of an answer; numbers count in lists."""
    for name in path.split("."):
        value = value[int(name)] if isinstance(value, list) else value[name]
    return value


def mismatches(value: Any, shape: str, shapes: Shapes, where: str = "data") -> list[str]:
    """Return what of a value is not as its shape says: a line each."""
    if shape.endswith("?"):
        return [] if value is None else mismatches(value, shape[:-1], shapes, where)
    if shape.startswith("["):
        if not isinstance(value, list):
            return [f"{where}: no list but {value!r}"]
        return [line for n, item in enumerate(value) for line in mismatches(item, shape[1:-1], shapes, f"{where}.{n}")]
    if shape in _KINDS:
        return [] if _KINDS[shape](value) else [f"{where}: no {shape} but {value!r}"]
    return _fields(value, shapes.get(shape, shape), shapes, where)


def _fields(value: Any, fields: str, shapes: Shapes, where: str) -> list[str]:
    if not isinstance(value, dict):
        return [f"{where}: no object but {value!r}"]
    wrong = []
    for name, _, kind in (word.partition(":") for word in fields.split()):
        if name in value:
            wrong += mismatches(value[name], kind or "any", shapes, f"{where}.{name}")
        else:
            wrong.append(f"{where}.{name} is missing")
    return wrong


def _is_uuid(value: Any) -> bool:
    return isinstance(value, str) and str(UUID(value)) == value.lower()


def _is_time(value: Any) -> bool:
    return isinstance(value, str) and bool(_TIME.fullmatch(value)) and datetime.fromisoformat(value).tzinfo is not None


_KINDS: dict[str, Any] = {
    "any": lambda value: True,
    "str": lambda value: isinstance(value, str),
    "text": lambda value: isinstance(value, str) and value.strip() != "",
    "int": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "num": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "rate": lambda value: isinstance(value, int | float) and 0 <= value <= 1,
    "bool": lambda value: isinstance(value, bool),
    "obj": lambda value: isinstance(value, dict),
    "list": lambda value: isinstance(value, list),
    "uuid": _is_uuid,
    "ts": _is_time,
}
