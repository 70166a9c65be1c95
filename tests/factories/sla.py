"""Builders for SLA: tickets whose clocks run from a Monday morning, closed ones, targets, and races."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sql.database import Connection
from tests.factories import Row
from ticketing import tickets
from ticketing.people import SYSTEM, Actor
from ticketing.sla import settings as targets
from ticketing.sla.settings import TargetChange
from ticketing.ticket_input import NewTicket
from ticketing.vocabulary import Priority

if TYPE_CHECKING:
    from jobs.platform import Platform

ZONE = ZoneInfo("Africa/Johannesburg")
# A Monday at ten; 48 business hours later is the Friday at 18:00.
MONDAY = datetime(2026, 11, 23, 10, tzinfo=ZONE)
FRIDAY = datetime(2026, 11, 27, 18, tzinfo=ZONE)
HOUR = timedelta(hours=1)


def create(platform: Platform, actor: Actor = SYSTEM, **fields: Any) -> Row:
    """Make a ticket through its service, by the system unless somebody is named."""
    body = {"source": "ad_hoc", "title": "No light", "ticket_type": "maintenance"} | fields
    with platform.begin(actor) as work:
        return tickets.create(work, NewTicket.model_validate(body))


def close(connection: Connection, ticket_id: UUID, at: datetime) -> None:
    """Take a ticket through the machine to its end, as a handover and QA would."""
    for status in ("assigned", "in_progress", "pending_qa", "qa_in_progress", "qa_approved"):
        connection.execute("update tickets set status = %s where id = %s", [status, ticket_id])
    connection.execute(
        "update tickets set status = 'closed', closed_at = %s, fault_cause = 'unknown',"
        " sla_first_response_at = coalesce(sla_first_response_at, %s) where id = %s",
        [at, at, ticket_id],
    )


def put_target(
    platform: Platform, project_id: UUID | None, priority: str, respond: int, resolve: int, **more: Any
) -> Row:
    """Set a target in minutes (None: of every project without its own)."""
    body = {"first_response_minutes": respond, "resolve_minutes": resolve} | more
    with platform.begin(SYSTEM) as work:
        return targets.put_target(work, project_id, Priority(priority), TargetChange.model_validate(body))[1]


def targets_of(platform: Platform, project_id: UUID | None) -> dict[str, Row]:
    """The targets that count for a project, by priority."""
    with platform.read() as connection:
        return {row["priority"]: row for row in targets.list_targets(connection, project_id)}
