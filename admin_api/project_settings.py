"""Addresses of settings that each project may have for itself, and every other shares: `.../default`, `.../LAW`."""

from __future__ import annotations

from uuid import UUID

from sql.database import Connection
from ticketing.errors import NotFound
from ticketing.people import find_project

DEFAULT = "default"


def project_or_default(connection: Connection, text: str) -> UUID | None:
    """Return the project that an address names by id or code, None for `default`. Raises NotFound."""
    if text == DEFAULT:
        return None
    project = find_project(connection, text)
    if project is None:
        raise NotFound("No project has this id or code", details={"project_id": text})
    return project
