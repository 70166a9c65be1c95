"""The status machine of a ticket, as pure rules (domain page, "Status machine").

Everything that moves a ticket (the API, an import, the CRM, a handover) asks here first: `require_move` raises what the
caller should be told, `refusal` returns it.
"""

from __future__ import annotations

from dataclasses import dataclass

from ticketing.errors import ConditionNotMet, DomainError, InvalidStatusTransition
from ticketing.verification_steps import STEPS
from ticketing.vocabulary import FAULT_TYPES, TRANSITIONS, Status

ALL_STEPS = frozenset(step.number for step in STEPS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is true of a ticket at the moment of a move, as far as the conditions ask.

    `open_steps` are the verification steps that are not complete, `accepted_steps` those that active risk acceptances
    name as outstanding. `reason` is what the mover says. `readiness_current` means a passed readiness check that no
    change of a checked field or photo has overtaken. `by_handover` is set only by the handover service, after its
    gates passed.
    """

    ticket_type: str
    fault_cause: str | None = None
    reason: str | None = None
    open_steps: frozenset[int] = ALL_STEPS
    accepted_steps: frozenset[int] = frozenset()
    active_risks: int = 0
    readiness_current: bool = False
    by_handover: bool = False


@dataclass(frozen=True, slots=True)
class Missing:
    """One thing that a move still needs: a stable name and what to do about it."""

    condition: str
    message: str


def refusal(current: str, requested: str, facts: Facts) -> DomainError | None:
    """Return why a ticket may not move, or None if it may. Naming the current status is no move and always allowed.

    The error is InvalidStatusTransition (the machine has no such move; lists those it has) or ConditionNotMet (the move
    exists; names everything that it lacks, not only the first thing).
    """
    if requested == current:
        return None
    allowed = moves_from(current)
    if requested not in allowed:
        return InvalidStatusTransition(current, requested, allowed)
    missing = missing_for(requested, facts)
    return _condition_not_met(current, requested, missing) if missing else None


def require_move(current: str, requested: str, facts: Facts) -> None:
    """Raise InvalidStatusTransition or ConditionNotMet unless the ticket may move."""
    error = refusal(current, requested, facts)
    if error is not None:
        raise error


def is_move(current: str, requested: str) -> bool:
    """Whether the machine has this move at all, whatever it may need besides."""
    return requested in moves_from(current)


def moves_from(status: str) -> tuple[str, ...]:
    """Return the statuses that a ticket may move to, whatever each may need besides; none for a final status."""
    return tuple(move.value for move in TRANSITIONS[Status(status)])


def missing_for(requested: str, facts: Facts) -> list[Missing]:
    """Return everything that a ticket lacks for a status, in the order in which a person would mend it."""
    checks = {
        "qa_in_progress": _missing_for_qa,
        "qa_rejected": _missing_for_rejection,
        "qa_approved": _missing_for_approval,
        "handed_to_maintenance": _missing_for_maintenance,
        "closed": _missing_for_closing,
    }
    check = checks.get(requested)
    return check(facts) if check else []


def _missing_for_qa(facts: Facts) -> list[Missing]:
    if facts.readiness_current:
        return []
    return [Missing("qa_readiness", "Run the readiness check: QA starts on one that passed after the last change")]


def _missing_for_rejection(facts: Facts) -> list[Missing]:
    if facts.reason and facts.reason.strip():
        return []
    return [Missing("reason", "Say in `reason` why the work is rejected")]


def _missing_for_approval(facts: Facts) -> list[Missing]:
    unaccepted = facts.open_steps - facts.accepted_steps if facts.active_risks else facts.open_steps
    if not unaccepted:
        return []
    done = f"{len(ALL_STEPS - facts.open_steps)}/{len(ALL_STEPS)}"
    steps = ", ".join(str(number) for number in sorted(unaccepted))
    return [
        Missing(
            "verification_complete",
            f"{done} steps are complete: finish {steps}, or accept a risk that names them as outstanding",
        )
    ]


def _missing_for_maintenance(facts: Facts) -> list[Missing]:
    if facts.by_handover:
        return []
    return [Missing("handover", "Make a qa_to_maintenance handover: only its gates move a ticket to maintenance")]


def _missing_for_closing(facts: Facts) -> list[Missing]:
    missing = []
    if facts.ticket_type in FAULT_TYPES and not facts.fault_cause:
        missing.append(Missing("fault_cause", f"A ticket of type {facts.ticket_type} needs a fault cause"))
    if facts.active_risks:
        missing.append(Missing("no_active_risks", f"{facts.active_risks} risk acceptance(s) are still active"))
    return missing


def _condition_not_met(current: str, requested: str, missing: list[Missing]) -> ConditionNotMet:
    what = "; ".join(item.message for item in missing)
    return ConditionNotMet(
        f"A ticket that is {current} cannot become {requested} yet. {what}",
        details={
            "current": current,
            "requested": requested,
            "missing": [{"condition": item.condition, "message": item.message} for item in missing],
        },
    )
