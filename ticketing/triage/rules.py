"""When an item of the queue may be decided, as pure rules."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ticketing.errors import ConditionNotMet, DomainError, Forbidden
from ticketing.inbound_messages.words import MediaStatus, TriageStatus
from ticketing.people import Actor, Role
from ticketing.ticket_changes import version
from ticketing.vocabulary import TERMINAL_STATUSES

MAY_SEE: tuple[Role, ...] = ("manager", "operator", "qa")
MAY_DECIDE: tuple[Role, ...] = ("manager",)

# There is a file, or there will be one.
HAS_FILE = frozenset({MediaStatus.PENDING, MediaStatus.STORED})


class AlreadyDecided(DomainError):
    """Somebody else was quicker, or the message found its ticket by itself after all."""

    code = "CONFLICT"


def require_may_decide(actor: Actor) -> None:
    """Raise Forbidden unless the actor empties the queue."""
    if not actor.has_role(*MAY_DECIDE):
        raise Forbidden("Your role looks at the queue and does not decide")


def require_open(item: Mapping[str, Any]) -> None:
    """Raise AlreadyDecided, telling what was decided and by whom, unless an item still waits."""
    if item["status"] != TriageStatus.OPEN:
        raise AlreadyDecided(
            f"{item['decided_by_name']} has decided about this message already",
            details={
                "status": item["status"],
                "decided_by": item["decided_by_name"],
                "decided_at": version(item["decided_at"]),
                "ticket_id": str(item["ticket_id"]) if item["ticket_id"] else None,
            },
        )


def require_takes(ticket: Mapping[str, Any], message: Mapping[str, Any]) -> None:
    """Raise ConditionNotMet where the message has a file and the ticket, being over, takes no more files."""
    if ticket["status"] in TERMINAL_STATUSES and message["media_status"] in HAS_FILE:
        raise ConditionNotMet(
            f"The ticket is {ticket['status']} and takes no more files, and the message has one",
            details={"condition": "ticket_takes_files", "status": ticket["status"]},
        )
