"""Verification as pure rules: what a step lacks, what a request comes to, who may, and how far a ticket is.

A step here is a row of `list_verification_steps`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from ticketing.errors import ConditionNotMet, Forbidden, InvalidInput
from ticketing.people import Actor, Role
from ticketing.status import Missing
from ticketing.ticket_access import SITE_STATUSES, WORKS_ON_SITE
from ticketing.ticket_changes import difference
from ticketing.verification_steps import STEPS, Step
from ticketing.vocabulary import TERMINAL_STATUSES, Status

MAY_REVIEW: tuple[Role, ...] = ("manager", "qa")

# From the approval on, others rely on the steps: a handover freezes them in its snapshot.
_RELIED_ON = frozenset({Status.QA_APPROVED, Status.PENDING_HANDOVER, Status.HANDED_TO_MAINTENANCE})

_BY_NUMBER = {step.number: step for step in STEPS}
_WHOLE_NUMBER = re.compile(r"[+-]?[0-9]{1,9}", re.ASCII)


def parse_step_number(text: str) -> int:
    """Return the number of a step as a path gives it. Raises InvalidInput for what is no whole number from 1 to 12."""
    if not _WHOLE_NUMBER.fullmatch(text):
        raise InvalidInput("The step number must be a whole number", details={"provided": text})
    number = int(text)
    if number not in _BY_NUMBER:
        raise InvalidInput("The step number must be between 1 and 12", details={"provided": number})
    return number


def needs(step: Step) -> tuple[str, ...]:
    """Return the names of what completing a step needs, in the order in which a technician comes by them."""
    wanted = {
        "photo": step.photo_required,
        "ont_serial": step.needs_ont_serial,
        "ont_rx_level": step.needs_ont_rx,
        "notes": step.needs_notes,
    }
    return tuple(name for name, needed in wanted.items() if needed)


def missing_for_step(row: Mapping[str, Any]) -> list[Missing]:
    """Return what a step needs and does not have: nothing means that it may be completed."""
    present = {
        "photo": row["photos_count"] > 0 or bool(row["photo_url"]),
        "ont_serial": bool((row["ont_serial"] or "").strip()),
        "ont_rx_level": isinstance(row["ont_rx_level"], Decimal | float | int),
        "notes": bool((row["notes"] or "").strip()),
    }
    messages = {
        "photo": "Add a photo to the step; one that was rejected does not count",
        "ont_serial": "Record the ONT serial on the ticket",
        "ont_rx_level": "Record the received power (ONT RX) on the ticket",
        "notes": "Say in the notes what was measured, and with which instrument",
    }
    return [Missing(name, messages[name]) for name in needs(_BY_NUMBER[row["step_number"]]) if not present[name]]


def changes_of(row: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return those of the given values that differ from what the step has, and what follows from them.

    Line ends alone are no difference. Another photo is one that nobody has verified, unless the same request says so.
    """
    changed = difference(row, given)
    if "photo_url" in changed and row["photo_verified"] and "photo_verified" not in given:
        changed["photo_verified"] = False
    return changed


def may_change_steps(actor: Actor, status: str) -> bool:
    """Whether one of the actor's roles changes the steps of a ticket in `status`, and adds photos to them."""
    on_site = actor.has_role(*WORKS_ON_SITE) and status in SITE_STATUSES
    return status not in TERMINAL_STATUSES and (actor.has_role(*MAY_REVIEW) or on_site)


def require_may_change_step(actor: Actor, status: str, given: Mapping[str, Any], changed: Mapping[str, Any]) -> None:
    """Raise Forbidden unless one of the actor's roles allows the change of a step of a ticket in `status`."""
    if actor.has_role(*MAY_REVIEW):
        return
    if not actor.has_role(*WORKS_ON_SITE):
        raise Forbidden("Your role reads verification steps and does not change them")
    if "photo_verified" in given and "photo_verified" in changed:
        raise Forbidden("Only QA verifies photos", details={"fields": ["photo_verified"]})
    if status not in SITE_STATUSES:
        raise Forbidden(f"Your role may not change the steps of a ticket that is {status}")


def require_step_change(row: Mapping[str, Any], status: str, changed: Mapping[str, Any]) -> None:
    """Raise ConditionNotMet, naming everything that is in the way, unless the step may change like this.

    A step that is complete, or becomes so, has what it needs; it is not opened again once others rely on it; and the
    steps of a ticket that is over stay as they are.
    """
    if status in TERMINAL_STATUSES:
        raise ConditionNotMet(f"The ticket is {status}: its verification stays as it is", details={"status": status})
    after = {**row, **changed}
    if row["is_complete"] and not after["is_complete"] and status in _RELIED_ON:
        raise ConditionNotMet(
            f"The ticket is {status}, which relies on its steps: move it back before you open one again",
            details={"status": status},
        )
    missing = missing_for_step(after) if after["is_complete"] and changed.keys() - {"photo_verified"} else []
    if missing:
        raise ConditionNotMet(
            f"Step {row['step_number']} ({row['step_name']}) lacks something. "
            + "; ".join(item.message for item in missing),
            details={
                "step_number": row["step_number"],
                "missing": [{"condition": item.condition, "message": item.message} for item in missing],
            },
        )


def progress(complete: int, total: int = len(STEPS)) -> str:
    """Return how far a ticket is, as people say it: `7/12`."""
    return f"{complete}/{total}"


def progress_of(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return how far a ticket is, in the contract's figures; the percentage is a whole number."""
    complete = sum(row["is_complete"] for row in rows)
    return {
        "total_steps": len(rows),
        "completed_steps": complete,
        "pending_steps": len(rows) - complete,
        "progress": progress(complete, len(rows)),
        "progress_percentage": round(100 * complete / len(rows)) if rows else 0,
        "all_steps_complete": bool(rows) and complete == len(rows),
    }


def shown(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a step as the API shows it, with what it needs and, while it is open, what of that is missing."""
    missing = [] if row["is_complete"] else missing_for_step(row)
    aside = {"ont_serial", "ont_rx_level"}
    return {name: value for name, value in row.items() if name not in aside} | {
        "needs": list(needs(_BY_NUMBER[row["step_number"]])),
        "missing": [{"condition": item.condition, "message": item.message} for item in missing],
    }
