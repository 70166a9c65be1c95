"""Who acts: roles, the actor of every unit of work, and the people, companies and teams that requests name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

from sql.database import Connection, queries
from ticketing.errors import Forbidden, InvalidInput

Role = Literal["admin", "manager", "operator", "qa", "technician", "contractor", "viewer"]
ROLES: tuple[Role, ...] = ("admin", "manager", "operator", "qa", "technician", "contractor", "viewer")

ActorKind = Literal["user", "api_key", "job", "schedule", "system"]


@dataclass(frozen=True, slots=True)
class Actor:
    """Who does something: a person, a program with an API key, a job, a schedule or the system itself.

    `user_id` is set for people, and for an API key that acts as a person; `contractor_id` limits a contractor's sight
    to the company's tickets.
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

# Which kind of thing a field of a ticket points at, and what to say when it points at nothing.
_REFERENCES = {
    "assigned_contractor_id": "contractor_id",
    "contractor_id": "contractor_id",
    "assigned_team_id": "team_id",
    "project_id": "project",
}
_MISSING = {
    "user_id": "no active user has this id",
    "contractor_id": "no active contractor has this id",
    "team_id": "no active team has this id",
    "project": "no project has this id or code",
}


@dataclass(frozen=True, slots=True)
class ActingUser:
    """As whom something is done: `user_id` for the record; `on_behalf` if an admin does it for that user."""

    user_id: UUID | None
    on_behalf: bool = False

    def details(self) -> dict[str, str]:
        """Return what an event's details tell of it: nothing, or for whom an admin acted."""
        return {"on_behalf_of": str(self.user_id)} if self.on_behalf else {}


def acting_user(connection: Connection, actor: Actor, claimed: str | None, field: str) -> ActingUser:
    """Return who is recorded as having done something, where a request may name the person itself (`created_by` ...).

    Nobody but an admin may name somebody else. Raises Forbidden for that, and InvalidInput naming `field` where an
    admin names somebody who does not exist.
    """
    if claimed is None or _as_uuid(claimed) == actor.user_id is not None:
        return ActingUser(actor.user_id)
    if not actor.has_role("admin"):
        raise Forbidden(f"{field} must be you: only an admin acts for somebody else", details={"fields": [field]})
    found = resolve_references(connection, {field: claimed}, users=(field,))
    return ActingUser(found[field], on_behalf=True)


def resolve_references(
    connection: Connection, given: Mapping[str, str | None], users: Sequence[str] = ("assigned_to",)
) -> dict[str, UUID | None]:
    """Return the ids behind references as a client writes them, with one look-up for all.

    `given` may hold the fields of `users`, one of a company, `assigned_team_id` and `project_id` (an id or a
    code, any case); None stays None. Raises InvalidInput naming every field that points at nothing.
    """
    kinds = dict.fromkeys(users, "user_id") | _REFERENCES
    wanted = {kinds[field]: text for field, text in given.items() if text is not None}
    if not wanted:
        return dict.fromkeys(given)
    found = _find_references(connection, wanted)
    ids = {field: None if text is None else found[kinds[field]] for field, text in given.items()}
    unknown = {
        field: _MISSING[kinds[field]] for field, text in given.items() if text is not None and ids[field] is None
    }
    if unknown:
        raise InvalidInput("; ".join(f"{field}: {problem}" for field, problem in unknown.items()), details=unknown)
    return ids


def find_project(connection: Connection, text: str) -> UUID | None:
    """Return the project with this id or code (any case); None if there is none."""
    found = _find_references(connection, {"project": text})
    project_id: UUID | None = found["project"]
    return project_id


def team_ids_of(connection: Connection, actor: Actor) -> list[UUID]:
    """Return the active teams that the actor is in or leads, and, for a contractor, those of the company."""
    contractor_id = actor.contractor_id if actor.has_role("contractor") else None
    rows = queries("people").list_team_ids_of(connection, user_id=actor.user_id, contractor_id=contractor_id)
    return [row["id"] for row in rows]


def _find_references(connection: Connection, wanted: Mapping[str, str]) -> Mapping[str, Any]:
    project = wanted.get("project")
    found: Mapping[str, Any] = queries("people").find_references(
        connection,
        user_id=_as_uuid(wanted.get("user_id")),
        contractor_id=_as_uuid(wanted.get("contractor_id")),
        team_id=_as_uuid(wanted.get("team_id")),
        project_id=_as_uuid(project),
        project_code=project,
    )
    return found


def _as_uuid(text: str | None) -> UUID | None:
    try:
        return UUID(text) if text else None
    except ValueError:
        return None
