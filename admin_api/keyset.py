"""Keyset paging of operator lists: rows carry version 7 UUIDs, so the last id that was shown says where to go on."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from admin_api.requests import MAX_PAGE_SIZE


class KeysetQuery(BaseModel):
    """How much of a list to show, and after which row."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    cursor: UUID | None = Field(default=None, description="`next_cursor` of the page before")
    page_size: int = Field(default=50, ge=1, le=MAX_PAGE_SIZE, alias="pageSize")


def keyset(rows: list[dict[str, Any]], query: KeysetQuery) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Return the rows to show and the `pagination` object, given one row more than is shown if there are more."""
    shown = rows[: query.page_size]
    more = len(rows) > query.page_size
    return shown, {"pageSize": query.page_size, "next_cursor": shown[-1]["id"] if more else None}
