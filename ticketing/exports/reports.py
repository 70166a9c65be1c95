"""What can be exported of the domain: each report's columns, its filter, and its rows batch by batch.

A batch is a statement or two of its own on a connection that is given back at once: an export of any length holds no
session, and no more than one batch in memory. Lists are read in their own order, by keyset, so each row comes once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sql.database import Connection, queries
from ticketing.errors import Forbidden
from ticketing.exports.columns import Column, local, utc
from ticketing.faults.trends import TrendRequest, count_faults
from ticketing.paging import PageRequest, fetch_planned
from ticketing.people import ROLES, Actor, Role, find_project
from ticketing.risks.views import RiskFilter, RiskListRequest, list_risks
from ticketing.ticket_views import TicketFilter, list_tickets, load_sight

AT_ONCE = 2_000
_NOTHING = UUID(int=0)

Rows = Iterator[list[dict[str, Any]]]


@dataclass(frozen=True, slots=True)
class Reader:
    """Who reads, when, and how a connection is come by."""

    connect: Callable[[], AbstractContextManager[Connection]]
    actor: Actor
    now: datetime


@dataclass(frozen=True, slots=True)
class Sheet:
    """A table of an export: its name, its columns and its rows in batches, read once."""

    title: str
    columns: Sequence[Column]
    batches: Rows


@dataclass(frozen=True, slots=True)
class Report:
    """Something that can be exported. `filter_type` is a frozen dataclass; `sheets` reads what passes such a filter.

    A CSV file holds the first sheet.
    """

    name: str
    filter_type: type[Any]
    sheets: Callable[[Reader, Any], list[Sheet]]
    roles: tuple[Role, ...] = ROLES

    def require_reader(self, actor: Actor) -> None:
        """Raise Forbidden unless one of the actor's roles may read the report."""
        if not actor.has_role(*self.roles):
            raise Forbidden(f"Your role may not export {self.name}", details={"needs": sorted(self.roles)})


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadinessFilter:
    """Which runs of the readiness check; None filters nothing. The range excludes its end."""

    passed: bool | None = None
    project_id: str | None = None
    checked_from: datetime | None = None
    checked_before: datetime | None = None


TICKET_COLUMNS: Final = (
    Column("Ticket", "ticket_uid"),
    Column("Status", "status"),
    Column("Priority", "priority"),
    Column("Type", "ticket_type"),
    Column("Source", "source"),
    Column("Reference", "external_id"),
    Column("Title", "title"),
    Column("Description", "description"),
    Column("Client", "client_name"),
    Column("Client contact", "client_contact"),
    Column("Client email", "client_email"),
    Column("DR number", "dr_number"),
    Column("Pole", "pole_number"),
    Column("PON", "pon_number"),
    Column("Zone", "zone_id"),
    Column("Project", "project_code"),
    Column("Project name", "project_name"),
    Column("Address", "address"),
    Column("Latitude", "gps_coordinates.latitude"),
    Column("Longitude", "gps_coordinates.longitude"),
    Column("ONT serial", "ont_serial"),
    Column("ONT model", "ont_model"),
    Column("ONT RX (dBm)", "ont_rx_level"),
    Column("Assigned to", "assigned_user.name"),
    Column("Contractor", "contractor_name"),
    Column("Team", "team_name"),
    Column("Fault cause", "fault_cause"),
    Column("Fault details", "fault_cause_details"),
    Column("Installed on", "installed_on"),
    Column("Guarantee", "guarantee_status"),
    local("Guarantee ends", "guarantee_expires_at"),
    Column("Billing", "billing_classification"),
    Column("Billable", "is_billable"),
    Column("Ready for QA", "qa_ready"),
    local("Readiness checked", "qa_readiness_check_at"),
    Column("Not ready because", "qa_readiness_failed_reasons"),
    Column("Rectifications", "rectification_count"),
    local("SLA due", "sla_due_at"),
    local("First response", "sla_first_response_at"),
    Column("SLA breached", "sla_breached"),
    local("Reported", "reported_at"),
    local("Created", "created_at"),
    utc("Created", "created_at"),
    local("Changed", "updated_at"),
    local("Closed", "closed_at"),
    Column("Closed by", "closed_by_name"),
    Column("Created by", "created_by_name"),
)

RISK_COLUMNS: Final = (
    Column("Ticket", "ticket_uid"),
    Column("Title", "ticket_title"),
    Column("Project name", "project_name"),
    Column("Risk", "risk_type"),
    Column("Status", "status"),
    Column("Description", "risk_description"),
    Column("Conditions", "conditions"),
    Column("Outstanding steps", "outstanding_steps"),
    Column("Covers handover", "covers_handover"),
    local("Expires", "risk_expiry_date"),
    local("Follow up", "followup_date"),
    local("Accepted", "accepted_at"),
    utc("Accepted", "accepted_at"),
    local("Resolved", "resolved_at"),
    Column("Resolution", "resolution_notes"),
)

READINESS_COLUMNS: Final = (
    Column("Ticket", "ticket_uid"),
    Column("Status", "status"),
    Column("Project", "project_code"),
    Column("DR number", "dr_number"),
    Column("Passed", "passed"),
    local("Checked", "checked_at"),
    utc("Checked", "checked_at"),
    Column("Checked by", "checked_by_name"),
    Column("Photos", "photos_count"),
    Column("Photos required", "photos_required_count"),
    Column("DR", "dr_populated"),
    Column("Pole", "pole_populated"),
    Column("PON", "pon_populated"),
    Column("Zone", "zone_populated"),
    Column("ONT serial", "ont_serial_recorded"),
    Column("ONT RX", "ont_rx_recorded"),
    Column("Platforms agree", "platforms_aligned"),
    Column("Reasons", "reasons"),
)

TREND_COLUMNS: Final = (
    Column("Period begins", "period"),
    Column("Project", "project_code"),
    Column("Value", "value"),
    Column("Faults", "count"),
    Column("Share (%)", "percentage"),
)


def read_tickets(reader: Reader, wanted: TicketFilter) -> Rows:
    """Yield the tickets that a list with this filter shows, newest first, with the names behind their references."""
    cursor: str | None = None
    while True:
        with reader.connect() as connection:
            page = list_tickets(connection, reader.actor, wanted, PageRequest(size=AT_ONCE, cursor=cursor))
            names = named(connection, [row["id"] for row in page.rows])
        yield [row | names[row["id"]] for row in page.rows]
        cursor = page.next_cursor
        if cursor is None:
            return


def named(connection: Connection, ticket_ids: list[UUID]) -> dict[UUID, dict[str, Any]]:
    """Return, by ticket, what an export tells besides the ticket itself: names, and when it was reported."""
    rows = queries("exports").list_ticket_names(connection, ticket_ids=ticket_ids)
    return {row["id"]: row for row in rows}


def _tickets(reader: Reader, wanted: TicketFilter) -> list[Sheet]:
    return [Sheet("Tickets", TICKET_COLUMNS, read_tickets(reader, wanted))]


def _read_risks(reader: Reader, wanted: RiskFilter) -> Rows:
    cursor: str | None = None
    while True:
        request = RiskListRequest(limit=AT_ONCE, cursor=cursor)
        with reader.connect() as connection:
            found = list_risks(connection, reader.actor, wanted, request, reader.now)
        yield found.rows
        cursor = found.next_cursor
        if cursor is None:
            return


def _risks(reader: Reader, wanted: RiskFilter) -> list[Sheet]:
    return [Sheet("Risk acceptances", RISK_COLUMNS, _read_risks(reader, wanted))]


def _read_readiness(reader: Reader, wanted: ReadinessFilter) -> Rows:
    with reader.connect() as connection:
        project = (find_project(connection, wanted.project_id) or _NOTHING) if wanted.project_id else None
        fixed = load_sight(connection, reader.actor).parameters()
    fixed |= {"passed": wanted.passed, "project": project}
    fixed |= {"checked_from": wanted.checked_from, "checked_before": wanted.checked_before}
    before_id: UUID | None = None
    while True:
        with reader.connect() as connection:
            rows = fetch_planned(
                connection, queries("exports").list_checks, **fixed, before_id=before_id, row_limit=AT_ONCE
            )
        yield rows
        if len(rows) < AT_ONCE:
            return
        before_id = rows[-1]["id"]


def _readiness(reader: Reader, wanted: ReadinessFilter) -> list[Sheet]:
    return [Sheet("Readiness checks", READINESS_COLUMNS, _read_readiness(reader, wanted))]


def _read_trends(reader: Reader, wanted: TrendRequest) -> Rows:
    with reader.connect() as connection:
        found = count_faults(connection, reader.actor, wanted)
    key = wanted.group_by.value
    yield [
        {**row, "count": int(row["count"]), "percentage": float(row["percentage"])}
        | {"value": row.get("contractor_name") or row.get(key)}
        for row in found.rows
    ]


def _trends(reader: Reader, wanted: TrendRequest) -> list[Sheet]:
    return [Sheet("Fault trends", TREND_COLUMNS, _read_trends(reader, wanted))]


TICKETS: Final = Report("tickets", TicketFilter, _tickets)
RISKS: Final = Report("risks", RiskFilter, _risks)
READINESS: Final = Report("readiness", ReadinessFilter, _readiness)
FAULT_TRENDS: Final = Report("fault-trends", TrendRequest, _trends)
