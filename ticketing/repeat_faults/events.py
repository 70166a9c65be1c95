"""What can happen to an escalation. The timeline of its tickets shows these names; jobs react to these types."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

from ticketing.events import Event, TicketEvent


@dataclass(frozen=True, kw_only=True)
class EscalationEvent(TicketEvent):
    """Something that happened to an escalation; `details` holds its id and what a notice needs to tell."""

    escalation_id: UUID


@dataclass(frozen=True, kw_only=True)
class EscalationCreated(EscalationEvent):
    """Too many faults in one place: `ticket_id` is the infrastructure ticket that was made for it."""

    name: ClassVar[str] = "escalation_created"


@dataclass(frozen=True, kw_only=True)
class FaultJoinedEscalation(EscalationEvent):
    """A fault counts towards an escalation: it was raised for it, or was there already when the fault came."""

    name: ClassVar[str] = "fault_joined_escalation"


@dataclass(frozen=True, kw_only=True)
class EscalationInvestigated(EscalationEvent):
    """Somebody looks into it."""

    name: ClassVar[str] = "escalation_investigated"


@dataclass(frozen=True, kw_only=True)
class EscalationResolved(EscalationEvent):
    """It was put right, or nothing needs to be done; `details.resolution_notes` tells which and how."""

    name: ClassVar[str] = "escalation_resolved"


@dataclass(frozen=True, kw_only=True)
class RepeatFaultThresholdsChanged(Event):
    """How many faults are too many changed, for a project or (None) for all that have no figures of their own."""

    name: ClassVar[str] = "repeat_fault_thresholds_changed"

    project_id: UUID | None
