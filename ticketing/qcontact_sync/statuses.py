"""What is written of our statuses into a case (the CRM's wire contract, section 9); `words` tells what is read there.

Not a round trip: several of ours are one of theirs. What `words.agree` holds for the same is never written.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from ticketing.qcontact_sync import words
from ticketing.vocabulary import Status

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


def in_their_words(ours: str) -> str:
    """Return the exact text to write there for a status of ours. Raises ValueError for what is no status."""
    return _WRITTEN[Status(ours)]


def is_closed_there(theirs: str | None) -> bool:
    """Whether the case is Closed: final there, every further write is refused."""
    return theirs is not None and words.simplify(theirs) == "closed"


def same_word(one: str | None, other: str | None) -> bool:
    """Whether two texts of theirs are the same status, in whichever of their two spellings."""
    if one is None or other is None:
        return one is other
    return words.simplify(one) == words.simplify(other)


def agrees(ours: str, theirs: str | None) -> bool:
    """Whether a status of ours says the same as their text; one that is missing or unknown agrees with nothing."""
    known = words.status_of(theirs)
    return known is not None and words.agree(ours, known)


def agreeing() -> list[str]:
    """Return every pair that agrees as `ours:theirs`, theirs simplified, for the queries that look for the others."""
    return [f"{ours}:{theirs}" for ours in Status for theirs in sorted(words.STATUSES) if agrees(ours, theirs)]
