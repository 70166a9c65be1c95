"""What can happen to a ticket's SLA clock. The timeline shows these names; jobs (a notice) react to these types."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ticketing.events import TicketEvent


@dataclass(frozen=True, kw_only=True)
class SlaDueChanged(TicketEvent):
    """The ticket has another due time, because its priority, project or reported time changed."""

    name: ClassVar[str] = "sla_due_changed"


@dataclass(frozen=True, kw_only=True)
class SlaPaused(TicketEvent):
    """The clock stands still: the ticket waits on somebody outside; `details.reason` tells on whom."""

    name: ClassVar[str] = "sla_paused"


@dataclass(frozen=True, kw_only=True)
class SlaResumed(TicketEvent):
    """The clock runs again, with the time that was left; `before` and `after` hold the due time."""

    name: ClassVar[str] = "sla_resumed"


@dataclass(frozen=True, kw_only=True)
class SlaWarned(TicketEvent):
    """75 % or 90 % of the time is gone (`details.percent`): once for each, only the later one if both came at once."""

    name: ClassVar[str] = "sla_warning"


@dataclass(frozen=True, kw_only=True)
class SlaBreached(TicketEvent):
    """The time has run out. Recorded once for a ticket, whatever becomes of its due time later."""

    name: ClassVar[str] = "sla_breached"
