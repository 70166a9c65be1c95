"""The rules of risk acceptances, pure: what may be accepted and resolved, and when a night's sweep must act.

Days are local calendar days (see `ticketing.days`): the sweep runs once a night, so counting hours from its own run
would warn of some risks only minutes ahead.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

from runtime.clock import BUSINESS_ZONE
from ticketing.days import end_of_day, local_day
from ticketing.errors import ConditionNotMet, DomainError, InvalidInput
from ticketing.vocabulary import RiskStatus, Status

FIRST_WARNING_DAYS = 7
LAST_WARNING_DAYS = 1
LONGEST_DAYS = 3650
"""How far ahead an expiry or a follow-up may lie: what lies further is a slip of the pen."""

FINAL_STATUSES = frozenset({Status.CLOSED.value, Status.CANCELLED.value})


class AlreadyResolved(DomainError):
    """The risk acceptance was resolved already, by somebody else or in another window."""

    code = "CONFLICT"


def days_ahead(now: datetime, days: int) -> datetime:
    """Return the first moment that is more than `days` local calendar days away from `now`, in UTC."""
    return end_of_day(local_day(now) + timedelta(days=days))


def days_left(expiry: datetime, now: datetime) -> int:
    """Return how many local calendar days lie between now and an expiry; negative once its day is past."""
    return (local_day(expiry) - local_day(now)).days


def outstanding(open_steps: Collection[int], named: Collection[int] | None) -> list[int]:
    """Return the steps that an acceptance lets stand open, in order: those it names, else all that are open.

    An empty collection names none: the risk concerns no step. Raises InvalidInput for a step that is complete.
    """
    if named is None:
        return sorted(open_steps)
    complete = sorted(set(named) - set(open_steps))
    if complete:
        problem = f"step {', '.join(map(str, complete))} is complete: name only what is outstanding"
        raise InvalidInput(f"outstanding_steps: {problem}", details={"outstanding_steps": problem})
    return sorted(set(named))


def require_acceptable(ticket_status: str) -> None:
    """Raise ConditionNotMet for a ticket that is closed or cancelled: there is nothing left to approve."""
    if ticket_status in FINAL_STATUSES:
        raise ConditionNotMet(
            f"A ticket that is {ticket_status} takes no risk acceptance any more", details={"status": ticket_status}
        )


def require_ahead(now: datetime, **moments: datetime | None) -> None:
    """Raise InvalidInput naming every moment that is past, or further ahead than LONGEST_DAYS."""
    problems = {
        field: problem for field, moment in moments.items() if moment and (problem := _problem_of_time(moment, now))
    }
    if problems:
        told = "; ".join(f"{field}: {problem}" for field, problem in problems.items())
        raise InvalidInput(told, details=problems)


def require_resolvable(status: str) -> None:
    """Raise AlreadyResolved for an acceptance that is resolved; an expired or escalated one may still be."""
    if status == RiskStatus.RESOLVED:
        raise AlreadyResolved("This risk acceptance was resolved already", details={"status": status})


def escalation_note(risk_description: str, expiry: datetime, conditions: str | None) -> str:
    """Return the text of the note that an escalation leaves on the ticket."""
    agreed = f" Conditions: {conditions}" if conditions else ""
    return (
        f"Accepted risk escalated: it ran out on {expiry.astimezone(BUSINESS_ZONE):%Y-%m-%d %H:%M} and nobody resolved "
        f"it. Risk: {risk_description}{agreed}"
    )


def _problem_of_time(moment: datetime, now: datetime) -> str | None:
    if moment <= now:
        return "must lie in the future"
    if moment - now > timedelta(days=LONGEST_DAYS):
        return f"must lie within {LONGEST_DAYS} days"
    return None
