"""Applying the rules to tickets: one or thousands, by the same statements.

A closed ticket keeps the guarantee that it was closed under: correcting its cause or its installation date judges it as
of its closing, and time alone never turns a finished repair into a bill. What a person decided stays (`overrides`).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic_core import to_json

from sql.database import queries
from ticketing.events import UnitOfWork
from ticketing.guarantee.events import GuaranteeClassified, GuaranteeOverridden
from ticketing.guarantee.rules import DEPENDS_ON, FIELDS, Classification, Periods, classify, difference
from ticketing.ticket_changes import json_ready
from ticketing.vocabulary import FaultCause, Status

# Few enough that nobody who works on one of the tickets waits noticeably for the others.
AT_ONCE = 1_000
NO_REASON = "Set by hand, no reason given"


def follow_change(work: UnitOfWork, ticket: Mapping[str, Any], after: Mapping[str, Any], reason: str | None) -> None:
    """Do what a change of a ticket asks of its guarantee. `ticket` is the row before, `after` what changed, written.

    A change of the classification itself is a person's decision and is kept as one; a change of what it depends on, and
    closing, classify the ticket anew.
    """
    if not after.keys().isdisjoint(FIELDS):
        fields = {field: after[field] for field in FIELDS if field in after}
        override(work, ticket["id"], {field: ticket[field] for field in fields}, fields, reason or NO_REASON)
    elif not after.keys().isdisjoint(DEPENDS_ON) or after.get("status") == Status.CLOSED:
        classify_tickets(work, [ticket["id"]])


def override(
    work: UnitOfWork, ticket_id: UUID, before: Mapping[str, Any], after: Mapping[str, Any], reason: str
) -> None:
    """Keep that a person classified a ticket, and why; the rules leave it alone from now on."""
    queries("guarantee").put_override(
        work.connection,
        ticket_id=ticket_id,
        reason=reason,
        overridden_by=work.actor.user_id,
        overridden_by_name=work.actor.name,
        now=work.now,
    )
    work.record(
        GuaranteeOverridden(
            ticket_id=ticket_id, before=json_ready(before), after=json_ready(after), details={"reason": reason}
        )
    )


def classify_tickets(work: UnitOfWork, ticket_ids: Collection[UUID]) -> int:
    """Classify tickets by the rules; returns how many came out otherwise than before. Overridden ones stay as they are.

    Locks them, in one order for everybody.
    """
    queries("guarantee").lock_tickets_to_classify(work.connection, ticket_ids=list(ticket_ids))
    rows = queries("guarantee").list_guarantee_facts(work.connection, ticket_ids=list(ticket_ids))
    changes = [(row, changed) for row in rows if (changed := difference(row, judge(row, work.now)))]
    if not changes:
        return 0
    queries("guarantee").write_classifications(
        work.connection,
        classifications=to_json([{"id": row["id"], **_whole(row, changed)} for row, changed in changes]).decode(),
        now=work.now,
    )
    for row, changed in changes:
        work.record(
            GuaranteeClassified(
                ticket_id=row["id"],
                before=json_ready({field: row[field] for field in changed}),
                after=json_ready(changed),
                details=_looked_at(row),
            )
        )
    return len(changes)


def judge(row: Mapping[str, Any], now: datetime) -> Classification:
    """Classify one row of `list_guarantee_facts`: a closed ticket as of its closing, any other now."""
    cause = FaultCause(row["fault_cause"]) if row["fault_cause"] else None
    return classify(row["installed_on"], cause, periods_of(row), row["closed_at"] or now)


def periods_of(row: Mapping[str, Any]) -> Periods:
    """Return the periods that a row of the database holds."""
    return Periods(
        installation_days=row["installation_days"],
        material_days=row["material_days"],
        contractor_liable_during_guarantee=row["contractor_liable_during_guarantee"],
        auto_classify_out_of_guarantee=row["auto_classify_out_of_guarantee"],
    )


def _whole(row: Mapping[str, Any], changed: Mapping[str, Any]) -> dict[str, Any]:
    return {field: changed.get(field, row[field]) for field in FIELDS}


def _looked_at(row: Mapping[str, Any]) -> dict[str, Any]:
    installed_on = row["installed_on"]
    return {"fault_cause": row["fault_cause"], "installed_on": installed_on.isoformat() if installed_on else None}
