"""What a minute does to SLA clocks: starts those that nobody started, warns at 75 % and 90 %, records the breaches.

Each function handles one batch in its unit of work and returns how many it handled; fewer than AT_ONCE: that was all.
Two sweeps at once never note the same ticket: each takes tickets that nobody else holds, and notes under their lock.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from sql.database import queries
from ticketing.events import UnitOfWork
from ticketing.sla import clocks
from ticketing.sla.events import SlaBreached, SlaWarned
from ticketing.sla.rules import BREACH, FINAL_STATUSES, clock_of, newly_reached, next_check
from ticketing.ticket_changes import json_ready

AT_ONCE = 500


def start_missing(work: UnitOfWork) -> int:
    """Start the clocks of tickets that were made without one."""
    ticket_ids = [row["id"] for row in queries("sla").list_unstarted(work.connection, most=AT_ONCE)]
    return clocks.start(work, ticket_ids)


def note_due(work: UnitOfWork) -> int:
    """Note which thresholds tickets have reached: each once, with one event for the highest that is new."""
    taken = list(queries("sla").take_due(work.connection, now=work.now, most=AT_ONCE))
    if not taken:
        return 0
    noted = [_noted(row, work.now) for row in taken]
    queries("sla").note_due(
        work.connection,
        ticket_ids=[row["ticket_id"] for row in taken],
        warned_75_ats=[work.now if 75 in reached else None for reached, _ in noted],
        warned_90_ats=[work.now if 90 in reached else None for reached, _ in noted],
        breached_ats=[
            row["sla_due_at"] if BREACH in reached else None for row, (reached, _) in zip(taken, noted, strict=True)
        ],
        next_checks=[following for _, following in noted],
    )
    for row, (reached, _) in zip(taken, noted, strict=True):
        if reached:
            _record(work, row, max(reached))
    return len(taken)


def note_overdue_of_report(work: UnitOfWork, report_id: UUID, job_id: UUID, request_id: str | None) -> int:
    """Tell the timelines of the tickets whose time had run out before a report brought them; returns how many."""
    noted: int = queries("sla").note_overdue_of_report(
        work.connection,
        report_id=report_id,
        event_type=SlaBreached.name,
        actor_kind=work.actor.kind,
        actor_id=work.actor.user_id,
        actor_name=work.actor.name,
        job_id=job_id,
        request_id=request_id,
        now=work.now,
    )
    return noted


def _noted(row: Mapping[str, Any], now: datetime) -> tuple[frozenset[int], datetime | None]:
    """Return what a ticket has newly reached, and when to look again."""
    clock = clock_of(row)
    reached = newly_reached(clock, row["status"], row["closed_at"], now)
    if row["status"] in FINAL_STATUSES:
        return reached, None
    return reached, next_check(replace(clock, noted=clock.noted | reached))


def _record(work: UnitOfWork, row: Mapping[str, Any], percent: int) -> None:
    """Record an event with what a notice has to tell."""
    names = ("ticket_uid", "priority", "project_id", "assigned_to", "assigned_contractor_id")
    details = json_ready({"percent": percent, "sla_due_time": row["sla_due_at"]} | {name: row[name] for name in names})
    if percent == BREACH:
        change = {"sla_breached": False}, {"sla_breached": True}
        work.record(SlaBreached(ticket_id=row["ticket_id"], before=change[0], after=change[1], details=details))
    else:
        work.record(SlaWarned(ticket_id=row["ticket_id"], details=details))
