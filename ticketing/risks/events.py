"""What can happen to a risk acceptance. The timeline of its ticket shows these names; jobs react to these types."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

from ticketing.events import TicketEvent


@dataclass(frozen=True, kw_only=True)
class RiskEvent(TicketEvent):
    """Something that happened to a risk acceptance; `details` holds its id and what a notice needs to tell."""

    risk_id: UUID


@dataclass(frozen=True, kw_only=True)
class RiskAccepted(RiskEvent):
    """QA approved with conditions."""

    name: ClassVar[str] = "risk_accepted"


@dataclass(frozen=True, kw_only=True)
class RiskResolved(RiskEvent):
    """What was accepted has been put right, or has gone away; `details.resolution_notes` tells how."""

    name: ClassVar[str] = "risk_resolved"


@dataclass(frozen=True, kw_only=True)
class RiskExpiring(RiskEvent):
    """An active acceptance runs out soon: `details.days_left`, 7 days ahead and again 1 day ahead."""

    name: ClassVar[str] = "risk_expiring"


@dataclass(frozen=True, kw_only=True)
class RiskExpired(RiskEvent):
    """An acceptance ran out: it covers nothing any more, and QA has to be told."""

    name: ClassVar[str] = "risk_expired"


@dataclass(frozen=True, kw_only=True)
class RiskEscalated(RiskEvent):
    """An acceptance ran out and nobody resolved it; the ticket carries a note that says so."""

    name: ClassVar[str] = "risk_escalated"
