"""Believable cases in any number, the same for the same seed: categories in the mix that was seen, varied labels."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

# How often each was seen, roughly, among nine hundred; None is a case that nobody has put into a category.
CATEGORIES: dict[str | None, int] = {
    "Connectivity::ONT/Gizzu": 260,
    "Connectivity::PoorSignal": 180,
    "Connectivity::Link Light": 170,
    "Connectivity|Link Light": 60,
    "Connectivity|To be determined": 45,
    "Connectivity::Laptop/Mobile/Other": 40,
    "Connectivity::Bundle": 30,
    "General|Maintenance": 10,
    "Maintenance::PropertyDamage": 50,
    "Maintenance::ONTMove": 40,
    "Maintenance::Follow-Up": 17,
    "NewInstallation": 3,
    "SmartTV": 2,
    "Other": 3,
    None: 10,
}
STATUSES = {
    "New": 2,
    "Open": 2,
    "Assigned": 8,
    "InProgress": 2,
    "Pending Company Response": 2,
    "Escalated": 1,
}
TROUBLES = (
    "No internet since Monday, red light on ONT",
    "Slow in the evenings, drops out every hour",
    "Cable torn down by a truck at the gate",
    "ONT must move to the new room",
    "No light after the storm",
    "Customer says Gizzu works, ONT does not",
)
NAMES = ("Thandi", "Sipho", "Lerato", "Johan", "Nomsa", "Pieter", "Ayanda", "Fatima", "Bongani", "Anele")
FAMILIES = ("Example", "Sample", "Specimen", "Muster", "Voorbeeld")
STREETS = ("Example Street", "Sample Avenue", "Specimen Road", "Voorbeeld Laan")


@dataclass(frozen=True, slots=True)
class NewCase:
    """A case to be made. `drop`, `contact` and `assignee` are names; the ids are the tenant's business."""

    label: str
    reference: str | None = None
    status: str = "Assigned"
    category: str | None = None
    description: str | None = None
    drop: str | None = None
    contact: str | None = None
    assignee: str | None = "Maintenance - Example"
    telephone: str | None = None
    email: str | None = None
    address: str | None = None
    other_fields: dict[str, Any] | None = None


def sample_cases(count: int, *, first: int = 900_123, drops: Sequence[str] = (), seed: int = 0) -> Iterator[NewCase]:
    """Yield so many cases; FT numbers count from `first`, drops are taken in turn (none given: invented)."""
    chance = random.Random(seed * 1_000_003 + first)  # noqa: S311 - the same cases for the same seed
    for number in range(first, first + count):
        yield _sample(chance, number, drops[(number - first) % len(drops)] if drops else f"DR9{number:06d}")


def _sample(chance: random.Random, number: int, drop: str) -> NewCase:
    reference = f"FT{number}"
    name = chance.choice(NAMES)
    house = chance.randint(1, 480)
    return NewCase(
        label=chance.choice(("Connection Issue {}", " {}", "{}", "Link Light {}")).format(reference),
        reference=reference,
        status=_pick(chance, STATUSES),
        category=_pick(chance, CATEGORIES),
        description=chance.choice(TROUBLES),
        drop=drop,
        contact=f"{name} {chance.choice(FAMILIES)} {number}",
        telephone=f"+2760{number % 10_000_000:07d}" if number % 9 else None,
        email=f"{name.lower()}.{number}@example.test" if number % 4 else None,
        address=f"{house} {chance.choice(STREETS)}, Example Ext 3",
        other_fields={"c__dr_location": f"Stand {house}, Example Ext 3" if number % 3 else None},
    )


def _pick(chance: random.Random, weights: dict[Any, int]) -> Any:
    return chance.choices(list(weights), weights=list(weights.values()))[0]
