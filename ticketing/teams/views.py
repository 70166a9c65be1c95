"""Teams as the API shows them. Reads only.

Who sees every ticket sees every team; who works on site sees the teams that he or the company has a part in. Members,
with their telephone numbers, are for the former.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel

from sql.database import Connection, queries
from ticketing.errors import Forbidden, NotFound
from ticketing.name_paging import NamePage, NamePageRequest, containing, name_page
from ticketing.paging import fetch_planned
from ticketing.people import Actor, team_ids_of
from ticketing.ticket_access import sees_every_ticket

_NOTHING = UUID(int=0)


class LeadUser(BaseModel):
    """The person who leads a team."""

    id: UUID
    name: str
    email: str | None


class TeamView(BaseModel):
    """A team on the wire."""

    id: UUID
    name: str
    description: str | None
    team_type: str
    lead_user_id: UUID | None
    contractor_id: UUID | None
    is_active: bool
    created_at: datetime
    updated_at: datetime
    lead_user: LeadUser | None
    member_count: int


class MemberView(BaseModel):
    """A member of a team on the wire."""

    id: UUID
    team_id: UUID
    user_id: UUID | None
    contractor_id: UUID | None
    first_name: str
    last_name: str
    email: str | None
    phone: str | None
    role: str | None
    skill_level: str | None
    is_active: bool
    is_team_lead: bool
    created_at: datetime
    updated_at: datetime


class TeamChoice(BaseModel):
    """A team to pick out of a list."""

    id: UUID
    name: str
    type: Literal["internal", "contractor"]
    team_type: str
    member_count: int
    lead_name: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TeamFilter:
    """Which teams a list shows; None filters nothing. A company that is no id finds nothing."""

    team_type: str | None = None
    contractor_id: str | None = None
    is_active: bool | None = None
    search: str | None = None


def list_teams(connection: Connection, actor: Actor, wanted: TeamFilter, request: NamePageRequest) -> NamePage:
    """Return the teams that the actor sees, in the shape of TeamView, by name. Raises InvalidInput for a bad cursor."""
    narrowing = {
        "team_type": wanted.team_type or None,
        "contractor_id": _reference(wanted.contractor_id),
        "is_active": wanted.is_active,
        "search": containing(wanted.search),
    }
    return name_page(_rows(connection, actor, **narrowing, **request.parameters()), request)


def as_choice(team: dict[str, Any]) -> dict[str, Any]:
    """Return a team in the shape of TeamChoice."""
    lead = team["lead_user"]
    return {
        **{name: team[name] for name in ("id", "name", "team_type", "member_count")},
        "type": "contractor" if team["contractor_id"] else "internal",
        "lead_name": lead["name"] if lead else None,
    }


def get_team(connection: Connection, actor: Actor, team_id: UUID) -> dict[str, Any]:
    """Return a team that the actor sees, in the shape of TeamView. Raises NotFound."""
    rows = _rows(connection, actor, team_id=team_id)
    if not rows:
        raise no_such_team(team_id)
    return {name: rows[0][name] for name in TeamView.model_fields}


def list_members(connection: Connection, actor: Actor, team_id: UUID) -> list[dict[str, Any]]:
    """Return the active members of a team in the shape of MemberView, its lead first. Raises Forbidden, NotFound."""
    if not sees_every_ticket(actor):
        raise Forbidden("Your role does not see the members of teams")
    get_team(connection, actor, team_id)
    return list(queries("teams").list_members(connection, team_id=team_id))


def no_such_team(team_id: UUID) -> NotFound:
    """Return the error for a team that does not exist, or not for the one who asks."""
    return NotFound(f"Team {team_id} not found", details={"team_id": str(team_id)})


def _rows(connection: Connection, actor: Actor, **narrowing: Any) -> list[dict[str, Any]]:
    unset = dict.fromkeys(("team_id", "team_type", "contractor_id", "is_active", "search", "after_name", "after_id"))
    everything = sees_every_ticket(actor)
    sight = {"see_all": everything, "see_teams": [] if everything else team_ids_of(connection, actor)}
    return fetch_planned(connection, queries("teams").list_teams, **unset | {"row_limit": 1} | sight | narrowing)


def _reference(text: str | None) -> UUID | None:
    if not text:
        return None
    try:
        return UUID(text)
    except ValueError:
        return _NOTHING
