"""The list of cases: which ones the filters leave, in which order, and the page of them."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable
from typing import Any, NamedTuple

from integrations.qcontact.sandbox.records import STATUS_LABELS, Case, Records


class ServiceBreaks(Exception):
    """The service answers 500 to this query, as the real one does to operators that it does not expect."""


class Page(NamedTuple):
    """The cases of a page and the figures about all of them."""

    cases: list[Case]
    total: int
    number: int
    items: int

    @property
    def pages(self) -> int:
        """How many pages there are, at least one."""
        return max(1, -(-self.total // self.items))


def filtered(cases: Iterable[Case], filters: str) -> list[Case]:
    """Return the cases that every group of the filters leaves. Raises ServiceBreaks for what the service chokes on."""
    conditions = [one for group in _groups(filters) for one in _conditions(group)]
    return [case for case in cases if all(_equals(case, name, value) for name, value in conditions)]


def _groups(filters: str) -> list[Any]:
    if not filters:
        return []
    try:
        groups = json.loads(filters)
    except ValueError as error:
        raise ServiceBreaks("the filters are not JSON") from error
    if not isinstance(groups, list):
        raise ServiceBreaks("the filters are no list of groups")
    return groups


def _conditions(group: Any) -> list[tuple[str, str]]:
    if not isinstance(group, dict) or group.get("operator") != "all":
        raise ServiceBreaks("a group's operator is not `all`")
    found = []
    for condition in group.get("conditions", []):
        if not _is_proven(condition):
            raise ServiceBreaks("a condition does not compare a text by `equals`")
        found.append((condition["name"], condition["value"]))
    return found


def _is_proven(condition: Any) -> bool:
    return (
        isinstance(condition, dict)
        and condition.get("operator") == "equals"
        and isinstance(condition.get("name"), str)
        and isinstance(condition.get("value"), str)
    )


def _equals(case: Case, name: str, value: str) -> bool:
    raw = case.fields.get(name)
    if name == "status":
        return value in (raw, STATUS_LABELS.get(str(raw)))
    return raw is not None and str(raw) == value


def page_of(cases: list[Case], number: int, items: int) -> Page:
    """Return one page, the case that changed last first: rows move whenever somebody works on a case."""
    ordered = sorted(cases, key=lambda case: -case.touched)
    number, items = max(1, number), max(1, items)
    return Page(ordered[(number - 1) * items : number * items], len(cases), number, items)


def move_some(records: Records, cases: list[Case], how_many: int, chance: random.Random) -> None:
    """Let some cases move to the front of the list, as if somebody had worked on them, without a change."""
    for case in chance.sample(cases, min(how_many, len(cases))):
        case.touched = records.touch()
