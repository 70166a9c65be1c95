"""What can happen to a guarantee. Timelines show the names of ticket events; jobs react to these types."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

from ticketing.events import Event, TicketEvent


@dataclass(frozen=True, kw_only=True)
class GuaranteeClassified(TicketEvent):
    """The rules gave a ticket another guarantee or billing class; `details` holds what they looked at."""

    name: ClassVar[str] = "guarantee_classified"


@dataclass(frozen=True, kw_only=True)
class GuaranteeOverridden(TicketEvent):
    """A person decided otherwise than the rules; `details.reason` tells why."""

    name: ClassVar[str] = "guarantee_overridden"


@dataclass(frozen=True, kw_only=True)
class GuaranteeOverrideEnded(TicketEvent):
    """A person gave a ticket back to the rules."""

    name: ClassVar[str] = "guarantee_override_ended"


@dataclass(frozen=True, kw_only=True)
class InstallationDated(TicketEvent):
    """The day on which a ticket's work was installed was noted, or taken back."""

    name: ClassVar[str] = "installation_dated"


@dataclass(frozen=True, kw_only=True)
class GuaranteePeriodsChanged(Event):
    """A project's periods changed; those of every project without its own if `project_id` is None."""

    name: ClassVar[str] = "guarantee_periods_changed"

    project_id: UUID | None
