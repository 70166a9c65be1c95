"""Making the tickets of new cases: a batch with a handful of statements, each with its steps and its timeline."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any
from uuid import UUID

from pydantic_core import to_json

from runtime.identifiers import uuid7
from sql.database import queries
from ticketing.events import UnitOfWork
from ticketing.guarantee.classification import classify_tickets
from ticketing.qcontact_sync.cases import Case
from ticketing.qcontact_sync.events import CAME_FROM
from ticketing.qcontact_sync.rules import Begin, begin, said_by
from ticketing.qcontact_sync.words import DEFAULT_TYPE
from ticketing.sla import clocks
from ticketing.ticket_changes import json_ready
from ticketing.ticket_events import TicketCreated, TicketStatusChanged


@dataclass(frozen=True, slots=True)
class Beginning:
    """A ticket about to be made of a case: its id, the reference that it is known by, and how it begins."""

    case: Case
    ticket_id: UUID
    external_id: str
    begin: Begin


def plan(work: UnitOfWork, cases: Sequence[Case]) -> list[Beginning]:
    """Decide how the tickets of new cases begin.

    A ticket is known by the client's FT reference; a case that has none, or one that another case had first, by its id.
    """
    references = [case.ft_reference for case in cases if case.ft_reference is not None]
    rows = queries("qcontact_cases").list_taken_references(work.connection, references=references)
    taken: set[str] = {row["external_id"] for row in rows}
    beginnings = []
    for case in cases:
        known_by = case.ft_reference if case.ft_reference and case.ft_reference not in taken else case.case_id
        taken.add(known_by)
        beginnings.append(Beginning(case, uuid7(), known_by, begin(case)))
    return beginnings


def create_all(work: UnitOfWork, beginnings: Sequence[Beginning]) -> None:
    """Make tickets, filled in from the SOW register, with steps, running clocks, guarantee and the moves they took.

    Raises psycopg.Error where the database refuses one of them: then none is made.
    """
    if not beginnings:
        return
    rows = to_json([_row(beginning, work) for beginning in beginnings]).decode()
    made = {
        row["id"]: row
        for row in queries("qcontact_cases").insert_tickets_of_cases(work.connection, tickets=rows, now=work.now)
    }
    clocks.start(work, list(made))
    for beginning in beginnings:
        _record(work, beginning, made[beginning.ticket_id])
    classify_tickets(work, list(made))


def _row(beginning: Beginning, work: UnitOfWork) -> dict[str, Any]:
    case = beginning.case
    said = said_by(case)
    reported_at = min(case.created_at, work.now) if case.created_at else None
    return {
        "ticket_type": DEFAULT_TYPE,
        **said,
        "id": beginning.ticket_id,
        "external_id": beginning.external_id,
        "status": beginning.begin.status,
        "sheet_fields": said,
        "reported_at": reported_at,
    }


def _record(work: UnitOfWork, beginning: Beginning, row: Mapping[str, Any]) -> None:
    """Tell the timeline of a new ticket: what it began with, and the moves to where its case stands already."""
    details = {CAME_FROM: beginning.case.case_id}
    began = {field: value for field, value in row.items() if field != "id" and value is not None}
    work.record(
        TicketCreated(
            ticket_id=beginning.ticket_id,
            after=json_ready(began | {"status": beginning.begin.path[0].value}),
            details=details,
        )
    )
    for before, after in pairwise(beginning.begin.path):
        work.record(
            TicketStatusChanged(
                ticket_id=beginning.ticket_id,
                before={"status": before.value},
                after={"status": after.value},
                details=details,
            )
        )
