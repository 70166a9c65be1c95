"""Lists to pick from by name: people, companies, projects."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from flask import Response
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from admin_api.auth import requires
from admin_api.blueprints import blueprint
from admin_api.context import platform
from admin_api.responses import Meta, Success, success
from ticketing import directory
from ticketing.directory import ContractorView, NameView, ProjectView, UserView
from ticketing.name_paging import NamePage, NamePageRequest
from ticketing.paging import MAX_ROWS
from ticketing.people import Role
from ticketing.ticket_access import SEES_EVERY_TICKET

api = blueprint("directory")

# The front end fills its lists to pick from with one request, and knows no cursor: nobody should be missing from them.
MOST_NAMES = 1_000


def _rows(value: Any) -> Any:
    """What is no number falls back to the most; more than that is cut."""
    text = str(value)
    return min(int(text), MOST_NAMES) if text.isdecimal() and len(text) < 10 and int(text) else MOST_NAMES


# As everywhere in the contract: `true` is true, whatever else is given is false.
Flag = BeforeValidator(lambda value: None if value in (None, "") else value == "true")


class NamesQuery(BaseModel):
    """Which names to list."""

    model_config = ConfigDict(extra="ignore")

    search: str | None = Field(default=None, max_length=200, description="Anywhere in it, in any case")
    limit: Annotated[int, BeforeValidator(_rows)] = Field(default=MOST_NAMES, description=f"Rows, {MOST_NAMES} at most")
    cursor: str | None = Field(default=None, max_length=1000, description="The `next_cursor` of an earlier answer")

    def request(self) -> NamePageRequest:
        """Return which part of the list is wanted."""
        return NamePageRequest(size=self.limit, cursor=self.cursor or None)


class UsersQuery(NamesQuery):
    """Which people to list."""

    role: Annotated[Role | None, BeforeValidator(lambda value: value or None)] = None


class ActiveQuery(NamesQuery):
    """Which companies or projects to list: the active ones if nothing else is said."""

    is_active: Annotated[bool | None, Flag] = True


class IdsQuery(BaseModel):
    """Whose names to tell."""

    model_config = ConfigDict(extra="ignore")

    id: list[UUID] = Field(min_length=1, max_length=MAX_ROWS, description="May be repeated")


class NameList(Success):
    """Names, in no order."""

    data: list[NameView]


class ListMeta(Meta):
    """How many rows the answer has, and the cursor to go on with."""

    count: int
    next_cursor: str | None


class UserList(Success):
    """People, by name."""

    data: list[UserView]
    meta: ListMeta


class ContractorList(Success):
    """Companies, by name."""

    data: list[ContractorView]
    meta: ListMeta


class ProjectList(Success):
    """Projects, by name."""

    data: list[ProjectView]
    meta: ListMeta


@api.get("/names", responses={200: NameList})
@requires.signed_in()
def list_names(query: IdsQuery) -> Response:
    """Tell what people, companies, teams and projects are called; ids that are not known are left out."""
    with platform().read() as connection:
        names = directory.names_of(connection, query.id)
    return success([{"id": found, "name": name} for found, name in names.items()])


@api.get("/users", responses={200: UserList})
@requires(*SEES_EVERY_TICKET)
def list_users(query: UsersQuery) -> Response:
    """List the active people by name, to assign a ticket to one."""
    with platform().read() as connection:
        return listed(directory.list_users(connection, query.request(), search=query.search, role=query.role))


@api.get("/contractors", responses={200: ContractorList})
@requires(*SEES_EVERY_TICKET)
def list_contractors(query: ActiveQuery) -> Response:
    """List companies by name, to assign a ticket to one."""
    with platform().read() as connection:
        return listed(
            directory.list_contractors(connection, query.request(), search=query.search, is_active=query.is_active)
        )


@api.get("/projects", responses={200: ProjectList})
@requires.signed_in()
def list_projects(query: ActiveQuery) -> Response:
    """List projects by name."""
    with platform().read() as connection:
        return listed(
            directory.list_projects(connection, query.request(), search=query.search, is_active=query.is_active)
        )


def listed(page: NamePage) -> Response:
    """Answer a page of a list by name, with `meta.count` and the cursor to go on."""
    return success(page.rows, meta={"count": len(page.rows), "next_cursor": page.next_cursor})
