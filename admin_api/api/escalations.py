"""Escalations: list, investigate, resolve; look at a place for repeat faults; how many faults are too many."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from flask import Response
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from admin_api.auth import requires
from admin_api.blueprints import blueprint
from admin_api.context import now, platform, unit_of_work
from admin_api.idempotency import idempotent
from admin_api.project_settings import DEFAULT, project_or_default
from admin_api.requests import parse_uuid
from admin_api.responses import Failure, Success, success
from jobs import operations
from jobs.work import Work
from ticketing.errors import InvalidInput, NotFound
from ticketing.paging import DEFAULT_ROWS, MAX_ROWS, PageRequest
from ticketing.people import Role
from ticketing.repeat_faults import service, thresholds, views
from ticketing.repeat_faults.requests import (
    Faults,
    Investigation,
    Resolution,
    ThresholdsChange,
    ThresholdsView,
    WindowDays,
)
from ticketing.repeat_faults.rules import word_of, words_of
from ticketing.repeat_faults.views import (
    EscalationFilter,
    EscalationView,
    EscalationWithTickets,
    Look,
    PatternView,
    PositionView,
)
from ticketing.vocabulary import EscalationScope, EscalationStatus, EscalationType

api = blueprint("escalations")


# Faults of every company and every team come together in a place: for those who may see all of them.
SEES: tuple[Role, ...] = ("manager", "operator", "qa", "viewer")


_Unset = BeforeValidator(lambda value: None if value == "" else value)


class EscalationsQuery(BaseModel):
    """Which escalations to list."""

    model_config = ConfigDict(extra="ignore")

    scope_type: str = Field(default="", description=f"One or more of {', '.join(EscalationScope)}, with commas")
    status: str = Field(default="", description=f"One or more of {', '.join(EscalationStatus)}, with commas")
    project_id: str = Field(default="", description="A project's id or code")
    escalation_type: str = Field(default="", description=f"One of {', '.join(EscalationType)}")
    limit: Annotated[
        int,
        Field(ge=1, description=f"Rows, {DEFAULT_ROWS} if not given, {MAX_ROWS} at most"),
        BeforeValidator(lambda value: DEFAULT_ROWS if value == "" else value),
    ] = DEFAULT_ROWS
    cursor: str | None = Field(default=None, max_length=500, description="The `next_cursor` of an earlier answer")

    def filter(self) -> EscalationFilter:
        """Return the filter. Raises InvalidInput, with `details.valid_values`, for a word that is none."""
        kind = self.escalation_type
        return EscalationFilter(
            scopes=words_of(EscalationScope, self.scope_type, "scope_type") or None,
            statuses=words_of(EscalationStatus, self.status, "status") or None,
            project_id=self.project_id or None,
            escalation_type=word_of(EscalationType, kind, "escalation_type") if kind else None,
        )

    def request(self) -> PageRequest:
        """Return which part of the list is wanted."""
        return PageRequest(size=min(self.limit, MAX_ROWS), cursor=self.cursor or None)


class CheckQuery(BaseModel):
    """At which place to look."""

    model_config = ConfigDict(extra="ignore")

    scope_type: str = Field(default="", description=f"One of {', '.join(EscalationScope)}; required")
    scope_value: str = Field(default="", max_length=200, description="The pole, PON, zone or DR number; required")
    threshold: Annotated[Faults | None, _Unset] = Field(default=None, description="In place of what is set")
    time_window_days: Annotated[WindowDays | None, _Unset] = Field(default=None, description="In place of what is set")
    project_id: str = Field(default="", description="A project's id or code; PONs and zones count within it")

    def look(self) -> Look:
        """Return what to look at. Raises InvalidInput naming what is missing or unknown."""
        value = self.scope_value.strip()
        needed = {"scope_type": self.scope_type, "scope_value": value}
        missing = {name: f"{name} is required" for name, text in needed.items() if not text}
        if missing:
            raise InvalidInput("; ".join(missing.values()), details=missing)
        scope = word_of(EscalationScope, self.scope_type, "scope_type")
        return Look(
            scope=scope,
            value=value.upper() if scope is EscalationScope.DR else value,
            project_id=self.project_id or None,
            threshold=self.threshold,
            window_days=self.time_window_days,
        )


class PositionsQuery(BaseModel):
    """Which escalations to place."""

    model_config = ConfigDict(extra="ignore")

    id: list[UUID] = Field(min_length=1, max_length=MAX_ROWS, description="May be repeated")


class PositionsAnswer(Success):
    """Where escalations are, in no order; those of which nobody knows are left out."""

    data: list[PositionView]


class EscalationAnswer(Success):
    """One escalation."""

    data: EscalationView


class OneEscalation(Success):
    """One escalation with its faults."""

    data: EscalationWithTickets


class EscalationsAnswer(Success):
    """Escalations, newest first; `meta.count` tells how many there are (up to 10,000), `meta.next_cursor` goes on."""

    data: list[EscalationView]


class PatternAnswer(Success):
    """What a place looks like; `meta` tells which figures were set and which given."""

    data: PatternView


class ThresholdsAnswer(Success):
    """Thresholds: the default first."""

    data: list[ThresholdsView]


class ReasonQuery(BaseModel):
    """Why somebody does it; kept in the audit."""

    model_config = ConfigDict(extra="ignore")

    reason: str | None = Field(default=None, max_length=500)


@api.get("/escalations", responses={200: EscalationsAnswer})
@requires(*SEES)
def list_escalations(query: EscalationsQuery) -> Response:
    """List the escalations of repeat faults, newest first."""
    wanted, request = query.filter(), query.request()
    with platform().read() as connection:
        found = views.list_escalations(connection, wanted, request)
    return success(found.rows, meta={"count": found.total, "next_cursor": found.next_cursor})


@api.get("/escalations/positions", responses={200: PositionsAnswer})
@requires(*SEES)
def list_positions(query: PositionsQuery) -> Response:
    """Tell where escalations are, for a map: the middle of their faults."""
    with platform().read() as connection:
        return success(views.list_positions(connection, query.id))


@api.get("/escalations/<escalation_id>", responses={200: OneEscalation, 404: Failure})
@requires(*SEES)
def get_escalation(escalation_id: str) -> Response:
    """Show an escalation with its faults."""
    wanted = parse_uuid(escalation_id, "Invalid escalation ID format")
    with platform().read() as connection:
        return success(views.get_escalation(connection, wanted))


@api.post("/escalations/<escalation_id>/investigate", responses={200: EscalationAnswer, 404: Failure, 409: Failure})
@requires("manager")
@idempotent
def investigate(escalation_id: str, body: Investigation) -> Response:
    """Note that an open escalation is being looked into."""
    wanted = parse_uuid(escalation_id, "Invalid escalation ID format")
    with unit_of_work() as work:
        escalation = service.investigate(work, wanted, body)
    return success(escalation, "Escalation is being investigated")


@api.post("/escalations/<escalation_id>/resolve", responses={200: EscalationAnswer, 404: Failure, 409: Failure})
@requires("manager")
@idempotent
def resolve(escalation_id: str, body: Resolution) -> Response:
    """Resolve an escalation: from now on only faults that are reported later count on its place."""
    wanted = parse_uuid(escalation_id, "Invalid escalation ID format")
    with unit_of_work() as work:
        escalation = service.resolve(work, wanted, body)
    return success(escalation, "Escalation resolved successfully")


@api.get("/repeat-faults/check", responses={200: PatternAnswer})
@requires(*SEES)
def check(query: CheckQuery) -> Response:
    """Look at a place for repeat faults, without acting."""
    look = query.look()
    with platform().read() as connection:
        pattern, set_here = views.check(connection, now(), look)
    defaults = {name: set_here[name] for name in thresholds.FIELDS if name != "window_days"}
    meta = {
        "defaults_used": {"threshold": look.threshold is None, "time_window_days": look.window_days is None},
        "default_thresholds": defaults | {"time_window_days": set_here["window_days"]},
    }
    return success(pattern, meta=meta)


@api.get("/repeat-faults/settings", responses={200: ThresholdsAnswer})
@requires(*SEES)
def list_thresholds() -> Response:
    """List how many faults in how many days are too many: the default, and those of each project with its own."""
    with platform().read() as connection:
        return success(thresholds.list_thresholds(connection))


@api.put("/repeat-faults/settings/<project_id>", responses={200: ThresholdsAnswer, 404: Failure, 409: Failure})
@requires("admin")
def put_thresholds(project_id: str, body: ThresholdsChange) -> Response:
    """Set the thresholds of a project (its id or code) or, as `default`, of every project without its own."""
    with unit_of_work() as work:
        set_thresholds(work, project_id, body)
        return success(thresholds.list_thresholds(work.connection), "Thresholds updated")


@api.delete("/repeat-faults/settings/<project_id>", responses={200: ThresholdsAnswer, 404: Failure})
@requires("admin")
def drop_thresholds(project_id: str, query: ReasonQuery) -> Response:
    """Take away a project's own thresholds: the default counts again."""
    with unit_of_work() as work:
        take_thresholds_away(work, project_id, query.reason)
        return success(thresholds.list_thresholds(work.connection), "The default thresholds count again")


def set_thresholds(work: Work, project_id: str, change: ThresholdsChange) -> None:
    """Set thresholds of a project or, as `default`, of the others, and keep who did it. Raises NotFound, StaleWrite."""
    project = project_or_default(work.connection, project_id)
    changed = thresholds.put(work, project, change)
    if changed["before"] != changed["after"]:
        _audit(work, "repeat_fault_thresholds_set", project, changed, change.reason)


def take_thresholds_away(work: Work, project_id: str, reason: str | None) -> None:
    """Take a project's own thresholds away, and keep who did it. Raises NotFound."""
    project = project_or_default(work.connection, project_id)
    if project is None:
        raise NotFound("The default thresholds can be changed, not taken away")
    before = thresholds.drop(work, project)
    _audit(work, "repeat_fault_thresholds_dropped", project, {"before": before, "after": None}, reason)


def _audit(work: Work, action: str, project: UUID | None, changed: dict[str, Any], reason: str | None) -> None:
    operations.audit(work, action, ("repeat_fault_thresholds", project or DEFAULT), reason=reason, details=changed)
