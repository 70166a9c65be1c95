"""Making and changing teams, and who is in them. Each takes the team first, then its members."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any
from uuid import UUID

import psycopg

from sql.database import queries
from ticketing.errors import ConditionNotMet, Duplicate, Forbidden, NotFound, StaleWrite
from ticketing.events import UnitOfWork
from ticketing.people import resolve_references
from ticketing.teams.requests import NewMember, NewTeam, TeamChanges
from ticketing.teams.views import get_team, list_members, no_such_team
from ticketing.ticket_changes import next_version, version

MOST_MEMBERS = 200
"""Of one team: its members are listed without pages."""

_REFERENCES = ("user_id", "lead_user_id", "contractor_id")
_FIELDS = ("name", "description", "team_type", "lead_user_id", "contractor_id", "is_active")


def create(work: UnitOfWork, new: NewTeam) -> dict[str, Any]:
    """Make a team and return it in the shape of TeamView.

    Raises Forbidden; InvalidInput naming the lead or the company that does not exist; Duplicate for a taken name.
    """
    _require_role(work)
    values = new.model_dump()
    values |= _resolved(work, values)
    team_id = queries("teams").insert_team(work.connection, **values, now=work.now)
    if team_id is None:
        raise _taken(new.name)
    return get_team(work.connection, work.actor, team_id)


def update(work: UnitOfWork, team_id: UUID, changes: TeamChanges, *, expected: Collection[str] = ()) -> dict[str, Any]:
    """Change a team and return it in the shape of TeamView. A request that changes nothing writes nothing.

    `expected` are the versions that the caller accepts; so is `changes.updated_at`. Raises Forbidden, NotFound,
    InvalidInput, Duplicate for a taken name, and StaleWrite if the team changed since.
    """
    _require_role(work)
    team = _lock(work, team_id)
    _require_version(team, {*expected} or ({version(changes.updated_at)} if changes.updated_at else set()))
    given = changes.given()
    given |= _resolved(work, given)
    _write(work, team, {field: value for field, value in given.items() if team[field] != value})
    return get_team(work.connection, work.actor, team_id)


def deactivate(work: UnitOfWork, team_id: UUID) -> dict[str, Any]:
    """Take a team out of use and return it in the shape of TeamView; its tickets keep it.

    Raises Forbidden, NotFound.
    """
    _require_role(work)
    team = _lock(work, team_id)
    _write(work, team, {"is_active": False} if team["is_active"] else {})
    return get_team(work.connection, work.actor, team_id)


def add_member(work: UnitOfWork, team_id: UUID, new: NewMember) -> dict[str, Any]:
    """Let somebody join a team and return the member in the shape of MemberView.

    Raises Forbidden, NotFound, InvalidInput, ConditionNotMet for a full team, and Duplicate where the person is in the
    team, or it has a lead and is given another.
    """
    _require_role(work)
    _lock(work, team_id)
    values = new.model_dump()
    values |= _resolved(work, values)
    if queries("teams").count_members(work.connection, team_id=team_id) >= MOST_MEMBERS:
        raise ConditionNotMet(f"The team has {MOST_MEMBERS} members already", details={"most": MOST_MEMBERS})
    member_id = queries("teams").insert_member(work.connection, team_id=team_id, **values, now=work.now)
    if member_id is None:
        raise Duplicate("This person is in the team already, or the team has another lead")
    members = list_members(work.connection, work.actor, team_id)
    return next(member for member in members if member["id"] == member_id)


def remove_member(work: UnitOfWork, team_id: UUID, member_id: UUID) -> None:
    """Let somebody leave a team. Raises Forbidden, and NotFound, also for the second of two."""
    _require_role(work)
    _lock(work, team_id)
    if queries("teams").remove_member(work.connection, team_id=team_id, member_id=member_id, now=work.now) is None:
        raise NotFound(f"Member {member_id} not found in this team", details={"member_id": str(member_id)})


def _require_role(work: UnitOfWork) -> None:
    if not work.actor.has_role("manager"):
        raise Forbidden("Your role may not change teams")


def _lock(work: UnitOfWork, team_id: UUID) -> dict[str, Any]:
    team: dict[str, Any] | None = queries("teams").lock_team(work.connection, team_id=team_id)
    if team is None:
        raise no_such_team(team_id)
    return team


def _resolved(work: UnitOfWork, values: dict[str, Any]) -> dict[str, Any]:
    """Return the references among the values as ids. Raises InvalidInput naming each that points at nothing."""
    named = {field: values[field] for field in _REFERENCES if field in values}
    people = tuple(field for field in named if field != "contractor_id")
    return resolve_references(work.connection, named, users=people)


def _write(work: UnitOfWork, team: dict[str, Any], changed: dict[str, Any]) -> None:
    if not changed:
        return
    row = {field: team[field] for field in _FIELDS} | changed
    try:
        with work.attempt():
            queries("teams").update_team(
                work.connection, team_id=team["id"], updated_at=next_version(team["updated_at"], work.now), **row
            )
    except psycopg.errors.UniqueViolation as error:
        raise _taken(row["name"]) from error


def _taken(name: str) -> Duplicate:
    return Duplicate(f"A team is called {name} already", details={"name": "is taken"})


def _require_version(team: dict[str, Any], expected: Collection[str]) -> None:
    present = version(team["updated_at"])
    if expected and present not in expected:
        raise StaleWrite(
            "The team changed after you read it: read it again, then decide",
            details={"expected": sorted(expected), "updated_at": present},
        )
