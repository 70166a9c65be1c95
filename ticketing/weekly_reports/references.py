"""Turning the names in a row into what they name: people, companies, projects, and drops of the SOW register."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from ticketing.vocabulary import PLACE_MAX_LENGTH
from ticketing.weekly_reports.headers import Columns
from ticketing.weekly_reports.rows import Problem, SheetRow


@dataclass(frozen=True, slots=True)
class Named:
    """Things by the names that a sheet may use for them. None: several things share the name, so it names none."""

    by_name: dict[str, UUID | None] = field(default_factory=dict)

    @classmethod
    def of(cls, pairs: Iterable[tuple[str | None, UUID]]) -> Named:
        """Collect (name, id) pairs; names are compared without case and spare spaces."""
        by_name: dict[str, UUID | None] = {}
        for name, thing in pairs:
            key = _key(name or "")
            if key:
                by_name[key] = thing if by_name.get(key, thing) == thing else None
        return cls(by_name)

    def find(self, name: str) -> UUID | None:
        """Return the one thing of that name; None for an unknown or shared name."""
        return self.by_name.get(_key(name))

    def is_shared(self, name: str) -> bool:
        """Whether several things have the name."""
        key = _key(name)
        return key in self.by_name and self.by_name[key] is None


@dataclass(frozen=True, slots=True)
class Drop:
    """What the SOW register says about a drop, in the ticket's own terms."""

    project_id: UUID
    project_name: str
    pole_number: str | None = None
    pon_number: str | None = None
    zone: str | None = None
    address: str | None = None
    is_spare: bool = False


@dataclass(frozen=True, slots=True)
class References:
    """Everything that names are looked up in. `has_register` is False while no drop at all has been imported."""

    projects: Named = field(default_factory=Named)
    users: Named = field(default_factory=Named)
    contractors: Named = field(default_factory=Named)
    has_register: bool = False


def resolve(row: SheetRow, columns: Columns, references: References, drops: Mapping[str, Drop]) -> dict[str, Any]:
    """Return what the row offers a ticket, by ticket column; warnings are added to the row.

    What the sheet leaves empty is filled from the register; where the two contradict, the sheet's word is kept and the
    contradiction noted. Names that are not found stay as texts under `project`, `assigned_text` and `contractor_text`.
    """
    said = row.said
    offer = {name: value for name, value in said.items() if name not in _NAMES}
    for source, (names_of, target, text_target) in _NAMES.items():
        name = said.get(source)
        if name is None:
            continue
        offer[text_target] = name
        named: Named = getattr(references, names_of)
        found = named.find(name)
        if found is not None:
            offer[target] = found
        else:
            row.problems.append(_unmatched(source, name, columns.header_of(source), shared=named.is_shared(name)))
    drop_number = said.get("dr_number")
    if drop_number is not None:
        _consult_register(row, columns, offer, drops.get(drop_number), references)
    return offer


_NAMES = {
    "area": ("projects", "project_id", "project"),
    "assigned_to": ("users", "assigned_to", "assigned_text"),
    "contractor": ("contractors", "assigned_contractor_id", "contractor_text"),
}
_REGISTERED = ("pole_number", "pon_number", "zone", "address")


def _consult_register(
    row: SheetRow, columns: Columns, offer: dict[str, Any], drop: Drop | None, references: References
) -> None:
    if drop is None:
        if references.has_register:
            row.problems.append(
                _warning(columns, "dr_number", f"{row.said['dr_number']} is not in the SOW register: nothing filled in")
            )
        return
    if drop.is_spare:
        row.problems.append(_warning(columns, "dr_number", f"{row.said['dr_number']} is a spare in the SOW register"))
    for name in _REGISTERED:
        known = getattr(drop, name)
        if known is None or (name != "address" and len(known) > PLACE_MAX_LENGTH):
            continue
        given = offer.setdefault(name, known)
        if name != "address" and not _same_place(given, known):
            row.problems.append(_warning(columns, name, f'the sheet says "{given}", the SOW register "{known}"'))
    if offer.setdefault("project_id", drop.project_id) != drop.project_id:
        message = f'the sheet says "{row.said["area"]}", the SOW register "{drop.project_name}"'
        row.problems.append(_warning(columns, "area", message))


def _same_place(given: str, known: str) -> bool:
    """Compare designations as people write them: "Zone 03" is 3, "law.p.a002" is LAW.P.A002."""
    if known.isdecimal():
        digits = re.findall(r"\d+", given)
        return len(digits) == 1 and int(digits[0]) == int(known)
    return _key(given) == _key(known)


@functools.lru_cache(maxsize=4_096)
def _unmatched(source: str, name: str, column: str, *, shared: bool) -> Problem:
    what = {"area": "project", "assigned_to": "active user", "contractor": "active contractor"}[source]
    found = f'"{name}" names more than one {what}: assign it here'
    missing = f'no {what} is called "{name}": kept as text only'
    return Problem("warning", "validation_failed", found if shared else missing, source, column)


def _warning(columns: Columns, name: str, message: str) -> Problem:
    return Problem("warning", "validation_failed", message, name, columns.header_of(name))


@functools.lru_cache(maxsize=4_096)
def _key(name: str) -> str:
    return " ".join(name.casefold().split())
