"""Keyset paging: a list goes on after the last row that was seen, so rows that arrive meanwhile never shift it.

Pages by number exist for screens that need them, but only so deep: a cursor reaches any depth at the same price.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sql.database import Connection
from ticketing.errors import InvalidInput

MAX_ROWS = 100
MAX_DEPTH = 10_000
DEFAULT_ROWS = 50


@dataclass(frozen=True, slots=True)
class Position:
    """Where a list goes on: after the row with this time and id, in the list's own order."""

    at: datetime
    id: UUID

    def cursor(self) -> str:
        """Return the position as opaque text, safe in a URL."""
        return to_cursor(self.at.isoformat(), str(self.id))

    @classmethod
    def from_cursor(cls, cursor: str) -> Position:
        """Read a cursor that this system gave out. Raises InvalidInput for anything else."""
        try:
            at, row_id = parts_of(cursor)
            position = cls(datetime.fromisoformat(at), UUID(row_id))
        except (ValueError, TypeError, AttributeError) as error:
            raise bad_cursor() from error
        if position.at.tzinfo is None:
            raise bad_cursor()
        return position


def place_of(after: Position | None, rows: int) -> dict[str, Any]:
    """Return the parameters that keyset queries share: at most `rows` rows after a position, or from the start."""
    return {"after_at": after.at if after else None, "after_id": after.id if after else None, "row_limit": rows}


def to_cursor(*parts: str | int | None) -> str:
    """Return the parts of a position as opaque text, safe in a URL."""
    text = json.dumps(parts, separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def parts_of(cursor: str) -> Any:
    """Return what is in a cursor: whatever somebody wrote there. Raises ValueError where nobody could."""
    padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
    return json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))


def bad_cursor() -> InvalidInput:
    """Return the error for a cursor that no list gave out."""
    problem = "not a cursor of this list; begin again without one"
    return InvalidInput(f"cursor: {problem}", details={"cursor": problem})


@dataclass(frozen=True, slots=True, kw_only=True)
class PageRequest:
    """What a caller asked of a list. `size` is 1 to MAX_ROWS; `page` counts from 1 and is ignored with a `cursor`."""

    page: int = 1
    size: int = DEFAULT_ROWS
    cursor: str | None = None

    @classmethod
    def of(cls, *, page: object = None, size: object = None, cursor: str | None = None) -> PageRequest:
        """Make a request out of query texts: what is no number falls back to the default, sizes are capped."""
        return cls(
            page=_whole(page, default=1, most=MAX_DEPTH),
            size=_whole(size, default=DEFAULT_ROWS, most=MAX_ROWS),
            cursor=cursor or None,
        )

    @property
    def after(self) -> Position | None:
        """The cursor's position; None for a list from its start or by page number."""
        return Position.from_cursor(self.cursor) if self.cursor else None

    def place(self) -> dict[str, Any]:
        """Return the parameters of keyset queries for this page and one row more, which tells whether there is more."""
        return place_of(self.after, self.size + 1)

    @property
    def skip(self) -> int:
        """How many rows lie before the page that was asked for by number; 0 with a cursor."""
        return 0 if self.cursor else (self.page - 1) * self.size


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Rows of a list with where they stand in it.

    `total` is exact up to the depth to which the list is counted; `total_is_capped` says that there are more than that.
    `next_cursor` is None on the last page.
    """

    rows: list[dict[str, Any]]
    request: PageRequest
    total: int
    total_is_capped: bool
    next_cursor: str | None

    @property
    def is_whole(self) -> bool:
        """Whether the list has no other rows: they need not be counted apart."""
        return self.next_cursor is None and not self.request.cursor and not self.request.skip

    def pagination(self) -> dict[str, Any]:
        """Return the `pagination` object of the wire contract, with the cursor to go on."""
        return {
            "page": self.request.page,
            "pageSize": self.request.size,
            "total": self.total,
            "totalPages": -(-self.total // self.request.size),
            "totalIsCapped": self.total_is_capped,
            "next_cursor": self.next_cursor,
        }


def require_depth(request: PageRequest, counted: int, *, depth: int = MAX_DEPTH) -> None:
    """Raise InvalidInput where a page by number lies deeper than a list is numbered; ask before the rows are read.

    `counted` is the number of matching rows, counted no further than `depth` + 1. A page past the end of a shorter
    list is no mistake: it is empty.
    """
    if counted > depth and request.skip + request.size > depth:
        problem = f"pages by number end after {depth} rows; go on with `cursor` and the `next_cursor` of a page"
        raise InvalidInput(f"page: {problem}", details={"page": problem})


def page_of(
    rows: list[dict[str, Any]],
    request: PageRequest,
    *,
    counted: int,
    time_column: str = "created_at",
    depth: int = MAX_DEPTH,
) -> Page:
    """Make a page of up to `size + 1` rows: the extra one only tells whether there are more, and is not shown."""
    shown, more = rows[: request.size], len(rows) > request.size
    last = shown[-1] if more else None
    return Page(
        rows=shown,
        request=request,
        total=min(counted, depth),
        total_is_capped=counted > depth,
        next_cursor=Position(last[time_column], last["id"]).cursor() if last else None,
    )


def fetch_planned(connection: Connection, query: Any, **parameters: Any) -> list[dict[str, Any]]:
    """Run a named query of optional filters, planned for the values of this very call.

    A server-side prepared statement would soon settle on one generic plan, in which `:x is null or column = :x` can use
    no index of the column. Unprepared, the planner sees the values and folds unused filters away.
    """
    return connection.execute(query.sql, parameters, prepare=False).fetchall()


def _whole(value: object, *, default: int, most: int) -> int:
    try:
        number = int(str(value))
    except ValueError:
        return default
    return default if number < 1 else min(number, most)
