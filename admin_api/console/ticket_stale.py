"""Forms that came too late: what somebody else changed meanwhile is taken over where the sender had not touched it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from flask import g
from werkzeug.datastructures import MultiDict

from ticketing.input_text import plain_lines


def take_over_untouched() -> None:
    """Let the form of a stale write, shown again, have today's values in the fields that its sender left alone.

    Sent once more as it is, it must not take back what somebody else has done.
    """
    refused = g.get("refused")
    changed = refused.details.get("changed") if refused is not None else None
    if changed:
        g.refused = replace(refused, typed=merged(refused.typed, changed))


def merged(typed: MultiDict[str, str], changed: Mapping[str, Mapping[str, Any]]) -> MultiDict[str, str]:
    """Return what was typed, with the new `value` of each field that was still as it `was` when it was seen."""
    kept = MultiDict(typed)
    for field, one in changed.items():
        # A browser ends the lines of a text in its own way.
        if field in kept and plain_lines(kept[field]) == plain_lines(_text(one["was"])):
            kept[field] = _text(one["value"])
    return kept


def _text(value: Any) -> str:
    return "" if value is None else str(value)
