"""Running the readiness check: on one ticket, on many at once, and on all that wait for QA.

Each run takes the tickets first: whoever changes a checked field or a photo waits until the run has committed, and then
takes its word back.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, ClassVar
from uuid import UUID

from pydantic_core import to_json

from runtime.identifiers import uuid7
from sql.database import queries
from ticketing.errors import ConditionNotMet, Forbidden
from ticketing.events import TicketEvent, UnitOfWork
from ticketing.paging import Position, place_of
from ticketing.people import Role
from ticketing.readiness.rules import Policy, Verdict, evaluate, facts_of
from ticketing.ticket_views import load_sight, no_such_ticket
from ticketing.vocabulary import TERMINAL_STATUSES, Status

MAY_CHECK: tuple[Role, ...] = ("manager", "qa")
BATCH_MOST = 500
"""The most tickets that one call checks: they stay locked until it commits."""

_MOMENT = timedelta(microseconds=1)


@dataclass(frozen=True, kw_only=True)
class ReadinessChecked(TicketEvent):
    """The readiness check ran; `details` has the check's id, whether it passed, and what failed or warns."""

    name: ClassVar[str] = "qa_readiness_checked"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What running the check on many tickets came to; `skipped` says why a ticket was left out."""

    checks: list[dict[str, Any]]
    skipped: dict[UUID, str]

    def as_json(self) -> dict[str, Any]:
        """Return counts, a short result for each ticket, and what was left out."""
        passed = sum(check["passed"] for check in self.checks)
        return {
            "checked": len(self.checks),
            "passed": passed,
            "failed": len(self.checks) - passed,
            "results": [
                {
                    "ticket_id": str(check["ticket_id"]),
                    "passed": check["passed"],
                    "failed_checks": [failed["check_name"] for failed in check["failed_checks"]],
                }
                for check in self.checks
            ],
            "skipped": [{"ticket_id": str(ticket_id), "reason": reason} for ticket_id, reason in self.skipped.items()],
        }


def check(work: UnitOfWork, ticket_id: UUID, policy: Policy, *, checked_by: UUID | None) -> dict[str, Any]:
    """Run the check on a ticket and return it as kept: a row of `qa_readiness_checks`. Passing is no condition.

    Raises NotFound, Forbidden, and ConditionNotMet for a ticket that is over.
    """
    if not work.actor.has_role(*MAY_CHECK):
        raise Forbidden("Your role may not run the readiness check")
    tickets = _lock(work, [ticket_id])
    if not tickets:
        raise no_such_ticket(ticket_id)
    status = tickets[0]["status"]
    if status in TERMINAL_STATUSES:
        raise ConditionNotMet(f"The ticket is {status}: it does not go to QA any more", details={"status": status})
    (made,) = _run(work, tickets, policy, checked_by=checked_by)
    return made


def check_many(
    work: UnitOfWork, ticket_ids: Sequence[UUID], policy: Policy, *, checked_by: UUID | None = None
) -> Outcome:
    """Run the check on up to BATCH_MOST tickets with a fixed number of statements.

    Tickets that do not exist or are over are skipped and named. Raises ValueError for more tickets, and Forbidden.
    """
    if len(ticket_ids) > BATCH_MOST:
        raise ValueError(f"at most {BATCH_MOST} tickets are checked at once")
    if not work.actor.has_role(*MAY_CHECK):
        raise Forbidden("Your role may not run the readiness check")
    tickets = {ticket["id"]: ticket for ticket in _lock(work, ticket_ids)}
    skipped = {ticket_id: "no such ticket" for ticket_id in ticket_ids if ticket_id not in tickets}
    over = {
        one["id"]: f"the ticket is {one['status']}" for one in tickets.values() if one["status"] in TERMINAL_STATUSES
    }
    due = [ticket for ticket in tickets.values() if ticket["id"] not in over]
    return Outcome(_run(work, due, policy, checked_by=checked_by), {**skipped, **over})


def recheck_waiting(
    work: UnitOfWork, policy: Policy, *, after: Position | None, limit: int
) -> tuple[Outcome, Position | None]:
    """Run the check on the next tickets that wait for QA; return what it came to and where to go on (None: the end).

    The timeline tells only of tickets that come out otherwise than before: a night in which nothing changed is no news.
    """
    rows = list(
        queries("readiness").list_tickets_that_wait_for_qa(
            work.connection,
            status=Status.PENDING_QA.value,
            **place_of(after, limit),
        )
    )
    # Read without a lock: a ticket that has moved on meanwhile does not wait any more.
    tickets = [one for one in _lock(work, [row["id"] for row in rows]) if one["status"] == Status.PENDING_QA]
    checks = _run(work, tickets, policy, checked_by=None, only_news=True)
    last = rows[-1] if len(rows) == limit else None
    return Outcome(checks, {}), Position(last["created_at"], last["id"]) if last else None


def _lock(work: UnitOfWork, ticket_ids: Iterable[UUID]) -> list[dict[str, Any]]:
    sight = load_sight(work.connection, work.actor)
    return list(
        queries("readiness").lock_tickets_to_check(work.connection, ticket_ids=list(ticket_ids), **sight.parameters())
    )


def _run(
    work: UnitOfWork,
    tickets: Sequence[Mapping[str, Any]],
    policy: Policy,
    *,
    checked_by: UUID | None,
    only_news: bool = False,
) -> list[dict[str, Any]]:
    """Check locked tickets, keep the runs and record what is to be told."""
    facts = queries("readiness").list_readiness_facts(work.connection, ticket_ids=[one["id"] for one in tickets])
    verdicts = {row["id"]: evaluate(facts_of(row), policy) for row in facts}
    made = []
    for ticket in tickets:
        verdict = verdicts[ticket["id"]]
        run = _row(work, ticket, verdict, checked_by)
        made.append(run)
        if not only_news or _is_news(ticket, verdict):
            work.record(_event(ticket, run))
    if made:
        checks = [
            {**run, "changed": _is_news(one, verdicts[one["id"]])} for one, run in zip(tickets, made, strict=True)
        ]
        queries("readiness").insert_readiness_checks(work.connection, checks=to_json(checks).decode(), now=work.now)
    return made


def _row(work: UnitOfWork, ticket: Mapping[str, Any], verdict: Verdict, checked_by: UUID | None) -> dict[str, Any]:
    return {
        "id": uuid7(),
        "ticket_id": ticket["id"],
        "checked_at": _later_than(ticket["qa_readiness_check_at"], work.now),
        "checked_by": checked_by,
        **verdict.columns(),
        "created_at": work.now,
    }


def _later_than(last: datetime | None, now: datetime) -> datetime:
    """Return the time of a run: the present, but after the run before, whatever another machine's clock said then."""
    return now if last is None else max(now, last + _MOMENT)


def _is_news(ticket: Mapping[str, Any], verdict: Verdict) -> bool:
    before = (ticket["qa_ready"], ticket["qa_readiness_failed_reasons"] or [])
    return ticket["qa_readiness_check_at"] is None or before != (verdict.passed, verdict.reasons)


def _event(ticket: Mapping[str, Any], run: Mapping[str, Any]) -> ReadinessChecked:
    changed = ticket["qa_ready"] != run["passed"]
    names = {
        kind: [failed["check_name"] for failed in run["failed_checks"] if failed["blocking"] is blocks]
        for kind, blocks in (("failed", True), ("warnings", False))
    }
    return ReadinessChecked(
        ticket_id=ticket["id"],
        before={"qa_ready": ticket["qa_ready"]} if changed else {},
        after={"qa_ready": run["passed"]} if changed else {},
        details={"check_id": str(run["id"]), "passed": run["passed"], **names},
    )
