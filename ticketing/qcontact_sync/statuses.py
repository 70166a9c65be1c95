"""What the statuses of both sides mean to each other (domain page; the CRM's wire contract, section 9).

Not a round trip: several of ours are one of theirs, so coming back it may not be read as a move (`agree`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from ticketing.vocabulary import Status

# Compared without spaces and case: they read "In Progress" and "InProgress" both.
_SAID_BY_THEM: Mapping[Status, tuple[str, ...]] = MappingProxyType(
    {
        Status.OPEN: ("new", "open", "pending", "pendingcustomer", "pendingcustomerresponse"),
        Status.ASSIGNED: ("assigned",),
        Status.IN_PROGRESS: ("inprogress", "escalated", "pendingcompanyresponse"),
        Status.PENDING_QA: ("inreview",),
        Status.QA_APPROVED: ("reviewed",),
        Status.CLOSED: ("solved", "closed"),
        Status.CANCELLED: ("unsolved-noresponse",),
    }
)
_OURS: Mapping[str, Status] = MappingProxyType({said: ours for ours, all_ in _SAID_BY_THEM.items() for said in all_})

# The exact spellings that a write accepts. `Closed` and "Unsolved - No Response" cannot be written.
_WRITTEN: Mapping[Status, str] = MappingProxyType(
    {
        Status.OPEN: "Open",
        Status.ASSIGNED: "Assigned",
        Status.IN_PROGRESS: "InProgress",
        Status.QA_REJECTED: "InProgress",
        Status.PENDING_QA: "InReview",
        Status.QA_IN_PROGRESS: "InReview",
        Status.QA_APPROVED: "Reviewed",
        Status.PENDING_HANDOVER: "Reviewed",
        Status.HANDED_TO_MAINTENANCE: "Solved",
        Status.CLOSED: "Solved",
        Status.CANCELLED: "Solved",
    }
)
# Whatever ended here and there: nothing is left to tell, however each side calls it.
_ENDED_HERE = frozenset({Status.HANDED_TO_MAINTENANCE, Status.CLOSED, Status.CANCELLED})
_ENDED_THERE = frozenset({"solved", "closed", "unsolved-noresponse"})


def spelling(theirs: str) -> str:
    """Return a status of theirs as it is compared: without spaces and case."""
    return "".join(theirs.split()).lower()


def in_our_words(theirs: str | None) -> Status | None:
    """Return what a status of theirs is here; None for one that is missing or unknown, which is never guessed."""
    return None if theirs is None else _OURS.get(spelling(theirs))


def in_their_words(ours: str) -> str:
    """Return the exact text to write there for a status of ours. Raises ValueError for what is no status."""
    return _WRITTEN[Status(ours)]


def is_closed_there(theirs: str | None) -> bool:
    """Whether the case is Closed: final there, every further write is refused."""
    return theirs is not None and spelling(theirs) == "closed"


def agree(ours: str, theirs: str | None) -> bool:
    """Whether both sides say the same, so that neither is to be moved: what we would write, or what we read in it."""
    if theirs is None:
        return False
    said = spelling(theirs)
    if Status(ours) in _ENDED_HERE and said in _ENDED_THERE:
        return True
    return said == spelling(in_their_words(ours)) or in_our_words(theirs) == ours


def agreeing() -> Iterator[str]:
    """Give every pair that agrees as `ours:theirs` (theirs as compared), for the queries that look for the others."""
    known = {*_OURS, *map(spelling, _WRITTEN.values())}
    return (f"{ours}:{said}" for ours in Status for said in sorted(known) if agree(ours, said))
