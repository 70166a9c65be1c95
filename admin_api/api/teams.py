"""Teams and their members: list, make, change, take out of use."""

from __future__ import annotations

from typing import Annotated, Any

from flask import Response
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from admin_api.api.directory import Flag, ListMeta, NamesQuery
from admin_api.auth import requires
from admin_api.blueprints import blueprint
from admin_api.context import actor, platform, unit_of_work
from admin_api.idempotency import idempotent
from admin_api.requests import parse_uuid
from admin_api.responses import Failure, Success, success, success_without_data
from admin_api.versions import expected_versions, with_version
from jobs.operations import audit
from ticketing.errors import InvalidInput
from ticketing.teams import service, views
from ticketing.teams.requests import NewMember, NewTeam, TeamChanges
from ticketing.teams.views import MemberView, TeamChoice, TeamFilter, TeamView
from ticketing.ticket_access import SEES_EVERY_TICKET

api = blueprint("teams")

_True = BeforeValidator(lambda value: value == "true")


class TeamsQuery(NamesQuery):
    """Which teams to list; `dropdown=true` gives the active ones, short."""

    team_type: str | None = None
    contractor_id: str | None = None
    is_active: Annotated[bool | None, Flag] = None
    dropdown: Annotated[bool, _True] = False

    def filter(self) -> TeamFilter:
        """Return the filter, without the paging."""
        return TeamFilter(
            team_type=self.team_type,
            contractor_id=self.contractor_id,
            is_active=True if self.dropdown else self.is_active,
            search=self.search,
        )


class TeamQuery(BaseModel):
    """How much to tell of a team."""

    model_config = ConfigDict(extra="ignore")

    include_members: Annotated[bool, _True] = Field(default=False, description="`true` adds `members`")


class MemberQuery(BaseModel):
    """Whom it is about."""

    model_config = ConfigDict(extra="ignore")

    member_id: str | None = Field(default=None, alias="memberId", description="The member's id; needed")


class TeamWithMembers(TeamView):
    """A team; `members` where they were asked for."""

    members: list[MemberView] | None = None


class TeamAnswer(Success):
    """One team."""

    data: TeamWithMembers


class TeamList(Success):
    """Teams, by name; with `dropdown=true` in short."""

    data: list[TeamView | TeamChoice]
    meta: ListMeta


class MemberAnswer(Success):
    """One member of a team."""

    data: MemberView


class MemberList(Success):
    """The members of a team, its lead first; `meta.count` tells how many."""

    data: list[MemberView]


@api.get("/teams", responses={200: TeamList})
@requires.signed_in()
def list_teams(query: TeamsQuery) -> Response:
    """List the teams that you may see, by name."""
    with platform().read() as connection:
        page = views.list_teams(connection, actor(), query.filter(), query.request())
    rows = [views.as_choice(team) for team in page.rows] if query.dropdown else page.rows
    return success(rows, meta={"count": len(rows), "next_cursor": page.next_cursor})


@api.post("/teams", responses={201: TeamAnswer, 409: Failure})
@requires("manager")
@idempotent
def create(body: NewTeam) -> Response:
    """Make a team."""
    with unit_of_work() as work:
        team = service.create(work, body)
        audit(work, "team_create", ("team", team["id"]), details={"name": team["name"]})
    return with_version(success(team, "Team created", status=201), team)


@api.get("/teams/<team_id>", responses={200: TeamAnswer, 404: Failure})
@requires.signed_in()
def read(team_id: str, query: TeamQuery) -> Response:
    """Return a team; its ETag is the version to change it by."""
    wanted = _id(team_id)
    with platform().read() as connection:
        team = views.get_team(connection, actor(), wanted)
        more = {"members": views.list_members(connection, actor(), wanted)} if query.include_members else {}
    return with_version(success({**team, **more}), team)


@api.put("/teams/<team_id>", responses={200: TeamAnswer, 404: Failure, 409: Failure})
@requires("manager")
def update(team_id: str, body: TeamChanges) -> Response:
    """Change the fields that are given. With `If-Match` or `updated_at`, only if nobody changed the team since."""
    wanted = _id(team_id)
    with unit_of_work() as work:
        team = service.update(work, wanted, body, expected=expected_versions())
        audit(work, "team_update", ("team", wanted), details=body.given())
    return with_version(success(team, "Team updated"), team)


@api.delete("/teams/<team_id>", responses={200: TeamAnswer, 404: Failure})
@requires("manager")
def deactivate(team_id: str) -> Response:
    """Take a team out of use; the tickets that it has keep it."""
    wanted = _id(team_id)
    with unit_of_work() as work:
        team = service.deactivate(work, wanted)
        audit(work, "team_deactivate", ("team", wanted))
    return success(team, "Team deactivated")


@api.get("/teams/<team_id>/members", responses={200: MemberList, 404: Failure})
@requires(*SEES_EVERY_TICKET)
def list_members(team_id: str) -> Response:
    """List the members of a team, its lead first."""
    wanted = _id(team_id)
    with platform().read() as connection:
        members = views.list_members(connection, actor(), wanted)
    return success(members, meta={"count": len(members)})


@api.post("/teams/<team_id>/members", responses={201: MemberAnswer, 404: Failure, 409: Failure})
@requires("manager")
@idempotent
def add_member(team_id: str, body: NewMember) -> Response:
    """Let somebody join a team. A telephone number without a country is South African."""
    wanted = _id(team_id)
    with unit_of_work() as work:
        member = service.add_member(work, wanted, body)
        audit(work, "team_member_add", ("team", wanted), details={"member_id": member["id"]})
    return success(member, "Member added", status=201)


_WITHOUT_DATA: dict[Any, Any] = {200: Success, 404: Failure}


@api.delete("/teams/<team_id>/members", responses=_WITHOUT_DATA)
@requires("manager")
def remove_member(team_id: str, query: MemberQuery) -> Response:
    """Let somebody leave a team."""
    wanted = _id(team_id)
    if not query.member_id:
        raise InvalidInput("memberId is required", details={"memberId": "must name the member"})
    member_id = parse_uuid(query.member_id, "Invalid member ID")
    with unit_of_work() as work:
        service.remove_member(work, wanted, member_id)
        audit(work, "team_member_remove", ("team", wanted), details={"member_id": member_id})
    return success_without_data("Member removed")


def _id(text: str) -> Any:
    return parse_uuid(text, "Invalid team ID")
