"""How PostgreSQL means to run a statement: the nodes of a plan."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield a node of a plan (`explain (format json)`) and all below it."""
    yield plan
    for part in plan.get("Plans", []):
        yield from nodes(part)
