"""The timeline of a made-up ticket: what the services would have recorded, in order. Pure.

The steps and photos of a ticket tell of themselves where they are written.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from cli.seed.clocks import Clock
from cli.seed.life import SECOND, Check, Life, Move, Risk
from ticketing.readiness.service import ReadinessChecked
from ticketing.risks.events import RiskAccepted, RiskResolved
from ticketing.sla.calendar import moment_of
from ticketing.sla.events import SlaBreached, SlaWarned
from ticketing.sla.rules import WARNINGS
from ticketing.ticket_changes import version
from ticketing.ticket_events import TicketAssigned, TicketCreated, TicketStatusChanged, TicketUpdated
from ticketing.vocabulary import RiskStatus, Status

OPERATOR, QA, MANAGER, HAND = "operator", "qa", "manager", "hand"
SWEEP, INSPECTION = "sweep_sla", "inspect_photo"

_WHO: Final[Mapping[Status, str]] = {
    Status.ASSIGNED: OPERATOR,
    Status.IN_PROGRESS: HAND,
    Status.PENDING_QA: HAND,
    Status.QA_IN_PROGRESS: QA,
    Status.QA_REJECTED: QA,
    Status.QA_APPROVED: QA,
    Status.PENDING_HANDOVER: QA,
    Status.CLOSED: MANAGER,
    Status.CANCELLED: OPERATOR,
}


@dataclass(frozen=True, slots=True)
class Happening:
    """One line of a timeline, at microseconds since 1970; `who` is a role, or the hand that works on the ticket."""

    at: int
    event_type: str
    who: str
    before: Mapping[str, Any]
    after: Mapping[str, Any]
    details: Mapping[str, Any]


def timeline(
    life: Life, clock: Clock, beginning: Mapping[str, Any], assignment: Mapping[str, Any], found: Mapping[str, Any]
) -> list[Happening]:
    """Return what happened to a ticket up to its first handover, in order of time.

    `beginning` is what it began with, `assignment` who got it, `found` what was learnt on site; all as an event has it.
    """
    told = [Happening(life.reported_at, TicketCreated.name, OPERATOR, {}, beginning, {"sample": True})]
    status = Status.OPEN
    for move in life.moves:
        if move.handover is not None:
            break
        told.extend(_moved(move, status, assignment))
        status = move.status
    if life.found_at is not None:
        told.append(Happening(life.found_at, TicketUpdated.name, HAND, dict.fromkeys(found), found, {}))
    told.extend(_noted(clock))
    return sorted(told, key=lambda one: one.at)


def checked(check: Check, check_id: UUID, columns: Mapping[str, Any], *, was_ready: bool) -> Happening:
    """Tell of a run of the readiness check whose verdict has these columns."""
    changed = was_ready != columns["passed"]
    failed = [one["check_name"] for one in columns["failed_checks"]]
    return Happening(
        check.at,
        ReadinessChecked.name,
        QA,
        {"qa_ready": was_ready} if changed else {},
        {"qa_ready": columns["passed"]} if changed else {},
        {"check_id": str(check_id), "passed": columns["passed"], "failed": failed, "warnings": []},
    )


def accepted(risk: Risk, risk_id: UUID, description: str) -> Iterator[Happening]:
    """Tell of a risk: accepted and, where it was, resolved."""
    details = {"risk_id": str(risk_id), "risk_type": risk.kind.value, "risk_description": description}
    active = {"risk_status": RiskStatus.ACTIVE.value}
    yield Happening(risk.at, RiskAccepted.name, QA, {}, active, details | {"outstanding_steps": [12]})
    if risk.resolved_at is not None:
        resolved = {"risk_status": RiskStatus.RESOLVED.value}
        yield Happening(risk.resolved_at, RiskResolved.name, QA, active, resolved, {"risk_id": str(risk_id)})


def _moved(move: Move, before: Status, assignment: Mapping[str, Any]) -> Iterator[Happening]:
    who = _WHO[move.status]
    if before == Status.OPEN and move.status == Status.ASSIGNED:
        yield Happening(move.at - SECOND // 2, TicketAssigned.name, who, dict.fromkeys(assignment), assignment, {})
    was, became = {"status": before.value}, {"status": move.status.value}
    reason = {"reason": move.reason} if move.reason else {}
    yield Happening(move.at, TicketStatusChanged.name, who, was, became, reason)


def _noted(clock: Clock) -> Iterator[Happening]:
    due = {"sla_due_time": version(moment_of(clock.due_at))}
    for percent, at in zip(WARNINGS, clock.warned, strict=True):
        if at is not None:
            yield Happening(at, SlaWarned.name, SWEEP, {}, {}, {"percent": percent} | due)
    if clock.breached_at is not None:
        was, became = {"sla_breached": False}, {"sla_breached": True}
        yield Happening(clock.breached_at, SlaBreached.name, SWEEP, was, became, {"percent": 100} | due)
