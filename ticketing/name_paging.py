"""Keyset paging of lists in the order of names: pickers of people, companies, teams and projects.

Names are compared in lower case, as the database sorts them; of two alike the id decides.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from ticketing.paging import MAX_ROWS, bad_cursor, parts_of, to_cursor


@dataclass(frozen=True, slots=True)
class NamePosition:
    """Where a list goes on: after the row with this name, in lower case, and this id."""

    name: str
    id: UUID

    def cursor(self) -> str:
        """Return the position as opaque text, safe in a URL."""
        return to_cursor(self.name, str(self.id))

    @classmethod
    def from_cursor(cls, cursor: str) -> NamePosition:
        """Read a cursor that a list by name gave out. Raises InvalidInput for anything else."""
        try:
            name, row_id = parts_of(cursor)
            position = cls(name, UUID(row_id))
        except (ValueError, TypeError, AttributeError) as error:
            raise bad_cursor() from error
        if not isinstance(name, str) or "\0" in name:
            raise bad_cursor()
        return position


@dataclass(frozen=True, slots=True, kw_only=True)
class NamePageRequest:
    """Which part of a list by name is wanted; `size` is 1 to MAX_ROWS."""

    size: int = MAX_ROWS
    cursor: str | None = None

    def parameters(self) -> dict[str, Any]:
        """Return the parameters by which queries go on. Raises InvalidInput for a cursor that is none."""
        after = NamePosition.from_cursor(self.cursor) if self.cursor else None
        return {
            "after_name": after.name if after else None,
            "after_id": after.id if after else None,
            "row_limit": self.size + 1,
        }


@dataclass(frozen=True, slots=True)
class NamePage:
    """A part of a list by name; `next_cursor` is None on the last one."""

    rows: list[dict[str, Any]]
    next_cursor: str | None


def name_page(rows: list[dict[str, Any]], request: NamePageRequest) -> NamePage:
    """Make a page of up to `size + 1` rows with a `sort_name`, which is not shown; the extra row only tells of more."""
    shown, more = rows[: request.size], len(rows) > request.size
    cursor = NamePosition(shown[-1]["sort_name"], shown[-1]["id"]).cursor() if more else None
    return NamePage([{name: row[name] for name in row if name != "sort_name"} for row in shown], cursor)


def containing(text: str | None) -> str | None:
    """Return the pattern of a text anywhere in another; what the text has of pattern signs stands for itself."""
    if not text or not text.strip():
        return None
    escaped = text.strip().replace("\\", r"\\").replace("%", r"\%").replace("_", r"\_")
    return f"%{escaped}%"
