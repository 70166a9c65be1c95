"""The rules of repeat faults, pure: what is counted where, what an escalation asks for, and what may become of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final, TypeVar

from ticketing.errors import DomainError, InvalidInput
from ticketing.vocabulary import FAULT_TYPES, EscalationScope, EscalationStatus, EscalationType

MOST_FAULTS = 10_000
"""A threshold above this is a slip of the pen."""
LONGEST_WINDOW_DAYS = 3650

PLACE_FIELDS: Final = frozenset({"pole_number", "pon_number", "zone_id", "dr_number", "project_id"})
"""The fields of a ticket that say where its fault is counted."""

WITHIN_PROJECT: Final = frozenset({EscalationScope.PON, EscalationScope.ZONE})
"""PONs and zones are numbered within their project; a pole and a drop are one thing, whatever project is named."""

UNRESOLVED: Final = (EscalationStatus.OPEN, EscalationStatus.INVESTIGATING)

FIELD_OF: Final = MappingProxyType(
    {
        EscalationScope.POLE: "pole_number",
        EscalationScope.PON: "pon_number",
        EscalationScope.ZONE: "zone_id",
        EscalationScope.DR: "dr_number",
    }
)
"""The ticket's field that names the place."""

_NAMES: Final = MappingProxyType(
    {
        EscalationScope.POLE: "pole",
        EscalationScope.PON: "PON",
        EscalationScope.ZONE: "zone",
        EscalationScope.DR: "drop",
    }
)

Word = TypeVar("Word", bound=StrEnum)


class AlreadyResolved(DomainError):
    """The escalation was resolved already, by somebody else or in another window."""

    code = "CONFLICT"


class AlreadyInvestigated(DomainError):
    """Somebody looks into the escalation already."""

    code = "CONFLICT"


@dataclass(frozen=True, slots=True)
class Pattern:
    """How many faults a place has in a window, and how many are too many."""

    scope: EscalationScope
    value: str
    fault_count: int
    threshold: int
    window_days: int

    @property
    def detected(self) -> bool:
        """Whether there are too many."""
        return self.fault_count >= self.threshold

    def named(self) -> str:
        """Return the place in words, such as `pole LAW.P.A002`."""
        return f"{_NAMES[self.scope]} {self.value}"


def kind_of(scope: EscalationScope) -> EscalationType:
    """Return what an escalation asks for at first: one thing is inspected, a part of the network is investigated."""
    single = scope in (EscalationScope.POLE, EscalationScope.DR)
    return EscalationType.INSPECTION if single else EscalationType.INVESTIGATION


def title_of(pattern: Pattern) -> str:
    """Return the title of the infrastructure ticket."""
    return f"Repeat faults on {pattern.named()}: {pattern.fault_count} in {pattern.window_days} days"


def description_of(pattern: Pattern, ticket_uids: Sequence[str]) -> str:
    """Return the description of the infrastructure ticket; `ticket_uids` are of the faults, the last one first."""
    shown = ", ".join(ticket_uids)
    more = pattern.fault_count - len(ticket_uids)
    rest = f" and {more} more" if more > 0 else ""
    return (
        f"{pattern.fault_count} faults were reported on {pattern.named()} within {pattern.window_days} days; from "
        f"{pattern.threshold} on the cause is looked for in the network. Faults: {shown}{rest}."
    )


def recommendation_of(pattern: Pattern, *, escalated: bool) -> str:
    """Return what to do about a place; `escalated` if it has an escalation that is not resolved."""
    if escalated:
        return f"An escalation for {pattern.named()} is under way: later faults join it."
    if not pattern.detected:
        missing = pattern.threshold - pattern.fault_count
        return f"No pattern: {missing} more within {pattern.window_days} days would raise an escalation."
    if kind_of(pattern.scope) is EscalationType.INSPECTION:
        return f"Escalate: have {pattern.named()} inspected before the next fault is mended there."
    return f"Escalate: have {pattern.named()} investigated for a common cause."


def may_count(ticket: Mapping[str, Any]) -> bool:
    """Whether a new ticket, told by its beginning, may be counted anywhere as a fault."""
    return ticket.get("ticket_type") in FAULT_TYPES and any(ticket.get(field) for field in FIELD_OF.values())


def require_unresolved(status: str) -> None:
    """Raise AlreadyResolved for an escalation that is over."""
    if status not in UNRESOLVED:
        raise AlreadyResolved("This escalation was resolved already", details={"status": status})


def require_open(status: str) -> None:
    """Raise AlreadyResolved or AlreadyInvestigated for an escalation that is not open."""
    require_unresolved(status)
    if status != EscalationStatus.OPEN:
        raise AlreadyInvestigated("This escalation is being investigated already", details={"status": status})


def words_of(kind: type[Word], given: str, field: str) -> tuple[Word, ...]:
    """Return words of a vocabulary written with commas. Raises InvalidInput, with `details.valid_values`."""
    return tuple(word_of(kind, part.strip(), field) for part in given.split(",") if part.strip())


def word_of(kind: type[Word], given: str, field: str) -> Word:
    """Return the word of that name. Raises InvalidInput, with `details.valid_values`, for anything else."""
    try:
        return kind(given)
    except ValueError as error:
        known = [word.value for word in kind]
        problem = f"must be one of {', '.join(known)}"
        raise InvalidInput(f"Invalid {field}: {problem}", details={field: problem, "valid_values": known}) from error
