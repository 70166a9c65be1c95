"""Differences that no rule may settle: noticed by the sync, listed, and decided by a person who chooses a side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

from pydantic_core import to_json

from sql.database import queries
from ticketing.errors import ConditionNotMet, DomainError, Forbidden, NotFound
from ticketing.events import UnitOfWork
from ticketing.people import Role
from ticketing.qcontact_sync.cases import Conflict
from ticketing.qcontact_sync.changing import write_values
from ticketing.qcontact_sync.events import QContactConflictNoticed, QContactConflictResolved
from ticketing.qcontact_sync.words import status_of
from ticketing.ticket_locks import lock_ticket
from ticketing.vocabulary import Status

Choice = Literal["ours", "theirs"]
# A status that ours replaced there before anybody had read it. Both sides say the same since, so their agreeing does
# not settle it: only a person does. Theirs is then a move of the ticket, which is told to the case as any other.
OVERWRITTEN = "overwritten_status"

MAY_RESOLVE: tuple[Role, ...] = ("admin", "manager")


class AlreadyResolved(DomainError):
    """The conflict was decided already, by somebody else or because both sides came to agree."""

    code = "CONFLICT"


@dataclass(frozen=True, slots=True)
class Difference:
    """What a reading showed of a ticket: conflicts, and the fields on which both sides now say the same."""

    ticket_id: UUID
    case_id: str
    conflicts: tuple[Conflict, ...] = ()
    settled: frozenset[str] = frozenset()


def note_differences(work: UnitOfWork, differences: Sequence[Difference]) -> None:
    """Note conflicts of locked tickets, once while they stay open, and close those that became obsolete."""
    settled = [(difference.ticket_id, name) for difference in differences for name in sorted(difference.settled)]
    if settled:
        queries("qcontact_conflicts").settle_conflicts(
            work.connection,
            ticket_ids=[ticket_id for ticket_id, _ in settled],
            fields=[name for _, name in settled],
            now=work.now,
        )
    noticed = [
        {"ticket_id": difference.ticket_id, "case_id": difference.case_id, **conflict.as_json()}
        for difference in differences
        for conflict in difference.conflicts
    ]
    if not noticed:
        return
    rows = to_json(noticed).decode()
    for row in queries("qcontact_conflicts").put_conflicts(work.connection, conflicts=rows, now=work.now):
        details = {name: row[name] for name in ("field", "ours", "theirs", "reason")}
        work.record(QContactConflictNoticed(ticket_id=row["ticket_id"], details=details))


def resolve(work: UnitOfWork, conflict_id: UUID, choice: Choice, note: str | None = None) -> UUID:
    """Decide a conflict: `ours` stays as it is and is no conflict any more, `theirs` is written to the ticket.

    Returns the ticket's id. Raises Forbidden, NotFound, AlreadyResolved; InvalidStatusTransition and ConditionNotMet
    where the ticket may not follow: then ours is the only choice, or what is missing comes first.
    """
    if not work.actor.has_role(*MAY_RESOLVE):
        raise Forbidden("Your role may not decide conflicts with QContact")
    ticket_id = _ticket_of(work, conflict_id)
    lock_ticket(work, ticket_id)
    row = queries("qcontact_conflicts").lock_conflict(work.connection, conflict_id=conflict_id)
    if row["status"] != "open":
        raise AlreadyResolved(f"This conflict was decided already: {row['status']}", details={"status": row["status"]})
    if choice == "theirs":
        _take_theirs(work, row)
    _agree(work, row)
    queries("qcontact_conflicts").resolve_conflict(
        work.connection,
        conflict_id=conflict_id,
        choice=choice,
        note=note,
        resolved_by=work.actor.user_id,
        resolved_by_name=work.actor.name,
        now=work.now,
    )
    told = {"conflict_id": str(conflict_id), "choice": choice, "note": note}
    details = {name: row[name] for name in ("field", "ours", "theirs")}
    work.record(QContactConflictResolved(ticket_id=ticket_id, details=told | details))
    return ticket_id


def no_such_conflict(conflict_id: UUID) -> NotFound:
    """Return the error for a conflict that does not exist."""
    return NotFound(f"Conflict {conflict_id} not found", details={"conflict_id": str(conflict_id)})


def _ticket_of(work: UnitOfWork, conflict_id: UUID) -> UUID:
    ticket_id: UUID | None = queries("qcontact_conflicts").find_ticket_of_conflict(
        work.connection, conflict_id=conflict_id
    )
    if ticket_id is None:
        raise no_such_conflict(conflict_id)
    return ticket_id


def _take_theirs(work: UnitOfWork, row: Mapping[str, Any]) -> None:
    field = "status" if row["field"] == OVERWRITTEN else row["field"]
    if field == "status" and row["theirs"] not in set(Status):
        raise ConditionNotMet(
            f'"{row["theirs"]}" is no status that this system knows: move the ticket by hand, then choose ours',
            details={"theirs": row["theirs"]},
        )
    [ticket] = queries("qcontact_cases").list_tickets_of_sync(work.connection, ticket_ids=[row["ticket_id"]])
    write_values(work, ticket, {field: row["theirs"]}, ticket["sheet_fields"] or {}, row["case_id"])


def _agree(work: UnitOfWork, row: Mapping[str, Any]) -> None:
    """From now on what they say is what was agreed: ours, where it differs, is the newer word and is written there."""
    theirs = row["theirs"]
    agreed = theirs if theirs in set(Status) else status_of(theirs if isinstance(theirs, str) else None)
    if row["field"] == "status" and agreed is not None:
        queries("qcontact_cases").agree_on(work.connection, case_id=row["case_id"], status=agreed, now=work.now)
