"""Optimistic locking: of two who read the same version one wins, and the other is told what changed since."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest

from jobs.platform import Platform
from tests.factories import Row, make_ticket
from tests.factories.tickets import make_actor
from ticketing import tickets
from ticketing.errors import StaleWrite
from ticketing.events import UnitOfWork
from ticketing.people import Actor
from ticketing.ticket_changes import version
from ticketing.ticket_input import TicketChanges

WAIT = 30.0

Write = Callable[[UnitOfWork], dict[str, Any]]


@pytest.fixture
def actors(platform: Platform) -> list[Actor]:
    with platform.read() as connection:
        return [make_actor(connection, "manager") for _ in range(2)]


@pytest.fixture
def ticket(platform: Platform) -> Row:
    with platform.read() as connection:
        return make_ticket(connection, address="1 Main Rd")


def put(work: UnitOfWork, ticket: Row, **changes: Any) -> dict[str, Any]:
    return tickets.update(work, ticket["id"], TicketChanges(**changes))


def cancel(work: UnitOfWork, ticket: Row, seen: str) -> dict[str, Any]:
    return tickets.cancel(work, ticket["id"], expected={seen})


def changed_since(error: StaleWrite) -> dict[str, Any]:
    assert isinstance(error.details, dict)
    changed: dict[str, Any] = error.details["changed"]
    return changed


def test_a_stale_write_is_told_what_it_saw_and_who_changed_it_last(
    platform: Platform, actors: list[Actor], ticket: Row
) -> None:
    for address, actor in zip(("2 Main Rd", "3 Main Rd"), actors, strict=True):
        with platform.begin(actor) as work:
            put(work, ticket, address=address)
    stales: tuple[Write, ...] = (
        lambda work: cancel(work, ticket, version(ticket["updated_at"])),
        lambda work: put(work, ticket, priority="high", updated_at=ticket["updated_at"]),
    )
    for stale in stales:
        with pytest.raises(StaleWrite) as caught, platform.begin(actors[0]) as work:
            stale(work)
        changed = changed_since(caught.value)
        assert changed.keys() == {"address"}
        assert changed["address"].pop("at")
        assert changed["address"] == {"was": "1 Main Rd", "value": "3 Main Rd", "by": actors[1].name}


def test_of_a_change_and_a_cancelling_of_the_same_version_one_wins(
    platform: Platform, actors: list[Actor], ticket: Row
) -> None:
    """The loser began before the winner ended, so by the clock nothing changed after what it saw."""
    seen, together = version(ticket["updated_at"]), Barrier(2)

    def attempt(write: Write) -> dict[str, Any] | StaleWrite:
        try:
            with platform.begin(actors[0]) as work:
                together.wait(WAIT)
                return write(work)
        except StaleWrite as lost:
            return lost

    writes = (
        lambda work: cancel(work, ticket, seen),
        lambda work: put(work, ticket, address="2 Main Rd", updated_at=seen),
    )
    with ThreadPoolExecutor(2) as pool:
        ended = list(pool.map(attempt, writes))
    lost = [end for end in ended if isinstance(end, StaleWrite)]
    won = [end for end in ended if not isinstance(end, StaleWrite)]
    assert (len(won), len(lost)) == (1, 1)
    field = "status" if won[0]["status"] == "cancelled" else "address"
    assert changed_since(lost[0])[field]["value"] == won[0][field]
