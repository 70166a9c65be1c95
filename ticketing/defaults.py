"""The figures of a project that has none of its own; the settings tables start with the same (a test compares)."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from ticketing.vocabulary import EscalationScope, Priority


@dataclass(frozen=True, slots=True)
class SlaTarget:
    """How soon a ticket must be answered and resolved, in minutes of business time or round the clock."""

    first_response_minutes: int
    resolve_minutes: int
    round_the_clock: bool = False


SLA_TARGETS: Final = MappingProxyType(
    {
        Priority.CRITICAL: SlaTarget(60, 4 * 60, round_the_clock=True),
        Priority.URGENT: SlaTarget(2 * 60, 8 * 60, round_the_clock=True),
        Priority.HIGH: SlaTarget(4 * 60, 24 * 60),
        Priority.NORMAL: SlaTarget(8 * 60, 48 * 60),
        Priority.LOW: SlaTarget(24 * 60, 120 * 60),
    }
)
"""The targets of a project that has none of its own."""

SLA_WARNING_FRACTIONS: Final = (0.75, 0.90)

REPEAT_FAULT_WINDOW_DAYS: Final = 30
REPEAT_FAULT_THRESHOLDS: Final = MappingProxyType(
    {EscalationScope.POLE: 3, EscalationScope.PON: 5, EscalationScope.ZONE: 10, EscalationScope.DR: 2}
)
"""How many faults in the window raise an escalation, for a project that has no figures of its own."""

INSTALLATION_GUARANTEE_DAYS: Final = 90
MATERIAL_GUARANTEE_DAYS: Final = 365
