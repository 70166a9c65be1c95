"""What PostgreSQL cannot hold, taken out of what jobs say: zero characters, lone surrogates, NaN and infinity."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pydantic_core import PydanticSerializationError, to_json


def storable(text: str) -> str:
    """Return the text without what PostgreSQL's text cannot hold: zero characters and lone surrogates."""
    return text.replace("\x00", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace").decode()


def storable_json(value: Mapping[str, Any], fallback: Callable[[Any], Any] | None = None) -> str:
    """Return the value as JSON that PostgreSQL's jsonb can hold; NaN and infinity become null.

    `fallback` turns what has no JSON form into something that has. Without it, raises PydanticSerializationError.
    """
    try:
        text = _json(value, fallback)
    except PydanticSerializationError:
        return _json(_cleaned(value), fallback)
    return text if "\\u0000" not in text else _json(_cleaned(value), fallback)


def _json(value: object, fallback: Callable[[Any], Any] | None) -> str:
    return to_json(value, inf_nan_mode="null", fallback=fallback).decode()


def _cleaned(value: Any) -> Any:
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, Mapping):
        return {_cleaned(name): _cleaned(item) for name, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_cleaned(item) for item in value]
    return value
