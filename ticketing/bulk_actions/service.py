"""Asking for a bulk action, and doing it a few tickets at a time.

Each ticket is changed by the rules of a single change, in an attempt of its own: one that is refused stops no other.
The outcome commits together with the change, so whoever goes on after a crash neither repeats nor forgets a ticket.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any
from uuid import UUID

import psycopg
from pydantic_core import to_json

from runtime.errors import FibreflowError
from runtime.identifiers import uuid7
from sql.database import Connection, queries
from sql.errors import translate
from ticketing import tickets
from ticketing.bulk_actions.requests import BulkFilter, NewBulkAction
from ticketing.bulk_actions.rules import MOST_TICKETS, require_may_ask
from ticketing.errors import DomainError, InvalidInput, NotFound
from ticketing.events import UnitOfWork
from ticketing.paging import fetch_planned
from ticketing.people import Actor, resolve_references
from ticketing.ticket_changes import ASSIGNEE_FIELDS
from ticketing.ticket_input import TicketChanges
from ticketing.ticket_views import filter_parameters, load_sight
from ticketing.vocabulary import BulkOutcome


@dataclass(frozen=True, slots=True)
class Asked:
    """A bulk action that somebody asked for; `ticket_ids` are the tickets that it is about, frozen."""

    id: UUID
    ticket_ids: tuple[UUID, ...]


@dataclass(frozen=True, slots=True)
class BulkAction:
    """A bulk action as its job needs it: `actor` is who asked, `settled` how many of `total` tickets have a result."""

    id: UUID
    action: str
    changes: TicketChanges
    actor: Actor
    total: int
    settled: int


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one ticket; a refusal has a code, a message and perhaps details, such as the moves allowed."""

    ticket_id: UUID
    outcome: BulkOutcome
    code: str | None = None
    message: str | None = None
    details: Any = None


def choose(work: UnitOfWork, new: NewBulkAction) -> list[UUID]:
    """Return the tickets that a request means now: those it names, each once, or those its filter finds.

    Raises Forbidden; InvalidInput where the assignee does not exist, and where a filter finds nothing or too many.
    """
    require_may_ask(work.actor, new.action)
    named = {field: text for field, text in new.changes().items() if field in ASSIGNEE_FIELDS}
    resolve_references(work.connection, named)
    return sorted(set(new.ticket_ids)) if new.ticket_ids is not None else _chosen_by(work, new.filter)


def ask(work: UnitOfWork, new: NewBulkAction) -> Asked:
    """Write down a bulk action with its tickets, frozen, for a job to do. Raises as `choose` does."""
    ticket_ids, bulk_action_id = choose(work, new), uuid7()
    queries("bulk_actions").insert_bulk_action(
        work.connection,
        id=bulk_action_id,
        action=new.action.value,
        changes=_json(new.changes()),
        chosen_by=_json(new.filter.given()) if new.filter else None,
        asked_by=_json(asdict(work.actor)),
        ticket_ids=ticket_ids,
        now=work.now,
    )
    return Asked(bulk_action_id, tuple(ticket_ids))


def find(connection: Connection, bulk_action_id: UUID) -> BulkAction:
    """Return a bulk action for doing it. Raises NotFound."""
    row = get_row(connection, bulk_action_id)
    by = row["asked_by"]
    actor = Actor(
        kind=by["kind"],
        name=by["name"],
        user_id=UUID(by["user_id"]) if by["user_id"] else None,
        contractor_id=UUID(by["contractor_id"]) if by["contractor_id"] else None,
        roles=frozenset(by["roles"]),
    )
    settled = row["done"] + row["unchanged"] + row["refused"]
    changes = TicketChanges.model_validate(row["changes"])
    return BulkAction(row["id"], row["action"], changes, actor, row["total"], settled)


def get_row(connection: Connection, bulk_action_id: UUID) -> dict[str, Any]:
    """Return a bulk action's row with the counts of its outcomes. Raises NotFound."""
    row: dict[str, Any] | None = queries("bulk_actions").get_bulk_action(connection, id=bulk_action_id)
    if row is None:
        raise NotFound(f"Bulk action {bulk_action_id} not found", details={"bulk_action_id": str(bulk_action_id)})
    return row


def settle_next(work: UnitOfWork, bulk: BulkAction, how_many: int) -> int:
    """Change the next tickets whose turn has not come, at most `how_many`; returns how many that were (0: all done).

    `work` acts as whoever asked.
    """
    named = queries("bulk_actions")
    taken = list(named.take_waiting(work.connection, bulk_action_id=bulk.id, how_many=how_many))
    results = [_settle(work, bulk, row) for row in taken]
    if results:
        named.settle_tickets(
            work.connection,
            bulk_action_id=bulk.id,
            ticket_ids=[result.ticket_id for result in results],
            outcomes=[result.outcome.value for result in results],
            codes=[result.code for result in results],
            messages=[result.message for result in results],
            details=[None if result.details is None else _json(result.details) for result in results],
            now=work.now,
        )
    return len(results)


def _settle(work: UnitOfWork, bulk: BulkAction, row: dict[str, Any]) -> Result:
    ticket_id = row["ticket_id"]
    try:
        with work.attempt():
            ticket = tickets.update(work, ticket_id, bulk.changes)
    except DomainError as refusal:
        return Result(ticket_id, BulkOutcome.REFUSED, refusal.code, refusal.message, refusal.details)
    except psycopg.Error as error:
        problem = _problem(error)
        if problem is None:
            raise
        return Result(ticket_id, BulkOutcome.REFUSED, problem.code, problem.message)
    changed = ticket["updated_at"] != row["updated_at"]
    return Result(ticket_id, BulkOutcome.DONE if changed else BulkOutcome.UNCHANGED)


def _problem(error: psycopg.Error) -> FibreflowError | None:
    """Return what the database has against this very ticket; None for what would hit every other one as well.

    `TK` are the refusals of our own triggers.
    """
    of_the_row = isinstance(error, psycopg.IntegrityError | psycopg.DataError)
    return translate(error) if of_the_row or (error.sqlstate or "").startswith("TK") else None


def _chosen_by(work: UnitOfWork, wanted: BulkFilter | None) -> list[UUID]:
    if wanted is None:
        return []
    parameters = filter_parameters(work.connection, wanted.filter())
    sight = load_sight(work.connection, work.actor).parameters()
    rows = fetch_planned(
        work.connection,
        queries("bulk_actions").choose_tickets,
        **parameters | sight | {"row_limit": MOST_TICKETS + 1},
    )
    problem = "no ticket matches" if not rows else f"more than {MOST_TICKETS} tickets match; narrow it"
    if not 1 <= len(rows) <= MOST_TICKETS:
        raise InvalidInput(f"filter: {problem}", details={"filter": problem})
    return sorted(row["id"] for row in rows)


def _json(value: Any) -> str:
    return to_json(value).decode()
