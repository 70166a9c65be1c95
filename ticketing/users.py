"""The people of the system, as far as signing them in goes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sql.database import Connection, queries
from ticketing.people import Actor, Role


@dataclass(frozen=True, slots=True)
class User:
    """A person who may sign in."""

    id: UUID
    name: str
    roles: tuple[Role, ...]
    contractor_id: UUID | None

    def actor(self) -> Actor:
        """Return who acts when this person does something."""
        return Actor(
            kind="user",
            name=self.name,
            user_id=self.id,
            contractor_id=self.contractor_id,
            roles=frozenset(self.roles),
        )


def by_clerk_id(connection: Connection, clerk_id: str) -> User | None:
    """Return the active person with this Clerk id (`user_...`); None for a stranger and for one who was deactivated."""
    return _user(queries("users").find_active_user_by_clerk_id(connection, clerk_id=clerk_id))


def by_id(connection: Connection, user_id: UUID) -> User | None:
    """Return the active person with this id; None for a stranger and for one who was deactivated."""
    return _user(queries("users").find_active_user(connection, id=user_id))


def _user(row: Mapping[str, Any] | None) -> User | None:
    return None if row is None else User(row["id"], row["name"], tuple(row["roles"]), row["contractor_id"])
