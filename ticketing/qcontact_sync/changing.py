"""Writing to a ticket what a case may change of it, through the same service as everybody else's changes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic_core import to_json

from sql.database import queries
from ticketing import tickets
from ticketing.events import UnitOfWork
from ticketing.qcontact_sync.cases import Case
from ticketing.qcontact_sync.events import CAME_FROM
from ticketing.qcontact_sync.rules import Decision, said_by
from ticketing.qcontact_sync.words import agree
from ticketing.status import Facts
from ticketing.ticket_events import TicketUpdated
from ticketing.ticket_input import TicketChanges

# What no request can change: only the CRM says of whom and of what kind a case is.
THEIRS_ALONE = ("ticket_type", "client_name", "client_contact", "client_email")


def facts_for(work: UnitOfWork, ticket: Mapping[str, Any], case: Case) -> Facts:
    """Return what the conditions of a move ask; read only where the case asks for one."""
    known = {"ticket_type": case.ticket_type or ticket["ticket_type"], "fault_cause": ticket["fault_cause"]}
    if case.status is None or agree(ticket["status"], case.status):
        return Facts(**known)
    row = queries("tickets").get_move_facts(work.connection, ticket_id=ticket["id"])
    return Facts(
        **known,
        open_steps=frozenset(row["open_steps"]),
        accepted_steps=frozenset(row["accepted_steps"]),
        active_risks=row["active_risks"],
        readiness_current=row["readiness_current"],
    )


def apply_decision(work: UnitOfWork, ticket: Mapping[str, Any], case: Case, decision: Decision) -> None:
    """Write what was decided to a locked ticket, and keep what the case said. Raises as `tickets.update` does."""
    said = {**(ticket["sheet_fields"] or {}), **said_by(case)}
    values = dict(decision.updates)
    if decision.status is not None:
        values["status"] = decision.status.value
    write_values(work, ticket, values, said, case.case_id)


def write_values(
    work: UnitOfWork, ticket: Mapping[str, Any], values: Mapping[str, Any], said: Mapping[str, Any], case_id: str
) -> None:
    """Write values of a case to a locked ticket; `said` is what the CRM said last, by column."""
    shared = {name: value for name, value in values.items() if name not in THEIRS_ALONE}
    alone = {name: value for name, value in values.items() if name in THEIRS_ALONE}
    cause = {CAME_FROM: case_id}
    # The type first: a move asks what the ticket is.
    if alone or said != ticket["sheet_fields"]:
        queries("qcontact_cases").write_client(
            work.connection,
            **dict.fromkeys(THEIRS_ALONE) | alone,
            ticket_id=ticket["id"],
            sheet_fields=to_json(said).decode(),
            changed=bool(alone),
            now=work.now,
        )
    if alone:
        before = {name: ticket[name] for name in alone}
        work.record(TicketUpdated(ticket_id=ticket["id"], before=before, after=alone, details=cause))
    if shared:
        tickets.update(work, ticket["id"], TicketChanges.model_validate(shared), cause=cause)
