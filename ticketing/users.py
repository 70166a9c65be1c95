"""The people of the system, as far as signing them in goes."""

from __future__ import annotations

from dataclasses import dataclass
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
    row = queries("users").find_active_user_by_clerk_id(connection, clerk_id=clerk_id)
    if row is None:
        return None
    return User(row["id"], row["name"], tuple(row["roles"]), row["contractor_id"])
