"""Pushes to the CRM in the database: what a ticket owes its case, what is on its way, and what arrived.

Everything here takes the ticket first, as everything that changes it does: who decides at the end of a push that
nothing is owed any more cannot overlook a change.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sql.database import Connection, queries
from ticketing.events import UnitOfWork
from ticketing.qcontact_sync.cases import Conflict
from ticketing.qcontact_sync.conflicts import OVERWRITTEN, Difference, note_differences
from ticketing.qcontact_sync.outbound import CLOSED_THERE, Note, Outbound, decide
from ticketing.qcontact_sync.statuses import agreeing, agrees
from ticketing.qcontact_sync.words import status_of
from ticketing.ticket_locks import lock_ticket
from ticketing.vocabulary import Status

OVERWRITTEN_UNREAD = "an agent moved the case there in the moment before ours arrived, which replaced it"

# What of a note's row makes a Note.
_NOTE = ("id", "content", "note_type", "created_at", "author", "begun")


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrived:
    """What a push did there. `status` is the text that took effect, None where none was owed.

    `read_status` and `updated_at` are the case as it was read last; `updated_at` None where an agent may have changed
    it since. `overwrote` is the status of an agent that ours replaced before anybody had read it.
    """

    status: str | None = None
    read_status: str | None = None
    updated_at: datetime | None = None
    assigned: bool = False
    overwrote: str | None = None


def find_due(connection: Connection, ticket_ids: Iterable[UUID]) -> list[UUID]:
    """Return those of some tickets that have something to tell the CRM; most tickets are none of the CRM's.

    Asked at the end of every unit of work that moves tickets or gives them to somebody, so it is cheap for those.
    """
    named, wanted = queries("qcontact_push"), list(dict.fromkeys(ticket_ids))
    linked = [row["ticket_id"] for row in named.list_with_case(connection, ticket_ids=wanted)] if wanted else []
    if not linked:
        return []
    return [row["ticket_id"] for row in named.find_due(connection, ticket_ids=linked, agreeing=agreeing())]


def list_due(connection: Connection, after: UUID, limit: int) -> list[UUID]:
    """Return the next tickets after an id, by id, that have something to tell the CRM."""
    rows = queries("qcontact_push").list_due(connection, after=after, agreeing=agreeing(), row_limit=limit)
    return [row["ticket_id"] for row in rows]


def count_due(connection: Connection) -> int:
    """Return how many tickets have something to tell the CRM (`pending_outbound`); blocked ones do not count."""
    count: int = queries("qcontact_push").count_due(connection, agreeing=agreeing())
    return count


def begin(work: UnitOfWork, ticket_id: UUID, queue: str | None) -> Outbound | None:
    """Return what a ticket has to tell now, with its beginning written down; None for one without a case.

    Nothing has to be told of a case that is blocked. Raises NotFound.
    """
    lock_ticket(work, ticket_id)
    row = queries("qcontact_push").get_outbound(work.connection, ticket_id=ticket_id)
    if row is None:
        return None
    outbound = decide(row, _untold(work.connection, ticket_id), queue=queue)
    queries("qcontact_push").begin_push(
        work.connection,
        ticket_id=ticket_id,
        status=outbound.status,
        note_ids=[note.id for note in outbound.notes],
        now=work.now,
    )
    return outbound


def note_told(work: UnitOfWork, notes: Sequence[Note], how: str) -> None:
    """Write down that notes arrived, as a `note` or in the `description`."""
    if notes:
        queries("qcontact_push").note_told(work.connection, note_ids=[note.id for note in notes], how=how, now=work.now)


def finish(work: UnitOfWork, outbound: Outbound, arrived: Arrived) -> tuple[Conflict, ...]:
    """Write down that everything of a push arrived; returns what a person has to decide because of it."""
    lock_ticket(work, outbound.ticket_id)
    queries("qcontact_push").end_push(
        work.connection,
        ticket_id=outbound.ticket_id,
        ours=outbound.ours,
        written=arrived.status,
        read_status=arrived.read_status,
        assigned=arrived.assigned,
        assigned_to=outbound.assign_to,
        unassigned=outbound.unassign,
        their_updated_at=arrived.updated_at,
        now=work.now,
    )
    conflicts = tuple(_overwritten(outbound, arrived))
    note_differences(work, [Difference(outbound.ticket_id, outbound.case_id, conflicts)])
    return conflicts


def _overwritten(outbound: Outbound, arrived: Arrived) -> Iterable[Conflict]:
    if arrived.overwrote is not None:
        known = status_of(arrived.overwrote)
        theirs = arrived.overwrote if known is None else known.value
        yield Conflict(field=OVERWRITTEN, ours=outbound.ours, theirs=theirs, reason=OVERWRITTEN_UNREAD)


def owes_more(work: UnitOfWork, ticket_id: UUID) -> bool:
    """Whether a ticket, taken until the end of the unit of work, has something to tell by now."""
    lock_ticket(work, ticket_id)
    return bool(find_due(work.connection, [ticket_id]))


def leave_unsent(work: UnitOfWork, outbound: Outbound) -> None:
    """Write down that nothing of ours is on its way: an agent's word was found there, and nothing written over it."""
    lock_ticket(work, outbound.ticket_id)
    queries("qcontact_push").leave_unsent(work.connection, ticket_id=outbound.ticket_id, now=work.now)


def block(work: UnitOfWork, outbound: Outbound, reason: str, read_status: str | None = None) -> None:
    """Write down why nothing more is told to a case; a change there lifts it."""
    lock_ticket(work, outbound.ticket_id)
    queries("qcontact_push").block_push(
        work.connection, ticket_id=outbound.ticket_id, reason=reason, read_status=read_status, now=work.now
    )


def close(work: UnitOfWork, outbound: Outbound, read_status: str | None) -> None:
    """Write down that a case is Closed there; where the ticket goes on here, that is for a person to decide."""
    block(work, outbound, CLOSED_THERE, read_status)
    row = queries("qcontact_push").get_outbound(work.connection, ticket_id=outbound.ticket_id)
    if agrees(row["status"], read_status) or row["status_in_conflict"]:
        return
    conflict = Conflict(field="status", ours=row["status"], theirs=Status.CLOSED.value, reason=CLOSED_THERE)
    note_differences(work, [Difference(outbound.ticket_id, outbound.case_id, (conflict,))])


def _untold(connection: Connection, ticket_id: UUID) -> list[Note]:
    rows: Iterable[Mapping[str, Any]] = queries("qcontact_push").list_untold_notes(connection, ticket_id=ticket_id)
    return [Note(**{name: row[name] for name in _NOTE}) for row in rows]
