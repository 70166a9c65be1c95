"""Billing: who pays for the work that was closed in a period, by contractor."""

from __future__ import annotations

from datetime import date
from typing import Annotated
from uuid import UUID

from flask import Response
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from admin_api import exports
from admin_api.auth import requires
from admin_api.blueprints import blueprint
from admin_api.context import actor, now, platform
from admin_api.requests import with_plus
from admin_api.responses import Success, success
from ticketing import billing
from ticketing.billing import BILLING, BillingRequest, this_month
from ticketing.faults.rules import Period, first_moment, moment_after, parse_period

api = blueprint("billing")

_Moment = Annotated[str, BeforeValidator(with_plus)]
_Unset = BeforeValidator(lambda value: None if value == "" else value)


class BillingQuery(BaseModel):
    """Which closed tickets are counted, and how."""

    model_config = ConfigDict(extra="ignore")

    start_date: _Moment = Field(
        default="", description="A local day, or a time with a zone; of the closing. The present month if not given"
    )
    end_date: _Moment = Field(default="", description="As `start_date`; included")
    project_id: str = Field(default="", description="A project's id or code")
    contractor_id: Annotated[UUID | None, _Unset] = None
    period: str = Field(default="", description=f"{', '.join(Period)}: counts each period apart")

    def request(self) -> BillingRequest:
        """Return what is asked for. Raises InvalidInput naming the first thing that is not acceptable."""
        return BillingRequest(
            closed_from=first_moment(self.start_date, "start_date") if self.start_date else this_month(now()),
            closed_before=moment_after(self.end_date, "end_date") if self.end_date else None,
            project_id=self.project_id or None,
            contractor_id=self.contractor_id,
            period=parse_period(self.period) if self.period else None,
        )


class BillingCounts(BaseModel):
    """How many tickets, and who pays for them."""

    tickets: int
    billable: int
    not_billable: int
    contractor_under_guarantee: int
    client_out_of_guarantee: int
    client_damage: int
    third_party_damage: int
    warranty_claim: int
    free_of_charge: int
    pending_classification: int


class BillingRow(BillingCounts):
    """The counts of one contractor (null: of nobody), in one period if they were asked for."""

    contractor_id: UUID | None
    contractor_name: str | None
    period: date | None = Field(description="The local day on which the period begins")


class BillingSummary(BaseModel):
    """Counts by contractor, and their sums."""

    contractors: list[BillingRow]
    totals: BillingCounts


class BillingAnswer(Success):
    """The summary; `meta.is_cut` tells that there are more groups than are shown."""

    data: BillingSummary


@api.get("/billing/summary", responses={200: BillingAnswer})
@requires(*BILLING.roles)
def summarise_billing(query: BillingQuery) -> Response:
    """Count the tickets that were closed in a period, by contractor and by who pays."""
    wanted = query.request()
    with platform().read() as connection:
        found = billing.summarise(connection, actor(), wanted)
    meta = {"closed_from": wanted.closed_from, "closed_before": wanted.closed_before, "is_cut": found.is_cut}
    return success({"contractors": found.rows, "totals": found.totals}, meta=meta)


@api.get("/billing/summary.<file_format>", responses={200: None})
@requires(*BILLING.roles)
def export_billing(file_format: str, query: BillingQuery) -> Response:
    """Return the summary as .xlsx, with a second sheet of its tickets, or as .csv without them."""
    return exports.answer(BILLING, file_format, query.request())
