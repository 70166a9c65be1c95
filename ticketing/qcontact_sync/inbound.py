"""Applying cases that were read: each is linked with its ticket by its id, and changes it as far as the rules allow.

A batch takes its tickets first, in one order for everybody, then its cases. Each case is applied in an attempt of its
own: one bad case never stops the others. New tickets are made together; where the database refuses the lot they are
made one by one, so that only the bad one is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

import psycopg
from pydantic_core import to_json

from runtime.errors import FibreflowError
from sql.database import queries
from sql.errors import translate
from ticketing.events import UnitOfWork
from ticketing.qcontact_sync import log
from ticketing.qcontact_sync.cases import Case, CaseOutcome, Outcome, Reading
from ticketing.qcontact_sync.changing import apply_decision, facts_for
from ticketing.qcontact_sync.conflicts import Difference, note_differences
from ticketing.qcontact_sync.creating import create_all, plan
from ticketing.qcontact_sync.rules import Base, Decision, base_status, is_over, is_overtaken, merge
from ticketing.vocabulary import SyncDirection, SyncStatus, SyncType


@dataclass(slots=True)
class _Board:
    """What the database holds of a batch's cases and their tickets, locked."""

    cases: dict[str, Mapping[str, Any]]
    tickets: dict[UUID, Mapping[str, Any]]
    adopted: dict[str, UUID]
    in_conflict: frozenset[UUID]

    def ticket_of(self, case_id: str) -> Mapping[str, Any] | None:
        ticket_id = self.cases[case_id]["ticket_id"] or self.adopted.get(case_id)
        return self.tickets.get(ticket_id) if ticket_id else None


@dataclass(slots=True)
class _Written:
    """What is written of a batch at its end, set by set."""

    cases: list[dict[str, Any]] = field(default_factory=list)
    differences: list[Difference] = field(default_factory=list)


def apply_case(work: UnitOfWork, reading: Reading, *, run_id: UUID | None = None) -> CaseOutcome:
    """Apply one case and write its row of the sync log; a failure is an outcome too."""
    return apply_all(work, [reading], run_id=run_id)[0]


def apply_all(
    work: UnitOfWork, readings: Sequence[Reading], *, run_id: UUID | None = None, tell_unchanged: bool = True
) -> list[CaseOutcome]:
    """Apply cases, each once, and write their rows of the sync log; returns what became of each.

    A reading that may be older than what was written there since changes nothing. With `tell_unchanged` off the log
    keeps quiet about cases that said nothing new.
    """
    board = _lock(work, [reading.case for reading in readings])
    fresh = [reading for reading in readings if board.ticket_of(reading.case.case_id) is None]
    known = [reading for reading in readings if board.ticket_of(reading.case.case_id) is not None]
    outcomes = _begin_all(work, board, [reading for reading in fresh if not is_over(reading.case)])
    outcomes += [_skip(work, reading) for reading in fresh if is_over(reading.case)]
    outcomes += [_guarded(work, reading, partial(_change, work, board, reading)) for reading in known]
    told = [outcome for outcome in outcomes if tell_unchanged or outcome.outcome not in _NOTHING_NEW]
    log.write_all(work, [entry_of(outcome, run_id) for outcome in told])
    return outcomes


_NOTHING_NEW = frozenset({Outcome.UNCHANGED, Outcome.SKIPPED})


def log_failures(work: UnitOfWork, failures: Sequence[CaseOutcome], *, run_id: UUID | None) -> None:
    """Write the rows of the sync log of cases that could not be read."""
    log.write_all(work, [entry_of(failure, run_id) for failure in failures])


def entry_of(outcome: CaseOutcome, run_id: UUID | None) -> log.LogEntry:
    """Return the row of the sync log that tells of an outcome."""
    sync_type = SyncType.STATUS_UPDATE if outcome.moved else SyncType.FULL_SYNC
    status = SyncStatus.PARTIAL if outcome.conflicts or outcome.told.get("unknown") else SyncStatus.SUCCESS
    return log.LogEntry(
        sync_direction=SyncDirection.INBOUND,
        sync_type=SyncType.CREATE if outcome.outcome == Outcome.CREATED else sync_type,
        status=SyncStatus.FAILED if outcome.outcome == Outcome.FAILED else status,
        qcontact_ticket_id=outcome.case_id,
        ticket_id=outcome.ticket_id,
        run_id=run_id,
        response={"outcome": outcome.outcome.value} | outcome.told,
        conflicts=[conflict.as_json() for conflict in outcome.conflicts] or None,
        error_code=outcome.error_code,
        error_message=outcome.error,
    )


def _lock(work: UnitOfWork, cases: Sequence[Case]) -> _Board:
    named, connection = queries("qcontact_cases"), work.connection
    case_ids = [case.case_id for case in cases]
    named.claim_cases(connection, case_ids=case_ids, now=work.now)
    known_by = {case.ft_reference: case.case_id for case in cases if case.ft_reference}
    known_by |= {case_id: case_id for case_id in case_ids}
    loose = named.find_unclaimed_tickets(connection, references=list(known_by))
    adopted = {known_by[row["external_id"]]: row["id"] for row in loose}
    locked = named.lock_tickets_of_cases(connection, case_ids=case_ids, ticket_ids=list(adopted.values()))
    ticket_ids = [row["id"] for row in locked]
    rows = {row["case_id"]: row for row in named.lock_cases(connection, case_ids=case_ids)}
    tickets = {row["id"]: row for row in named.list_tickets_of_sync(connection, ticket_ids=ticket_ids)}
    disputed = queries("qcontact_conflicts").list_tickets_in_conflict(connection, ticket_ids=ticket_ids)
    return _Board(rows, tickets, adopted, frozenset(row["ticket_id"] for row in disputed))


def _guarded(work: UnitOfWork, reading: Reading, apply: Callable[[_Written], Sequence[CaseOutcome]]) -> CaseOutcome:
    """Apply one case alone; what it wrote is undone where it fails, and the failure is its outcome."""
    try:
        return _together(work, apply)[0]
    except (FibreflowError, psycopg.IntegrityError, psycopg.DataError) as error:
        known = error if isinstance(error, FibreflowError) else translate(error)
        rule = error.diag.constraint_name if isinstance(error, psycopg.Error) else None
        message = known.message if known else "The case could not be applied"
        return CaseOutcome(
            case_id=reading.case.case_id,
            outcome=Outcome.FAILED,
            error_code=known.code if known else "DATABASE_ERROR",
            error=f"{message} (rule {rule})" if rule else message,
            told=reading.case.told(),
        )


def _together(work: UnitOfWork, apply: Callable[[_Written], Sequence[CaseOutcome]]) -> Sequence[CaseOutcome]:
    written = _Written()
    with work.attempt():
        outcomes = apply(written)
        note_differences(work, written.differences)
        cases = to_json(written.cases).decode()
        queries("qcontact_cases").write_cases(work.connection, cases=cases, now=work.now)
    return outcomes


def _begin_all(work: UnitOfWork, board: _Board, readings: Sequence[Reading]) -> list[CaseOutcome]:
    """Make the tickets of new cases: all at once, or one by one where one of them is refused."""
    fresh = [reading for reading in readings if board.cases[reading.case.case_id]["ticket_id"] is None]
    # Another run made the ticket while this one waited for the case, of what it had read itself.
    outcomes = [_overtaken(reading, None) for reading in readings if reading not in fresh]
    if not fresh:
        return outcomes
    try:
        return [*outcomes, *_together(work, partial(_begin, work, fresh))]
    except (FibreflowError, psycopg.IntegrityError, psycopg.DataError):
        return outcomes + [_guarded(work, reading, partial(_begin, work, [reading])) for reading in fresh]


def _begin(work: UnitOfWork, readings: Sequence[Reading], written: _Written) -> list[CaseOutcome]:
    beginnings = plan(work, [reading.case for reading in readings])
    create_all(work, beginnings)
    outcomes = []
    for reading, made in zip(readings, beginnings, strict=True):
        written.cases.append(_case_row(reading, made.ticket_id, made.begin.status.value))
        written.differences.append(Difference(made.ticket_id, made.case.case_id, made.begin.conflicts))
        outcomes.append(
            CaseOutcome(
                case_id=made.case.case_id,
                outcome=Outcome.CREATED,
                ticket_id=made.ticket_id,
                conflicts=made.begin.conflicts,
                told=made.case.told(),
            )
        )
    return outcomes


def _skip(work: UnitOfWork, reading: Reading) -> CaseOutcome:
    """Remember a case that was over before we heard of it, so as to know it next time."""

    def remember(written: _Written) -> list[CaseOutcome]:
        written.cases.append(_case_row(reading, None, None))
        return [CaseOutcome(case_id=reading.case.case_id, outcome=Outcome.SKIPPED, told=reading.case.told())]

    return _guarded(work, reading, remember)


def _change(work: UnitOfWork, board: _Board, reading: Reading, written: _Written) -> list[CaseOutcome]:
    case, row = reading.case, board.cases[reading.case.case_id]
    ticket = board.ticket_of(case.case_id)
    if ticket is None or is_overtaken(reading.read_at, row["pushed_at"], row["read_at"]):
        return [_overtaken(reading, row["ticket_id"])]
    if row["details_hash"] == case.details_hash() and ticket["id"] not in board.in_conflict:
        written.cases.append(_case_row(reading, ticket["id"], None))
        return [_unchanged(reading, ticket["id"])]
    base = Base(
        base_status(_pair(row, "agreed"), _pair(row, "pushed")), ticket["sheet_fields"] or {}, tuple(row["sending"])
    )
    decision = merge(ticket, base, case, facts_for(work, ticket, case))
    apply_decision(work, ticket, case, decision)
    written.cases.append(_case_row(reading, ticket["id"], decision.agreed_status))
    conflicts = tuple(decision.conflicts)
    written.differences.append(Difference(ticket["id"], case.case_id, conflicts, frozenset(decision.settled)))
    return [_changed(case, ticket["id"], decision)]


def _changed(case: Case, ticket_id: UUID, decision: Decision) -> CaseOutcome:
    changed = Outcome.UPDATED if decision.updates or decision.status else Outcome.UNCHANGED
    return CaseOutcome(
        case_id=case.case_id,
        outcome=Outcome.CONFLICT if decision.conflicts else changed,
        ticket_id=ticket_id,
        moved=decision.status is not None,
        conflicts=tuple(decision.conflicts),
        told=case.told(),
    )


def _unchanged(reading: Reading, ticket_id: UUID) -> CaseOutcome:
    case = reading.case
    return CaseOutcome(case_id=case.case_id, outcome=Outcome.UNCHANGED, ticket_id=ticket_id, told=case.told())


def _overtaken(reading: Reading, ticket_id: UUID | None) -> CaseOutcome:
    case = reading.case
    told = case.told() | {"overtaken": True}
    return CaseOutcome(case_id=case.case_id, outcome=Outcome.UNCHANGED, ticket_id=ticket_id, overtaken=True, told=told)


def _pair(row: Mapping[str, Any], what: str) -> tuple[str, datetime] | None:
    status, at = row[f"{what}_status"], row[f"{what}_at"]
    return (status, at) if status is not None and at is not None else None


def _case_row(reading: Reading, ticket_id: UUID | None, agreed_status: str | None) -> dict[str, Any]:
    case = reading.case
    return {
        "case_id": case.case_id,
        "ticket_id": ticket_id,
        "ft_reference": case.ft_reference,
        "their_status": case.their_status,
        "their_assigned_to": case.their_assigned_to,
        "their_updated_at": case.updated_at,
        "read_at": reading.read_at,
        "details_hash": case.details_hash().hex(),
        "agreed_status": agreed_status,
    }
