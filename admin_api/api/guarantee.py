"""Guarantee: of a ticket, the installation of drops, and the periods of each project."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

from flask import Response
from pydantic import BaseModel, ConfigDict, Field

from admin_api.auth import requires
from admin_api.blueprints import blueprint
from admin_api.context import actor, platform, unit_of_work
from admin_api.idempotency import idempotent
from admin_api.project_settings import DEFAULT, project_or_default
from admin_api.requests import parse_uuid
from admin_api.responses import Failure, Success, success
from admin_api.versions import expected_versions, with_version
from jobs import operations
from jobs.work import Work
from ticketing.errors import NotFound
from ticketing.guarantee import service
from ticketing.guarantee.requests import GuaranteeChanges, Installations, PeriodsChange, PeriodsView
from ticketing.people import Role
from ticketing.vocabulary import BillingClassification, FaultCause, GuaranteeStatus

api = blueprint("guarantee")

MAY_DECIDE: tuple[Role, ...] = ("manager",)


class PeriodsInForce(BaseModel):
    """The periods that a ticket is judged by."""

    installation_days: int
    material_days: int
    contractor_liable_during_guarantee: bool
    auto_classify_out_of_guarantee: bool


class Override(BaseModel):
    """Who decided otherwise than the rules, and why."""

    reason: str
    by: UUID | None
    by_name: str
    at: datetime


class GuaranteeView(BaseModel):
    """A ticket's guarantee with what it depends on."""

    ticket_id: UUID
    ticket_uid: str
    project_id: UUID | None
    dr_number: str | None
    fault_cause: FaultCause | None
    installation_date: date | None = Field(description="The ticket's own; goes before the drop's")
    drop_installed_on: date | None
    installed_on: date | None = Field(description="The day that counts")
    guarantee_status: GuaranteeStatus | None
    guarantee_expires_at: datetime | None = Field(description="The first moment that is not covered")
    is_billable: bool | None
    billing_classification: BillingClassification | None
    updated_at: datetime
    override: Override | None
    periods: PeriodsInForce


class GuaranteeAnswer(Success):
    """The guarantee of one ticket."""

    data: GuaranteeView


class PeriodsAnswer(Success):
    """Guarantee periods: the default first."""

    data: list[PeriodsView]


class InstalledDrop(BaseModel):
    """A drop for which the day was news."""

    dr_number: str
    installed_on: date | None
    before: date | None


class Installed(BaseModel):
    """What noting installations changed."""

    drops: list[InstalledDrop]
    tickets_reclassified: int


class InstallationsAnswer(Success):
    """What noting installations changed."""

    data: Installed


class ReasonQuery(BaseModel):
    """Why somebody does it; kept in the audit."""

    model_config = ConfigDict(extra="ignore")

    reason: str | None = Field(default=None, max_length=500)


@api.get("/tickets/<ticket_id>/guarantee", responses={200: GuaranteeAnswer, 404: Failure})
@requires.signed_in()
def show_guarantee(ticket_id: str) -> Response:
    """Show a ticket's guarantee, what it depends on, and who decided otherwise, if anybody did."""
    wanted = parse_uuid(ticket_id, "Invalid ticket ID")
    with platform().read() as connection:
        return success(service.show(connection, actor(), wanted))


@api.put("/tickets/<ticket_id>/guarantee", responses={200: GuaranteeAnswer, 404: Failure, 409: Failure})
@requires(*MAY_DECIDE)
def change_guarantee(ticket_id: str, body: GuaranteeChanges) -> Response:
    """Note the day of installation, decide otherwise than the rules (with a reason), or give it back to them."""
    wanted = parse_uuid(ticket_id, "Invalid ticket ID")
    with unit_of_work() as work:
        shown = service.change(work, wanted, body, expected=expected_versions())
    return with_version(success(shown, f"Guarantee of {shown['ticket_uid']} updated"), shown)


@api.post("/guarantee/installations", responses={200: InstallationsAnswer})
@requires("manager")
@idempotent
def note_installations(body: Installations) -> Response:
    """Note on which days drops were installed; the tickets on them are classified anew at once."""
    with unit_of_work() as work:
        noted = service.note_installations(work, body.installations)
        for drop in noted["drops"]:
            days = {"installed_on": drop["installed_on"], "before": drop["before"]}
            operations.audit(work, "drop_installed", ("drop", drop["dr_number"]), details=days)
    return success(noted, f"{len(noted['drops'])} drops noted")


@api.get("/guarantee/periods", responses={200: PeriodsAnswer})
@requires("manager", "operator", "qa", "viewer")
def list_periods() -> Response:
    """List the guarantee periods: the default, and those of each project that has its own."""
    with platform().read() as connection:
        return success(service.list_periods(connection))


@api.put("/guarantee/periods/<project_id>", responses={200: PeriodsAnswer, 404: Failure, 409: Failure})
@requires("manager")
def put_periods(project_id: str, body: PeriodsChange) -> Response:
    """Set the periods of a project (its id or code) or, as `default`, of every project without its own."""
    with unit_of_work() as work:
        project = project_or_default(work.connection, project_id)
        changed = service.put_periods(work, project, body)
        if changed["before"] != changed["after"]:
            _audit(work, "guarantee_periods_set", project, changed, body.reason)
        return success(service.list_periods(work.connection), "Guarantee periods updated")


@api.delete("/guarantee/periods/<project_id>", responses={200: PeriodsAnswer, 404: Failure})
@requires("manager")
def drop_periods(project_id: str, query: ReasonQuery) -> Response:
    """Take away a project's own periods: the default counts again."""
    with unit_of_work() as work:
        project = project_or_default(work.connection, project_id)
        if project is None:
            raise NotFound("The default periods can be changed, not taken away")
        before = service.drop_periods(work, project)
        _audit(work, "guarantee_periods_dropped", project, {"before": before, "after": None}, query.reason)
        return success(service.list_periods(work.connection), "The default periods count again")


def _audit(work: Work, action: str, project: UUID | None, changed: dict[str, Any], reason: str | None) -> None:
    operations.audit(work, action, ("guarantee_periods", project or DEFAULT), reason=reason, details=changed)
