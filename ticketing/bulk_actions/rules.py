"""Who may ask for which bulk action, and how far one is: pure rules."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from ticketing.errors import Forbidden
from ticketing.people import Actor, Role
from ticketing.vocabulary import BulkAction

MOST_TICKETS = 10_000
"""Of one bulk action: what one person can still answer for."""

MAY_ASK: Mapping[BulkAction, tuple[Role, ...]] = MappingProxyType(
    {
        BulkAction.ASSIGN: ("admin", "manager"),
        BulkAction.PRIORITY: ("admin", "manager"),
        BulkAction.STATUS: ("admin", "manager", "qa"),
    }
)
"""Each ticket obeys the rules of a single change besides; this only refuses early what would be refused everywhere."""

_STATES = {
    "scheduled": "waiting",
    "available": "waiting",
    "running": "running",
    "retryable": "running",
    "completed": "completed",
    "cancelled": "cancelled",
    "discarded": "failed",
}


def require_may_ask(actor: Actor, action: BulkAction) -> None:
    """Raise Forbidden unless one of the actor's roles allows the action."""
    if not actor.has_role(*MAY_ASK[action]):
        raise Forbidden(f"Your role may not change the {_WHAT[action]} of many tickets")


_WHAT = {BulkAction.ASSIGN: "assignment", BulkAction.PRIORITY: "priority", BulkAction.STATUS: "status"}


def state_of(job_state: str | None, waiting: int) -> str:
    """Return how a bulk action stands: waiting, running, completed, cancelled or failed.

    `job_state` is None once the ledger has forgotten the job; what was not done by then never will be.
    """
    if job_state is None:
        return "cancelled" if waiting else "completed"
    return _STATES[job_state]
