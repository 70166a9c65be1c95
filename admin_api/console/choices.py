"""Whom and what to choose from in forms: people, companies, teams and projects, by name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask import request

from admin_api.context import actor
from sql.database import Connection
from ticketing import directory
from ticketing.name_paging import NamePage, NamePageRequest
from ticketing.teams.views import TeamFilter, list_teams
from ticketing.ticket_access import sees_every_ticket

Options = list[tuple[str, str]]

FIND = "find"
"""The name in a page's query of the text that narrows the names to choose from, where there are too many."""


@dataclass(frozen=True, slots=True)
class Choices:
    """What the selects of forms offer: (id, name) pairs. `is_cut`: there are more; `find` is what narrows them now."""

    people: Options
    companies: Options
    teams: Options
    projects: Options
    is_cut: bool
    find: str


def load_choices(connection: Connection, *, projects_too: bool = True) -> Choices:
    """Read what whoever is signed in may choose from, each list by name and as long as a list may be.

    Who works on site chooses no people or companies. `find` of the address narrows what would be too long.
    """
    find = request.args.get(FIND, "").strip()[:200] or None
    wanted, inside = NamePageRequest(), sees_every_ticket(actor())
    none = NamePage([], None)
    people = directory.list_users(connection, wanted, search=find) if inside else none
    companies = directory.list_contractors(connection, wanted, search=find) if inside else none
    teams = list_teams(connection, actor(), TeamFilter(is_active=True, search=find), wanted)
    projects = directory.list_projects(connection, wanted) if projects_too else none
    return Choices(
        people=_options(people),
        companies=_options(companies),
        teams=_options(teams),
        projects=_options(projects),
        is_cut=any(page.next_cursor for page in (people, companies, teams)),
        find=find or "",
    )


def with_present(options: Options, present: Any, name: str | None) -> Options:
    """Return the options with the present choice among them, which a long or narrowed list may lack."""
    if present is None or any(value == str(present) for value, _ in options):
        return options
    return [(str(present), name or str(present)), *options]


def _options(page: NamePage) -> Options:
    return [(str(row["id"]), row["name"]) for row in page.rows]
