"""A list whose filters live in the address: what is set, the same address with something changed, the way on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from flask import request, url_for

from admin_api.console.choices import Options
from sql.database import Connection
from ticketing import directory
from ticketing.name_paging import NamePageRequest


@dataclass(frozen=True, slots=True)
class Listing:
    """A page that lists: its endpoint, and the names in its address that narrow it. A place is none of them."""

    endpoint: str
    filters: frozenset[str]

    def active(self) -> dict[str, str]:
        """Return the filters that are set; a name that is given more than once counts once."""
        return {name: value for name, value in request.args.items() if value and name in self.filters}

    def address(self, **changes: Any) -> str:
        """Return the page's address with the filters in hand, some of them changed; None takes one out."""
        wanted = {name: value for name, value in (self.active() | changes).items() if value is not None}
        return url_for(self.endpoint, **wanted)

    def around(self, cursor: str | None = None) -> dict[str, Any]:
        """Return what the page's template needs besides rows; `cursor` is where the next rows begin."""
        return {
            "active": self.active(),
            "address": url_for(self.endpoint),
            "address_of": self.address,
            "next": self.address(cursor=cursor) if cursor else None,
            "first": self.address() if request.args.get("cursor") else None,
        }


def project_options(connection: Connection) -> Options:
    """Return the projects to choose from, by name; the one that the address names is among them, by what it names."""
    rows = directory.list_projects(connection, NamePageRequest()).rows
    options = [(row["code"], f"{row['name']} ({row['code']})") for row in rows]
    return with_present(options, request.args.get("project_id", ""))


def with_present(options: Sequence[tuple[str, str]], present: str) -> Options:
    """Return the options with the present choice among them: a link may name what the list is too short for."""
    return [*options] if not present or present in dict(options) else [(present, present), *options]
