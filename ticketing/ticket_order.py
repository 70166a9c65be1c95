"""The orders in which tickets are listed, and the places in them where a list goes on.

An order is one part, or several that follow each other, each sorted by one moment: so an index serves each of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from ticketing.paging import Position, bad_cursor, parts_of, to_cursor
from ticketing.vocabulary import TERMINAL_STATUSES, Priority


class Order(StrEnum):
    """What comes first in a list of tickets."""

    NEWEST = "newest"
    OLDEST = "oldest"
    CHANGED = "changed"
    DUE = "due"
    PRIORITY = "priority"

    @property
    def newest_first(self) -> bool:
        """Whether later moments come before earlier ones."""
        return self in (Order.NEWEST, Order.CHANGED)


@dataclass(frozen=True, slots=True)
class Part:
    """A stretch of an order: those tickets that have what `narrowed` says, by the moment that `sorted_by` names.

    `sorted_by` is an order of one part, or `due`: the time by which the clock must end.
    """

    number: int
    sorted_by: Order
    narrowed: dict[str, Any] = field(default_factory=dict)

    def may_hold(self, filters: Mapping[str, Any]) -> bool:
        """Whether any ticket can be in the part under these filters: the priority of another part leaves none in it."""
        asked, own = filters["priority"], self.narrowed.get("priority")
        ended = filters["status"] in TERMINAL_STATUSES and self.narrowed.get("clock_runs")
        return not ended and (asked is None or own is None or asked == own)


BY_URGENCY = (Priority.CRITICAL, Priority.URGENT, Priority.HIGH, Priority.NORMAL, Priority.LOW)


def parts_in(order: Order) -> tuple[Part, ...]:
    """Return the parts of an order, the first one first.

    Clocks that run come before what has none any more, the most urgent before the less urgent; the rest is the oldest
    first.
    """
    if order is Order.PRIORITY:
        return tuple(
            Part(number, Order.OLDEST, {"priority": priority}) for number, priority in enumerate(BY_URGENCY, 1)
        )
    if order is Order.DUE:
        return Part(1, Order.DUE, {"clock_runs": True}), Part(2, Order.OLDEST, {"clock_runs": False})
    return (Part(1, order),)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a list goes on: after the ticket with this id, which has this moment in this part of the order."""

    part: int
    at: datetime
    id: UUID

    def cursor(self, order: Order) -> str:
        """Return the place as opaque text that names its order; the newest first need no name."""
        if order is Order.NEWEST:
            return Position(self.at, self.id).cursor()
        return to_cursor(order.value, self.part, self.at.isoformat(), str(self.id))

    @classmethod
    def from_cursor(cls, cursor: str, order: Order) -> Place:
        """Read a cursor that a list in this order gave out. Raises InvalidInput for anything else."""
        if order is Order.NEWEST:
            position = Position.from_cursor(cursor)
            return cls(1, position.at, position.id)
        try:
            name, part, at, ticket_id = parts_of(cursor)
            place = cls(part, datetime.fromisoformat(at), UUID(ticket_id))
        except (ValueError, TypeError, AttributeError) as error:
            raise bad_cursor() from error
        if name != order or place.at.tzinfo is None or not _is_part(part, order):
            raise bad_cursor()
        return place


def order_named(name: str | None) -> Order:
    """Return the order that a query names; none, and a word that names none, is the newest first.

    Raises nothing: clients of old send words of their own here, and expect the list.
    """
    try:
        return Order(name or Order.NEWEST)
    except ValueError:
        return Order.NEWEST


def _is_part(number: object, order: Order) -> bool:
    return type(number) is int and 1 <= number <= len(parts_in(order))
