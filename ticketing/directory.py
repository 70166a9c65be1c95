"""Whom and what a ticket may be given to, as lists to pick from by name: people, companies, projects.

Teams have a concept of their own (`ticketing.teams`). Contacts are not shown here: names are enough to pick by.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from pydantic import BaseModel

from sql.database import Connection, queries
from ticketing.errors import Duplicate, Forbidden, InvalidInput, NotFound
from ticketing.events import UnitOfWork
from ticketing.name_paging import NamePage, NamePageRequest, containing, name_page
from ticketing.paging import fetch_planned
from ticketing.people import ROLES, Role


class UserView(BaseModel):
    """A person on the wire; `role` is the one of `roles` that may most."""

    id: UUID
    name: str
    email: str | None
    role: Role | None
    department: str | None
    roles: list[Role]
    contractor_id: UUID | None


class ContractorView(BaseModel):
    """A company on the wire."""

    id: UUID
    name: str
    code: str | None
    is_active: bool


class NameView(BaseModel):
    """What a person, company, team or project is called."""

    id: UUID
    name: str


class ProjectView(BaseModel):
    """A project on the wire."""

    id: UUID
    name: str
    code: str
    region: str | None
    is_active: bool


def list_users(
    connection: Connection, request: NamePageRequest, *, search: str | None = None, role: Role | None = None
) -> NamePage:
    """Return active people in the shape of UserView, by name; `search` is anywhere in name or e-mail address.

    Raises InvalidInput for a cursor that is none.
    """
    rows = _rows(connection, "list_users", request, search=containing(search), role=role)
    return name_page([{**row, "role": _main_role(row["roles"])} for row in rows], request)


def list_contractors(
    connection: Connection, request: NamePageRequest, *, search: str | None = None, is_active: bool | None = True
) -> NamePage:
    """Return companies in the shape of ContractorView, by name; `search` is anywhere in name or code.

    Raises InvalidInput for a cursor that is none.
    """
    rows = _rows(connection, "list_contractors", request, search=containing(search), is_active=is_active)
    return name_page(rows, request)


def list_projects(
    connection: Connection, request: NamePageRequest, *, search: str | None = None, is_active: bool | None = True
) -> NamePage:
    """Return projects in the shape of ProjectView, by name; `search` is anywhere in name or code.

    Raises InvalidInput for a cursor that is none.
    """
    rows = _rows(connection, "list_projects", request, search=containing(search), is_active=is_active)
    return name_page(rows, request)


def names_of(connection: Connection, ids: Iterable[UUID]) -> dict[UUID, str]:
    """Return what the people, companies, teams and projects with these ids are called; unknown ids are left out."""
    wanted = list(set(ids))
    rows = queries("directory").list_names(connection, ids=wanted) if wanted else ()
    return {row["id"]: row["name"] for row in rows}


def find_contractor(connection: Connection, text: str) -> UUID:
    """Return the active company with this id, code or name, in any case. Raises NotFound."""
    found: UUID | None = queries("directory").find_contractor(connection, text=text.strip())
    if found is None:
        named = text.strip()
        raise NotFound(f"No active company has the id, code or name {named!r}; `fibreflow people companies` lists them")
    return found


def add_contractor(work: UnitOfWork, name: str, code: str | None = None) -> dict[str, Any]:
    """Make a company and return its id, name and code. Raises Forbidden, InvalidInput for a blank name, Duplicate."""
    if not work.actor.has_role("manager"):
        raise Forbidden("Your role may not add companies")
    if not name.strip():
        raise InvalidInput("name: must not be blank", details={"name": "must not be blank"})
    made: dict[str, Any] | None = queries("directory").insert_contractor(
        work.connection, name=name.strip(), code=(code or "").strip() or None, now=work.now
    )
    if made is None:
        raise Duplicate(f"A company with the name {name.strip()!r} or that code is there already")
    return made


def _rows(connection: Connection, query: str, request: NamePageRequest, **narrowing: Any) -> list[dict[str, Any]]:
    return fetch_planned(connection, getattr(queries("directory"), query), **narrowing, **request.parameters())


def _main_role(roles: list[Role]) -> Role | None:
    return min(roles, key=ROLES.index, default=None)
