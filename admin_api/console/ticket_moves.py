"""The moves of a ticket as buttons: what each is called, and which ask why."""

from __future__ import annotations

from dataclasses import dataclass

from ticketing.people import Actor
from ticketing.status import moves_from
from ticketing.ticket_access import may_move

# Made by a handover alone, whose own part of the page offers it.
_BY_HANDOVER = "handed_to_maintenance"
_ASKS_WHY = frozenset({"qa_rejected", "cancelled"})
_CALLED = {
    ("open", "assigned"): "Mark as assigned",
    ("assigned", "in_progress"): "Start work",
    ("in_progress", "pending_qa"): "Hand in for QA",
    ("pending_qa", "qa_in_progress"): "Start QA",
    ("qa_in_progress", "qa_approved"): "Approve",
    ("qa_in_progress", "qa_rejected"): "Reject",
    ("qa_rejected", "in_progress"): "Start mending",
    ("qa_approved", "pending_handover"): "Ready for handover",
}
_BACK = {
    "open": "Back to open",
    "assigned": "Back to assigned",
    "in_progress": "Back to work",
    "pending_qa": "Back to waiting for QA",
    "qa_approved": "Back to approved",
    "closed": "Close",
    "cancelled": "Cancel ticket",
}


@dataclass(frozen=True, slots=True)
class Move:
    """A move that is offered; the first forward one `is_next`, one that `asks_why` needs a reason."""

    status: str
    label: str
    is_next: bool
    asks_why: bool


def moves_for(actor: Actor, status: str) -> list[Move]:
    """Return the moves from a status that the actor's roles allow, the usual one first.

    A move may still be refused for what the ticket lacks: that is told when it is tried.
    """
    wanted = [to for to in moves_from(status) if to != _BY_HANDOVER and may_move(actor, status, to)]
    return [
        Move(to, _CALLED.get((status, to)) or _BACK[to], (status, to) in _CALLED and place == 0, to in _ASKS_WHY)
        for place, to in enumerate(wanted)
    ]
