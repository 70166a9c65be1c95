"""The addresses of a list: with other filters, its next rows, its first ones. Also where a refused form shows it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import request, url_for

_PLACE = ("cursor", "page", "pageSize", "limit")


def around(view: str, next_cursor: str | UUID | None) -> dict[str, Any]:
    """Return what a filtered list needs besides its rows: `ways`, and the filters that are set (`active`)."""
    active = {name: value for name, value in request.args.items() if value and name not in _PLACE}
    return {"active": active, **ways(view, next_cursor)}


def ways(view: str, next_cursor: str | UUID | None) -> dict[str, Any]:
    """Return the addresses of the next rows and of the first ones (None: there are none), and `address_with`.

    `view` is the list's endpoint: the page may stand at the address of a form that was refused.
    """

    def address_with(**changes: Any) -> str:
        """Return the list's address with some of its filters changed, from its first row on; None takes one out."""
        kept: dict[str, Any] = {name: request.args.getlist(name) for name in request.args if name not in _PLACE}
        return url_for(view, **{name: value for name, value in (kept | changes).items() if value is not None})

    return {
        "next": address_with(cursor=str(next_cursor)) if next_cursor else None,
        "first": address_with() if request.args.get("cursor") else None,
        "address_with": address_with,
    }
