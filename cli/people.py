"""`fibreflow people`: who is there to give work to, with the ids that other commands and the API take."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

import typer

from cli.console import say, table
from cli.system import connected, operator
from sql.database import Connection
from ticketing import directory
from ticketing.name_paging import NamePage, NamePageRequest
from ticketing.teams import views as teams
from ticketing.teams.views import TeamFilter

app = typer.Typer(help="People, companies, teams and projects, with their ids.", no_args_is_help=True)

Search = Annotated[str | None, typer.Argument(help="Part of a name, code or address; without it, all")]


@app.command()
def companies(search: Search = None) -> None:
    """List the active companies; `keys create --company` takes an id, a code or a name of these."""
    rows = _all(lambda connection, request: directory.list_contractors(connection, request, search=search))
    table(
        ("name", "code", "id"),
        ((row["name"], row["code"], row["id"]) for row in rows),
        empty="there are no companies: fibreflow people add-company NAME",
    )


@app.command()
def users(search: Search = None) -> None:
    """List the active people."""
    rows = _all(lambda connection, request: directory.list_users(connection, request, search=search))
    table(
        ("name", "e-mail", "roles", "id"),
        ((row["name"], row["email"], row["roles"], row["id"]) for row in rows),
        empty="nobody is there",
    )


@app.command("teams")
def list_teams(search: Search = None) -> None:
    """List the active teams."""
    wanted = TeamFilter(is_active=True, search=search)
    rows = _all(lambda connection, request: teams.list_teams(connection, operator(), wanted, request))
    table(
        ("name", "type", "members", "id"),
        ((row["name"], row["team_type"], row["member_count"], row["id"]) for row in rows),
        empty="there are no teams",
    )


@app.command()
def projects(search: Search = None) -> None:
    """List the active projects."""
    rows = _all(lambda connection, request: directory.list_projects(connection, request, search=search))
    table(
        ("name", "code", "region", "id"),
        ((row["name"], row["code"], row["region"], row["id"]) for row in rows),
        empty="there are no projects",
    )


@app.command("add-company")
def add_company(
    name: Annotated[str, typer.Argument(help="What the company is called")],
    code: Annotated[str | None, typer.Option(help="A short name of its own")] = None,
) -> None:
    """Make a company, to assign work to and to make keys for."""
    with connected() as platform, platform.begin(operator()) as work:
        company = directory.add_contractor(work, name, code)
    say(f"{company['name']} is there now")
    table(("name", "code", "id"), [(company["name"], company["code"], company["id"])])


def _all(page_of: Callable[[Connection, NamePageRequest], NamePage]) -> list[dict[str, Any]]:
    """Return every row of a list, a page after the other."""
    rows: list[dict[str, Any]] = []
    with connected() as platform, platform.read() as connection:
        page = page_of(connection, NamePageRequest())
        rows += page.rows
        while page.next_cursor:
            page = page_of(connection, NamePageRequest(cursor=page.next_cursor))
            rows += page.rows
    return rows


def register(parent: typer.Typer) -> None:
    """Add these commands to the app."""
    parent.add_typer(app, name="people")
