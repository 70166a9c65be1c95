"""The words of the CRM, mapped to the exact vocabulary. They are compared without case, spaces and punctuation.

The CRM writes one status in two ways, `In Progress` where people read it and `InProgress` where programs do; both are
the same word here. A word that no table has stays unknown: it is reported, never guessed.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from types import MappingProxyType

from ticketing.vocabulary import Status, TicketType

STATUSES: Mapping[str, Status] = MappingProxyType(
    {
        "new": Status.OPEN,
        "open": Status.OPEN,
        "pending": Status.OPEN,
        "pendingcustomer": Status.OPEN,
        "pendingcustomerresponse": Status.OPEN,
        "assigned": Status.ASSIGNED,
        "inprogress": Status.IN_PROGRESS,
        "escalated": Status.IN_PROGRESS,
        "pendingcompanyresponse": Status.IN_PROGRESS,
        "inreview": Status.PENDING_QA,
        "reviewed": Status.QA_APPROVED,
        "solved": Status.CLOSED,
        "closed": Status.CLOSED,
        "unsolvednoresponse": Status.CANCELLED,
    }
)
"""Their statuses. Solved and Closed both end a ticket: ours has no status between the two."""

# Ours that look the same from there: their words are fewer. A ticket that is cancelled here is Solved there.
SAME_THERE: Mapping[Status, frozenset[Status]] = MappingProxyType(
    {
        Status.OPEN: frozenset({Status.OPEN}),
        Status.ASSIGNED: frozenset({Status.ASSIGNED}),
        Status.IN_PROGRESS: frozenset({Status.IN_PROGRESS, Status.QA_REJECTED}),
        Status.PENDING_QA: frozenset({Status.PENDING_QA, Status.QA_IN_PROGRESS}),
        Status.QA_APPROVED: frozenset({Status.QA_APPROVED, Status.PENDING_HANDOVER}),
        Status.CLOSED: frozenset({Status.CLOSED, Status.CANCELLED, Status.HANDED_TO_MAINTENANCE}),
        Status.CANCELLED: frozenset({Status.CANCELLED}),
    }
)

# What a category, or the part of one after its separator, says about the type of the work.
TYPES: Mapping[str, TicketType] = MappingProxyType(
    {
        "ontmove": TicketType.ONT_SWAP,
        "ontswap": TicketType.ONT_SWAP,
        "installation": TicketType.NEW_INSTALLATION,
        "newinstallation": TicketType.NEW_INSTALLATION,
        "modification": TicketType.MODIFICATION,
        "incident": TicketType.INCIDENT,
        "connectivity": TicketType.MAINTENANCE,
        "maintenance": TicketType.MAINTENANCE,
        "fault": TicketType.MAINTENANCE,
        "repair": TicketType.MAINTENANCE,
        "followup": TicketType.MAINTENANCE,
        "propertydamage": TicketType.MAINTENANCE,
        "general": TicketType.MAINTENANCE,
        "smarttv": TicketType.MAINTENANCE,
        "other": TicketType.MAINTENANCE,
    }
)
DEFAULT_TYPE = TicketType.MAINTENANCE
"""Of a case without a category."""


@functools.lru_cache(maxsize=1_024)
def simplify(found: str) -> str:
    """Return a word as the tables spell it: lower-case letters and digits only."""
    return re.sub(r"[\W_]+", "", found.casefold())


def status_of(found: str | None) -> Status | None:
    """Return our status for a word of theirs; None for no word and for one that is not known."""
    return STATUSES.get(simplify(found)) if found else None


def type_of(category: str | None, subcategory: str | None) -> TicketType | None:
    """Return the type of the work: what the subcategory says, else the category; None where neither is known."""
    if not category:
        return DEFAULT_TYPE
    return TYPES.get(simplify(subcategory or "")) or TYPES.get(simplify(category))


def agree(ours: str, theirs: Status) -> bool:
    """Whether a ticket's status and what a case's status means to us are the same as far as the CRM can tell."""
    return ours in SAME_THERE.get(theirs, frozenset())
