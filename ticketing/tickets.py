"""Tickets: making, changing and cancelling them. A service reads, decides by pure rules, writes, records what happened.

The rules stand elsewhere: `status` (which moves), `ticket_access` (who may), `ticket_changes` (what follows).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from sql.database import queries
from ticketing.errors import AlreadyExists, ConditionNotMet, Forbidden, InvalidInput, StaleWrite
from ticketing.events import UnitOfWork
from ticketing.guarantee.classification import follow_change
from ticketing.instants import is_within_reach
from ticketing.people import acting_user, resolve_references
from ticketing.sla import clocks
from ticketing.sla.rules import first_response
from ticketing.status import Facts, require_move
from ticketing.ticket_access import MAY_CREATE, MAY_DELETE, require_may_change
from ticketing.ticket_changes import (
    ASSIGNMENT_FIELDS,
    after_version,
    consequences,
    difference,
    json_ready,
    next_version,
    target_status,
    version,
    withdraws_readiness,
)
from ticketing.ticket_events import (
    ReadinessWithdrawn,
    TicketAssigned,
    TicketCreated,
    TicketStatusChanged,
    TicketUpdated,
)
from ticketing.ticket_input import NewTicket, TicketChanges, position_columns
from ticketing.ticket_locks import lock_ticket
from ticketing.ticket_views import read_ticket
from ticketing.vocabulary import FAULT_TYPES, Status

_REFERENCES = ("assigned_to", "assigned_contractor_id", "assigned_team_id", "project_id")


def create(work: UnitOfWork, new: NewTicket) -> dict[str, Any]:
    """Make a ticket with its 12 verification steps and return it in the shape of TicketView.

    The SOW register fills in what the request leaves out of project, zone, pole, PON and address. A ticket that is
    given to somebody begins as assigned, any other as open. Raises Forbidden; InvalidInput naming each reference that
    points at nothing; AlreadyExists if the source's own reference has a ticket.
    """
    if not work.actor.has_role(*MAY_CREATE):
        raise Forbidden("Your role may not create tickets")
    values, details = _beginning(work, new)
    creator = acting_user(work.connection, work.actor, new.created_by, "created_by")
    made = queries("tickets").insert_ticket(work.connection, **values, created_by=creator.user_id, now=work.now)
    if made is None:
        raise _taken(work, new)
    clocks.start(work, [made["id"]], answered_at=None if values["status"] == Status.OPEN else work.now)
    beginning = json_ready({field: value for field, value in values.items() if value is not None})
    assignment = {field: value for field, value in beginning.items() if field in ASSIGNMENT_FIELDS}
    work.record(
        TicketCreated(
            ticket_id=made["id"],
            after={"ticket_uid": made["ticket_uid"]} | {k: v for k, v in beginning.items() if k not in assignment},
            details=details | creator.details(),
        )
    )
    if assignment:
        work.record(TicketAssigned(ticket_id=made["id"], before=dict.fromkeys(assignment), after=assignment))
    return read_ticket(work.connection, made["id"])


def update(
    work: UnitOfWork,
    ticket_id: UUID,
    changes: TicketChanges,
    *,
    expected: Collection[str] = (),
    cause: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Change a ticket and return it in the shape of TicketView; assignment and move of one request go together.

    `expected` are the versions (see `ticket_changes.version`) that the caller accepts; so is `changes.updated_at`.
    `cause` is what the events tell besides, such as the case of the CRM that the change came from.
    Raises NotFound for a ticket that the actor may not see, StaleWrite if it changed since, InvalidInput naming each
    reference that points at nothing, Forbidden, InvalidStatusTransition and ConditionNotMet. A request that changes
    nothing writes nothing.
    """
    ticket = lock_ticket(work, ticket_id)
    _require_version(work, ticket, {*expected} or _seen(changes.updated_at))
    given = changes.given()
    given |= resolve_references(work.connection, {field: given[field] for field in _REFERENCES if field in given})
    changed = difference(ticket, given)
    target = target_status(ticket["status"], changes.requested_status, given)
    asked = target if target != ticket["status"] else None
    require_may_change(work.actor, ticket["status"], changed, asked)
    _move_and_write(work, ticket, changed, target, reason=changes.reason, closer=changes.closed_by, cause=cause)
    return read_ticket(work.connection, ticket_id)


def cancel(
    work: UnitOfWork, ticket_id: UUID, *, expected: Collection[str] = (), reason: str | None = None
) -> dict[str, Any]:
    """Delete a ticket the only way there is: it becomes cancelled, and stays. Returns it in the shape of TicketView.

    Raises NotFound, Forbidden, StaleWrite, and InvalidStatusTransition where the machine has no way to cancelled.
    """
    ticket = lock_ticket(work, ticket_id)
    if not work.actor.has_role(*MAY_DELETE):
        raise Forbidden("Your role may not delete tickets")
    _require_version(work, ticket, {*expected})
    _move_and_write(work, ticket, {}, Status.CANCELLED.value, reason=reason)
    return read_ticket(work.connection, ticket_id)


def move_by_handover(work: UnitOfWork, ticket_id: UUID, target: Status, handover_by: UUID | None) -> None:
    """Move a ticket as part of a handover whose gates have passed; for `ticketing.handover` only.

    Raises NotFound, InvalidStatusTransition and ConditionNotMet.
    """
    closer = str(handover_by) if handover_by else None
    _move_and_write(work, lock_ticket(work, ticket_id), {}, target.value, closer=closer, by_handover=True)


def _beginning(work: UnitOfWork, new: NewTicket) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the columns of a new ticket and what its creation event tells besides."""
    values = new.model_dump(mode="json", exclude={"gps_coordinates", "created_by"})
    values |= position_columns(new.gps_coordinates)
    values |= resolve_references(work.connection, {field: values[field] for field in _REFERENCES})
    register = _registered(work, new.dr_number)
    differs = {
        field: {"given": values[field], "register": register[field]}
        for field in register
        if values[field] is not None and register[field] is not None and values[field] != register[field]
    }
    values |= {field: value for field, value in register.items() if values[field] is None}
    values["status"] = target_status(Status.OPEN.value, None, values)
    return values, {"differs_from_register": differs} if differs else {}


def _registered(work: UnitOfWork, dr_number: str | None) -> dict[str, Any]:
    """Return what the SOW register says about a drop, as fields of a ticket; nothing of an unknown drop."""
    drop = queries("drops").get_drop(work.connection, dr_number=dr_number) if dr_number else None
    if drop is None:
        return {}
    pon, zone = drop["pon_number"], drop["zone_number"]
    return {
        "project_id": drop["project_id"],
        "pole_number": drop["pole_number"],
        "pon_number": None if pon is None else str(pon),
        "zone_id": None if zone is None else str(zone),
        "address": drop["address"],
    }


def _taken(work: UnitOfWork, new: NewTicket) -> AlreadyExists:
    held = queries("tickets").find_ticket_by_external_id(
        work.connection, source=new.source.value, external_id=new.external_id
    )
    return AlreadyExists(
        f"{new.external_id} of {new.source.value} is ticket {held['ticket_uid']} already",
        details={"ticket_id": str(held["id"]), "ticket_uid": held["ticket_uid"]},
    )


def _seen(updated_at: datetime | None) -> set[str]:
    return set() if updated_at is None else {version(updated_at)}


def _require_version(work: UnitOfWork, ticket: Mapping[str, Any], expected: Collection[str]) -> None:
    present = version(ticket["updated_at"])
    if not expected or present in expected:
        return
    raise StaleWrite(
        "The ticket changed after you read it: read it again, then decide",
        details={
            "expected": sorted(expected),
            "updated_at": present,
            "changed": _changes_since(work, ticket, expected),
        },
    )


def _changes_since(work: UnitOfWork, ticket: Mapping[str, Any], expected: Collection[str]) -> dict[str, Any]:
    """Return, by field, what became of a ticket after the newest version that the caller knew; nothing without one.

    `was` is what the caller saw, `value` what it is now, `by` and `at` tell of the last change.
    """
    times = [seen for text in expected if (seen := _time(text)) is not None]
    if not times:
        return {}
    rows = queries("ticket_events").list_changes_since(
        work.connection, ticket_id=ticket["id"], since=after_version(max(times))
    )
    return {
        row["field"]: {
            "was": row["was"],
            "value": row["value"],
            "by": row["changed_by"],
            "at": version(row["changed_at"]),
        }
        for row in rows
    }


def _time(text: str) -> datetime | None:
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return None
    return time if time.tzinfo and is_within_reach(time) else None


def _move_and_write(
    work: UnitOfWork,
    ticket: Mapping[str, Any],
    changed: dict[str, Any],
    target: str,
    *,
    reason: str | None = None,
    closer: str | None = None,
    by_handover: bool = False,
    cause: Mapping[str, Any] | None = None,
) -> None:
    """Apply changed fields and a move together, or raise and apply neither."""
    details: dict[str, Any] = dict(cause or {}) | ({"reason": reason} if reason else {})
    closed_by = None
    _require_cause_kept(ticket, changed)
    _require_no_claim_of_readiness(changed)
    if target != ticket["status"]:
        facts = _facts(work, ticket, changed, reason)
        require_move(ticket["status"], target, replace(facts, by_handover=by_handover))
        if target == Status.CLOSED:
            acting = acting_user(work.connection, work.actor, closer, "closed_by")
            closed_by, details = acting.user_id, details | acting.details()
    moved = consequences(ticket, target, now=work.now, closed_by=closed_by)
    withdrawn = {"qa_ready": False} if withdraws_readiness(changed) and ticket["qa_ready"] else {}
    if withdraws_readiness(changed):
        changed.pop("qa_ready", None)
    if not (changed or moved):
        return
    _write(work, ticket, {**first_response(ticket, target, work.now), **changed, **withdrawn, **moved})
    _record(work, ticket, changed, moved, withdrawn, details)
    clocks.follow_change(work, ticket["id"], changed)
    follow_change(work, ticket, {**changed, **moved}, reason)


def _require_cause_kept(ticket: Mapping[str, Any], changed: Mapping[str, Any]) -> None:
    """Raise InvalidInput where a closed fault would lose the cause that closing it needed."""
    loses_cause = "fault_cause" in changed and changed["fault_cause"] is None
    if loses_cause and ticket["status"] == Status.CLOSED and ticket["ticket_type"] in FAULT_TYPES:
        problem = "a fault that is closed keeps a cause; name another one instead"
        raise InvalidInput(f"fault_cause: {problem}", details={"fault_cause": problem})


def _require_no_claim_of_readiness(changed: Mapping[str, Any]) -> None:
    """Raise ConditionNotMet where somebody calls a ticket ready for QA: that follows the newest check, and no word."""
    if changed.get("qa_ready"):
        message = "Run the readiness check: only one that passes makes a ticket ready for QA"
        raise ConditionNotMet(message, details={"missing": [{"condition": "qa_readiness", "message": message}]})


def _facts(work: UnitOfWork, ticket: Mapping[str, Any], changed: Mapping[str, Any], reason: str | None) -> Facts:
    facts = queries("tickets").get_move_facts(work.connection, ticket_id=ticket["id"])
    return Facts(
        ticket_type=ticket["ticket_type"],
        fault_cause=changed.get("fault_cause", ticket["fault_cause"]),
        reason=reason,
        open_steps=frozenset(facts["open_steps"]),
        accepted_steps=frozenset(facts["accepted_steps"]),
        active_risks=facts["active_risks"],
        readiness_current=facts["readiness_current"] and not withdraws_readiness(changed),
    )


def _write(work: UnitOfWork, ticket: Mapping[str, Any], values: Mapping[str, Any]) -> None:
    row = {**ticket, **values, "updated_at": next_version(ticket["updated_at"], work.now)}
    fixed = ("ticket_uid", "ticket_type", "created_at")
    queries("tickets").update_ticket(work.connection, **{name: row[name] for name in row if name not in fixed})


def _record(
    work: UnitOfWork,
    ticket: Mapping[str, Any],
    changed: Mapping[str, Any],
    moved: Mapping[str, Any],
    withdrawn: Mapping[str, Any],
    details: dict[str, Any],
) -> None:
    assignment = {field: value for field, value in changed.items() if field in ASSIGNMENT_FIELDS}
    rest = {field: value for field, value in changed.items() if field not in ASSIGNMENT_FIELDS}
    for kind, fields in (
        (TicketUpdated, rest),
        (ReadinessWithdrawn, withdrawn),
        (TicketAssigned, assignment),
        (TicketStatusChanged, moved),
    ):
        if fields:
            before = json_ready({field: ticket[field] for field in fields})
            told = details if kind is TicketStatusChanged or not moved else {}
            work.record(kind(ticket_id=ticket["id"], before=before, after=json_ready(fields), details=told))
