"""Who acts: roles, and the actor that every unit of work carries."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal
from uuid import UUID

Role = Literal["admin", "manager", "operator", "qa", "technician", "contractor", "viewer"]
ROLES: tuple[Role, ...] = ("admin", "manager", "operator", "qa", "technician", "contractor", "viewer")

ActorKind = Literal["user", "api_key", "job", "schedule", "system"]


@dataclass(frozen=True, slots=True)
class Actor:
    """Who does something: a person, a program with an API key, a job, a schedule or the system itself.

    `user_id` is set for people, and for an API key that acts as a person; `contractor_id` limits a contractor's sight to
    the company's tickets.
    """

    kind: ActorKind
    name: str
    user_id: UUID | None = None
    contractor_id: UUID | None = None
    roles: frozenset[Role] = frozenset()

    def has_role(self, *roles: Role) -> bool:
        """Whether the actor holds one of the roles; an admin holds all."""
        return "admin" in self.roles or bool(self.roles & set(roles))


SYSTEM = Actor(kind="system", name="system", roles=frozenset({"admin"}))
