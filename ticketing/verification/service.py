"""Verification as a service: reads the steps of a ticket, changes one, and tells how far the ticket is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NoReturn
from uuid import UUID

from sql.database import Connection, queries
from ticketing.errors import AlreadyExists, NotFound, StaleWrite
from ticketing.events import TicketEvent, UnitOfWork
from ticketing.people import ActingUser, Actor, acting_user
from ticketing.seen_tickets import SeenTicket, see
from ticketing.ticket_changes import json_ready, version
from ticketing.ticket_locks import lock_ticket
from ticketing.ticket_views import load_sight, read_ticket
from ticketing.verification import rules
from ticketing.verification.changes import StepChanges


@dataclass(frozen=True, kw_only=True)
class StepCompleted(TicketEvent):
    """A verification step is complete; `details` has its number, its name and the ticket's progress."""

    name: ClassVar[str] = "verification_step_completed"


@dataclass(frozen=True, kw_only=True)
class StepReopened(TicketEvent):
    """A verification step that was complete is open again; `before` tells whose completion it was."""

    name: ClassVar[str] = "verification_step_reopened"


@dataclass(frozen=True, kw_only=True)
class StepUpdated(TicketEvent):
    """Notes, photo address or the photo's verification of a step changed."""

    name: ClassVar[str] = "verification_step_updated"


def list_steps(connection: Connection, actor: Actor, ticket: UUID | SeenTicket) -> list[dict[str, Any]]:
    """Return the 12 steps of a ticket in their order, as the API shows them. Raises NotFound."""
    wanted = see(connection, actor, ticket).id
    return [rules.shown(row) for row in _rows(connection, wanted)]


def get_progress(connection: Connection, actor: Actor, ticket: UUID | SeenTicket) -> dict[str, Any]:
    """Return how far a ticket is: the contract's Progress, with the steps. Raises NotFound."""
    seen = see(connection, actor, ticket)
    steps = list_steps(connection, actor, seen)
    return {"ticket_id": seen.id, **rules.progress_of(steps), "steps": steps}


def initialise(connection: Connection, actor: Actor, ticket_id: UUID) -> NoReturn:
    """Refuse to make the steps of a ticket: they are made with it. Raises AlreadyExists, or NotFound."""
    ticket = read_ticket(connection, ticket_id, load_sight(connection, actor))
    raise AlreadyExists(
        f"The 12 verification steps of {ticket['ticket_uid']} exist since the ticket does",
        details={"ticket_id": str(ticket_id)},
    )


def change_step(work: UnitOfWork, ticket_id: UUID, number: int, changes: StepChanges) -> dict[str, Any]:
    """Complete a step, open it again, or change its notes or photo; return it as the API shows it.

    Raises NotFound, Forbidden, ConditionNotMet naming what is missing, and StaleWrite when somebody else has completed
    the step already. A request that changes nothing writes nothing.
    """
    ticket = lock_ticket(work, ticket_id)
    rows = {row["step_number"]: row for row in _rows(work.connection, ticket_id)}
    row = rows.get(number)
    if row is None:
        raise NotFound(f"Ticket {ticket_id} has no step {number}", details={"step_number": number})
    given = changes.given()
    changed = rules.changes_of(row, given)
    acting = _acting(work, changes)
    if given.get("is_complete"):
        _require_own_completion(row, acting)
    if changed:
        rules.require_may_change_step(work.actor, ticket["status"], given, changed)
        rules.require_step_change(row, ticket["status"], changed)
        rows[number] = _write(work, row, changed, acting)
        _record(work, row, rows[number], changed, sum(step["is_complete"] for step in rows.values()), acting)
    return rules.shown(next(step for step in _rows(work.connection, ticket_id) if step["step_number"] == number))


def _rows(connection: Connection, ticket_id: UUID) -> list[dict[str, Any]]:
    return list(queries("verification").list_verification_steps(connection, ticket_id=ticket_id))


def _acting(work: UnitOfWork, changes: StepChanges) -> ActingUser:
    claimed = str(changes.completed_by) if changes.completed_by else None
    return acting_user(work.connection, work.actor, claimed, "completed_by")


def _require_own_completion(row: Mapping[str, Any], acting: ActingUser) -> None:
    """Raise StaleWrite where a completion is claimed that is somebody else's; repeating one's own changes nothing."""
    if not row["is_complete"] or row["completed_by"] == acting.user_id:
        return
    who = row["completed_by_name"] or "somebody else"
    raise StaleWrite(
        f"Step {row['step_number']} was completed by {who} already",
        details={
            "step_number": row["step_number"],
            "completed_by": str(row["completed_by"]) if row["completed_by"] else None,
            "completed_at": version(row["completed_at"]),
        },
    )


def _write(work: UnitOfWork, row: Mapping[str, Any], changed: Mapping[str, Any], acting: ActingUser) -> dict[str, Any]:
    after = {**row, **changed}
    if "is_complete" in changed:
        done = changed["is_complete"]
        after |= {"completed_at": work.now if done else None, "completed_by": acting.user_id if done else None}
    written = ("is_complete", "completed_at", "completed_by", "photo_url", "photo_verified", "notes")
    queries("verification").update_verification_step(
        work.connection,
        ticket_id=row["ticket_id"],
        step_number=row["step_number"],
        now=work.now,
        **{name: after[name] for name in written},
    )
    return after


def _record(
    work: UnitOfWork,
    before: Mapping[str, Any],
    after: Mapping[str, Any],
    changed: Mapping[str, Any],
    complete: int,
    acting: ActingUser,
) -> None:
    kind: type[TicketEvent] = StepUpdated
    fields = [*changed]
    if "is_complete" in changed:
        kind = StepCompleted if changed["is_complete"] else StepReopened
        fields += ["completed_by", "completed_at"]
    details = {"step_number": before["step_number"], "step_name": before["step_name"]}
    details |= {"progress": rules.progress(complete)}
    if acting.on_behalf and kind is StepCompleted:
        details |= {"on_behalf_of": str(acting.user_id)}
    was, became = ({name: row[name] for name in fields} for row in (before, after))
    work.record(kind(ticket_id=before["ticket_id"], before=json_ready(was), after=json_ready(became), details=details))
