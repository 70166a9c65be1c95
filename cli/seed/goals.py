"""How far made-up tickets get, and the way there through the status machine. Pure."""

from __future__ import annotations

import random
from typing import Final

from ticketing.vocabulary import HandoverType, Status

Stage = tuple[Status, HandoverType | None]
"""A status on the way, and the handover that moves a ticket there, if only one does."""

CYCLE: Final = 40
PHOTOGRAPHED_A_CYCLE: Final = 9
"""How many tickets of a cycle have photos where photos are wanted: one that waits for QA, all that are further."""

GOALS: Final = (
    (Status.OPEN,) * 3
    + (Status.ASSIGNED,) * 2
    + (Status.IN_PROGRESS,) * 2
    + (Status.PENDING_QA, Status.QA_IN_PROGRESS, Status.QA_REJECTED, Status.QA_APPROVED, Status.PENDING_HANDOVER)
    + (Status.HANDED_TO_MAINTENANCE,) * 2
    + (Status.CANCELLED,) * 2
    + (Status.CLOSED,) * 24
)
_ON_SITE = (Status.ASSIGNED, Status.IN_PROGRESS, Status.PENDING_QA)
_REWORK = (Status.QA_IN_PROGRESS, Status.QA_REJECTED, Status.IN_PROGRESS, Status.PENDING_QA)
_BEYOND_SITE: Final = frozenset(
    {
        Status.PENDING_QA,
        Status.QA_IN_PROGRESS,
        Status.QA_REJECTED,
        Status.QA_APPROVED,
        Status.PENDING_HANDOVER,
        Status.HANDED_TO_MAINTENANCE,
    }
)
_WITH_QA: Final = frozenset({*_BEYOND_SITE, Status.CLOSED} - {Status.PENDING_QA})
ENDS: Final = frozenset({Status.CLOSED, Status.CANCELLED})
_CLOSED_BY_HANDOVER: Final = 2
_REWORK_SHARE = 0.15

REJECTIONS: Final = (
    "Splice tray of step 4 is open on the photo: close it and take the photo again",
    "The label at the pole cannot be read on the photo of step 10",
    "The RX reading is noted without the instrument",
    "Slack hangs below two metres at the driveway",
)
CANCELLATIONS: Final = ("Client solved it: the router was unplugged", "Logged twice", "Client does not answer")


def goals(chance: random.Random) -> list[tuple[Status, bool]]:
    """Return the goals of a cycle in any order, each with whether it has photos where photos are wanted."""
    shuffled = list(GOALS)
    chance.shuffle(shuffled)
    drawn, closed = [], 0
    for goal in shuffled:
        closed += goal == Status.CLOSED
        drawn.append((goal, goal in _BEYOND_SITE or (goal == Status.CLOSED and closed <= _CLOSED_BY_HANDOVER)))
    return drawn


def path(goal: Status, is_photographed: bool, chance: random.Random) -> list[Stage]:
    """Return the statuses on the way to a goal; without photos nothing can be handed over, so it is closed instead."""
    if goal == Status.CANCELLED:
        return [(status, None) for status in (*_ON_SITE[: chance.randrange(3)], Status.CANCELLED)]
    if goal in _ON_SITE:
        return [(status, None) for status in _ON_SITE[: _ON_SITE.index(goal) + 1]]
    if goal not in _WITH_QA:
        return []
    rework = _REWORK if chance.random() < _REWORK_SHARE else ()
    way = [(status, None) for status in (*_ON_SITE, *rework, Status.QA_IN_PROGRESS)]
    return [*way, *_end(goal, is_photographed)]


def _end(goal: Status, is_photographed: bool) -> list[Stage]:
    approved: list[Stage] = [(Status.QA_APPROVED, None)]
    handed = (Status.HANDED_TO_MAINTENANCE, HandoverType.QA_TO_MAINTENANCE)
    if goal == Status.QA_IN_PROGRESS:
        return []
    if goal in {Status.QA_REJECTED, Status.PENDING_HANDOVER}:
        return [*(approved if goal == Status.PENDING_HANDOVER else []), (goal, None)]
    if goal == Status.QA_APPROVED:
        return approved
    if not is_photographed:
        return [*approved, (Status.CLOSED, None)]
    closed = [(Status.CLOSED, HandoverType.MAINTENANCE_COMPLETE)] if goal == Status.CLOSED else []
    return [*approved, handed, *closed]
