"""Receipts of events: kept in the transaction whose commit allows the acknowledgement, dealt with by a job, forgotten.

The same event again, however often and from how many senders at once, is one receipt.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Literal
from uuid import UUID

from runtime.errors import FibreflowError
from runtime.identifiers import uuid7
from sql.database import Connection, queries
from ticketing.events import UnitOfWork
from ticketing.webhooks.deliveries import Delivery

Outcome = Literal["applied", "ignored", "unusable"]

# Longer than any sender repeats, and than anybody asks what came. Bodies hold what people wrote.
KEPT_FOR: Final = timedelta(days=30)
AT_ONCE: Final = 5_000


class TooOld(FibreflowError):
    """An event that was said too long ago, and that did not come before: perhaps recorded and played again."""

    code = "VALIDATION_ERROR"


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What is kept of an event. `is_new` is false for a repeat; `processed_at` None while it waits for its job."""

    id: UUID
    received_at: datetime
    is_new: bool
    processed_at: datetime | None
    error: str | None


def receive(work: UnitOfWork, delivery: Delivery, body: bytes) -> Receipt:
    """Keep an event. Raises TooOld unless it is fresh, or a repeat of one that is kept."""
    _require_fresh(work, delivery)
    row: dict[str, Any] = queries("webhooks").insert_receipt(
        work.connection,
        id=uuid7(),
        source=delivery.source,
        event_key=delivery.key,
        event=delivery.event,
        subject=delivery.subject,
        body=body,
        said_at=delivery.said_at,
        now=work.now,
    )
    return Receipt(
        id=row["id"],
        received_at=row["received_at"],
        is_new=row["repeats"] == 0,
        processed_at=row["processed_at"],
        error=row["error"],
    )


def find(connection: Connection, receipt_id: UUID) -> dict[str, Any] | None:
    """Return what came: `source`, `event`, `subject`, `body` and the times; None if it was forgotten."""
    row: dict[str, Any] | None = queries("webhooks").find_receipt(connection, receipt_id=receipt_id)
    return row


def find_ticket_of_case(connection: Connection, case_id: str) -> UUID | None:
    """Return the ticket that a case of QContact has here; None if it has none (yet)."""
    ticket_id: UUID | None = queries("webhooks").find_ticket_of_case(connection, case_id=case_id)
    return ticket_id


def is_running(connection: Connection, job_id: UUID) -> bool:
    """Whether a job runs at this moment, so that it may not know what was said after it began."""
    return bool(queries("webhooks").is_running_job(connection, job_id=job_id))


def settle(work: UnitOfWork, receipt_id: UUID, outcome: Outcome, error: str | None = None) -> None:
    """Note what became of an event; `unusable` needs the reason."""
    queries("webhooks").settle_receipt(
        work.connection, receipt_id=receipt_id, outcome=outcome, error=error, now=work.now
    )


def forget(work: UnitOfWork) -> int:
    """Forget up to AT_ONCE events that were dealt with longer ago than they are kept; return how many."""
    forgotten: int = queries("webhooks").forget_receipts(work.connection, before=work.now - KEPT_FOR, row_limit=AT_ONCE)
    return forgotten


def _require_fresh(work: UnitOfWork, delivery: Delivery) -> None:
    if delivery.is_fresh(work.now):
        return
    known = queries("webhooks").is_known_receipt(work.connection, source=delivery.source, event_key=delivery.key)
    if not known:
        raise TooOld("The event's timestamp is too far from the present: it is not taken")
