"""What QA may say of a photo, whatever inspection found: the request, and whether it may be followed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator

from ticketing.errors import ConditionNotMet, StaleWrite
from ticketing.input_text import clean_text
from ticketing.instants import Instant
from ticketing.people import Role
from ticketing.ticket_changes import version
from ticketing.vocabulary import TERMINAL_STATUSES, Status

MAY_OVERRULE: tuple[Role, ...] = ("manager", "qa")
LONGEST_NOTE = 2_000

# From the approval on, others rely on the photos: they are not taken away under them.
_RELIED_ON = frozenset({Status.QA_APPROVED, Status.PENDING_HANDOVER, Status.HANDED_TO_MAINTENANCE})


class Overruling(BaseModel):
    """QA's word on a photo: accepted or rejected, and why. It stands until QA says otherwise.

    `overruled_at` is the time of QA's word that the caller has seen: it is needed to change that word.
    """

    model_config = ConfigDict(extra="ignore")

    status: Literal["accepted", "rejected"] = "accepted"
    note: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=LONGEST_NOTE)]
    overruled_by: UUID | None = Field(default=None, description="You; an admin may name somebody else")
    overruled_at: Instant | None = Field(default=None, description="The word of QA that you have seen and change")

    _clean_text = field_validator("note", mode="before")(clean_text)


def says_the_same(photo: Mapping[str, Any], word: Overruling, person: UUID) -> bool:
    """Whether this person has said exactly this already: saying it again changes nothing."""
    said = (photo["overruled_by"], photo["inspection_status"], photo["overrule_note"])
    return said == (person, word.status, word.note)


def require_may_be_overruled(photo: Mapping[str, Any], ticket_status: str, word: Overruling) -> None:
    """Raise StaleWrite where QA has spoken meanwhile, and ConditionNotMet where the ticket's status forbids it."""
    current = photo["overruled_at"]
    seen = version(word.overruled_at) if word.overruled_at else None
    if current is not None and seen != version(current):
        who = photo["overruled_by_name"] or "somebody else"
        raise StaleWrite(
            f"{who} has looked at this photo already: it is {photo['inspection_status']}",
            details={
                "inspection_status": photo["inspection_status"],
                "overruled_by": str(photo["overruled_by"]),
                "overruled_at": version(current),
                "overrule_note": photo["overrule_note"],
            },
        )
    if ticket_status in TERMINAL_STATUSES:
        raise ConditionNotMet(f"The ticket is {ticket_status}: its photos stay as they are", details=_at(ticket_status))
    if word.status == "rejected" and ticket_status in _RELIED_ON:
        raise ConditionNotMet(
            f"The ticket is {ticket_status}, which relies on its photos: move it back before you reject one",
            details=_at(ticket_status),
        )


def _at(status: str) -> dict[str, Any]:
    return {"status": status}
