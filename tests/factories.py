"""Builders of rows for tests: what all concepts lean on. Each concept has its own `factories_<concept>.py`."""

from __future__ import annotations

import itertools

_numbers = itertools.count(1)


def unique(prefix: str) -> str:
    """Return a text that no other call of this process returned, for columns that must be unique."""
    return f"{prefix}{next(_numbers):06d}"
