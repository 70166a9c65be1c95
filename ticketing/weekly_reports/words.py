"""The words of the sheets, mapped to the exact vocabulary (domain page, "Vocabulary")."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from types import MappingProxyType

TICKET_TYPES: Mapping[str, str] = MappingProxyType(
    {
        "maintenance": "maintenance",
        "fault": "maintenance",
        "repair": "maintenance",
        "fault repair": "maintenance",
        "new installation": "new_installation",
        "installation": "new_installation",
        "new install": "new_installation",
        "install": "new_installation",
        "modification": "modification",
        "relocation": "modification",
        "ont swap": "ont_swap",
        "ont replacement": "ont_swap",
        "swap": "ont_swap",
        "incident": "incident",
        "outage": "incident",
    }
)
PRIORITIES: Mapping[str, str] = MappingProxyType(
    {
        "low": "low",
        "minor": "low",
        "normal": "normal",
        "medium": "normal",
        "standard": "normal",
        "high": "high",
        "major": "high",
        "urgent": "urgent",
        "critical": "critical",
        "emergency": "critical",
    }
)
STATUSES: Mapping[str, str] = MappingProxyType(
    {
        "open": "open",
        "new": "open",
        "logged": "open",
        "reopened": "open",
        "assigned": "assigned",
        "allocated": "assigned",
        "dispatched": "assigned",
        "in progress": "in_progress",
        "busy": "in_progress",
        "wip": "in_progress",
        "work in progress": "in_progress",
        "pending qa": "pending_qa",
        "awaiting qa": "pending_qa",
        "ready for qa": "pending_qa",
        "qa in progress": "qa_in_progress",
        "qa rejected": "qa_rejected",
        "qa approved": "qa_approved",
        "pending handover": "pending_handover",
        "handed to maintenance": "handed_to_maintenance",
        "closed": "closed",
        "complete": "closed",
        "completed": "closed",
        "resolved": "closed",
        "done": "closed",
        "cancelled": "cancelled",
        "canceled": "cancelled",
    }
)
FAULT_CAUSES: Mapping[str, str] = MappingProxyType(
    {
        "workmanship": "workmanship",
        "poor workmanship": "workmanship",
        "material failure": "material_failure",
        "material": "material_failure",
        "faulty material": "material_failure",
        "client damage": "client_damage",
        "customer damage": "client_damage",
        "client": "client_damage",
        "third party": "third_party",
        "third party damage": "third_party",
        "3rd party": "third_party",
        "environmental": "environmental",
        "weather": "environmental",
        "storm": "environmental",
        "lightning": "environmental",
        "vandalism": "vandalism",
        "theft": "vandalism",
        "unknown": "unknown",
    }
)


def allowed(words: Mapping[str, str]) -> str:
    """Return the vocabulary behind a table of words, for a message."""
    return ", ".join(dict.fromkeys(words.values()))


@functools.lru_cache(maxsize=4_096)
def simplify(found: str) -> str:
    """Return words as the tables above spell them: lower-case, single spaces, no hyphens, underscores or slashes."""
    return re.sub(r"[\s_\-/]+", " ", found.casefold()).strip()
