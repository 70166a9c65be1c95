"""What a night does to risk acceptances that nobody resolved: warn, expire, escalate. Set by set, never row by row.

Each function handles one batch in its unit of work and returns how many it changed; fewer than AT_ONCE: that was all,
for what was resolved meanwhile takes no place in a batch.
Run again on the same night, each finds nothing: what it did is what it looks at.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sql.database import queries
from ticketing.days import local_day, start_of_day
from ticketing.events import UnitOfWork
from ticketing.risks import events
from ticketing.risks.rules import (
    FIRST_WARNING_DAYS,
    LAST_WARNING_DAYS,
    days_ahead,
    days_left,
    escalation_note,
)
from ticketing.ticket_changes import json_ready
from ticketing.vocabulary import RiskStatus

AT_ONCE = 500


def warn(work: UnitOfWork) -> int:
    """Warn of the active risks that run out within 7 days, and again within 1: once for each of the two."""
    rows = list(
        queries("risks").warn_risks(
            work.connection,
            now=work.now,
            within_7_days=days_ahead(work.now, FIRST_WARNING_DAYS),
            within_1_day=days_ahead(work.now, LAST_WARNING_DAYS),
            most=AT_ONCE,
        )
    )
    for row in rows:
        left = {"days_left": days_left(row["risk_expiry_date"], work.now)}
        work.record(events.RiskExpiring(ticket_id=row["ticket_id"], risk_id=row["risk_id"], details=_told(row) | left))
    return len(rows)


def expire(work: UnitOfWork) -> int:
    """Expire the active risks whose time has passed: from now on they cover nothing."""
    rows = list(queries("risks").expire_risks(work.connection, now=work.now, most=AT_ONCE))
    _record_moves(work, events.RiskExpired, rows, RiskStatus.ACTIVE, RiskStatus.EXPIRED)
    return len(rows)


def escalate(work: UnitOfWork) -> int:
    """Escalate the risks that expired on an earlier day and were not resolved, with a note on each ticket.

    So whoever is told of an expiry has a day to act before it becomes an escalation.
    """
    rows = list(
        queries("risks").escalate_risks(
            work.connection, now=work.now, expired_before=start_of_day(local_day(work.now)), most=AT_ONCE
        )
    )
    if rows:
        queries("risks").insert_escalation_notes(
            work.connection,
            ticket_ids=[row["ticket_id"] for row in rows],
            contents=[
                escalation_note(row["risk_description"], row["risk_expiry_date"], row["conditions"]) for row in rows
            ],
            author_name=work.actor.name,
            now=work.now,
        )
    _record_moves(work, events.RiskEscalated, rows, RiskStatus.EXPIRED, RiskStatus.ESCALATED)
    return len(rows)


def _record_moves(
    work: UnitOfWork,
    kind: type[events.RiskEvent],
    rows: Iterable[dict[str, Any]],
    before: RiskStatus,
    after: RiskStatus,
) -> None:
    for row in rows:
        work.record(
            kind(
                ticket_id=row["ticket_id"],
                risk_id=row["risk_id"],
                before={"risk_status": before.value},
                after={"risk_status": after.value},
                details=_told(row),
            )
        )


def _told(row: dict[str, Any]) -> dict[str, Any]:
    names = ("risk_id", "ticket_uid", "risk_type", "risk_description", "risk_expiry_date", "accepted_by")
    return json_ready({name: row[name] for name in names})
