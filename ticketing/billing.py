"""Billing: who pays for the work that was closed in a period, by contractor (domain page, "Guarantee and billing").

A ticket belongs to the local day on which it was closed. What is billed is its classification; the page knows no
amounts, so tickets are counted.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from runtime.clock import BUSINESS_ZONE
from sql.database import Connection, queries
from ticketing.days import local_day, start_of_day
from ticketing.exports.columns import Column, local, utc
from ticketing.exports.reports import AT_ONCE, Reader, Report, Rows, Sheet
from ticketing.faults.rules import Period
from ticketing.paging import fetch_planned
from ticketing.people import Actor, find_project
from ticketing.ticket_views import load_sight
from ticketing.vocabulary import BillingClassification

MOST_GROUPS: Final = 1_000
CLASSES: Final = tuple(classification.value for classification in BillingClassification)
COUNTS: Final = ("tickets", "billable", "not_billable", *CLASSES)
_SHOWN: Final = ("contractor_id", "contractor_name", "period", *COUNTS)
ALL_TIME: Final = datetime.fromisoformat("1990-01-01T00:00:00+00:00")
_NOTHING = UUID(int=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class BillingRequest:
    """Which closed tickets are counted, and how; None filters nothing.

    The range includes its beginning and excludes its end; with `period` each is counted apart. `project_id` is an id or
    a code, and finds nothing where it points at nothing.
    """

    closed_from: datetime | None = None
    closed_before: datetime | None = None
    project_id: str | None = None
    contractor_id: UUID | None = None
    period: Period | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """Counts by contractor (None: nobody's), and by period if asked; `totals` are of all groups, also those cut off."""

    rows: list[dict[str, Any]]
    totals: dict[str, int]
    is_cut: bool


def this_month(now: datetime) -> datetime:
    """Return the moment at which the present local month began."""
    return start_of_day(local_day(now).replace(day=1))


def summarise(connection: Connection, actor: Actor, wanted: BillingRequest) -> Summary:
    """Count the closed tickets that the actor may see: the oldest period first, then by contractor's name.

    At most MOST_GROUPS groups are shown: as many as a screen can bear.
    """
    rows = _count(connection, actor, wanted, most=MOST_GROUPS + 1)
    shown = [{name: row[name] for name in _SHOWN} for row in rows[:MOST_GROUPS]]
    return Summary(rows=shown, totals=_totals(rows), is_cut=len(rows) > MOST_GROUPS)


def _count(connection: Connection, actor: Actor, wanted: BillingRequest, most: int | None) -> list[dict[str, Any]]:
    parameters = _parameters(connection, actor, wanted)
    parameters |= {"period": wanted.period, "zone": BUSINESS_ZONE.key, "most": most}
    return fetch_planned(connection, queries("billing").summarise_billing, **parameters)


def _totals(rows: list[dict[str, Any]]) -> dict[str, int]:
    """Return what all groups sum up to: each row tells it."""
    return {name: rows[0][f"all_{name}"] if rows else 0 for name in COUNTS}


SUMMARY_COLUMNS: Final = (
    Column("Period begins", "period"),
    Column("Contractor", "contractor_name"),
    Column("Tickets", "tickets"),
    Column("Billable", "billable"),
    Column("Not billable", "not_billable"),
    *(Column(name.replace("_", " ").capitalize(), name) for name in CLASSES),
)

TICKET_COLUMNS: Final = (
    Column("Ticket", "ticket_uid"),
    Column("Reference", "external_id"),
    Column("Title", "title"),
    Column("Type", "ticket_type"),
    Column("DR number", "dr_number"),
    Column("Project", "project_code"),
    Column("Contractor", "contractor_name"),
    Column("Fault cause", "fault_cause"),
    Column("Fault details", "fault_cause_details"),
    Column("Installed on", "installed_on"),
    Column("Guarantee", "guarantee_status"),
    local("Guarantee ends", "guarantee_expires_at"),
    Column("Billing", "billing_classification"),
    Column("Billable", "is_billable"),
    Column("Decided by", "overridden_by_name"),
    Column("Decided because", "override_reason"),
    local("Closed", "closed_at"),
    utc("Closed", "closed_at"),
)


def _read_summary(reader: Reader, wanted: BillingRequest) -> Rows:
    """Yield all groups and their sum, in one batch: nothing in a file could tell that groups are missing."""
    with reader.connect() as connection:
        rows = _count(connection, reader.actor, wanted, most=None)
    nobody = [{**row, "contractor_name": row["contractor_name"] or "(no contractor)"} for row in rows]
    yield [*nobody, {"contractor_name": "Total", **_totals(rows)}]


def _read_tickets(reader: Reader, wanted: BillingRequest) -> Rows:
    with reader.connect() as connection:
        fixed = _parameters(connection, reader.actor, wanted)
    after: dict[str, Any] = {"after_at": None, "after_id": None}
    while True:
        with reader.connect() as connection:
            rows = fetch_planned(connection, queries("billing").list_billed, **fixed, **after, row_limit=AT_ONCE)
        yield rows
        if len(rows) < AT_ONCE:
            return
        after = {"after_at": rows[-1]["closed_at"], "after_id": rows[-1]["id"]}


def _sheets(reader: Reader, wanted: BillingRequest) -> list[Sheet]:
    return [
        Sheet("Summary", SUMMARY_COLUMNS, _read_summary(reader, wanted)),
        Sheet("Tickets", TICKET_COLUMNS, _read_tickets(reader, wanted)),
    ]


BILLING: Final = Report("billing", BillingRequest, _sheets, roles=("manager", "operator", "viewer", "contractor"))


def _parameters(connection: Connection, actor: Actor, wanted: BillingRequest) -> dict[str, Any]:
    project = (find_project(connection, wanted.project_id) or _NOTHING) if wanted.project_id else None
    return {
        "closed_from": wanted.closed_from or ALL_TIME,
        "closed_before": wanted.closed_before,
        "project": project,
        "contractor": wanted.contractor_id,
        **load_sight(connection, actor).parameters(),
    }
