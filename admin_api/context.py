"""What belongs to the request in hand: the platform, who is signed in, the request's id, its unit of work."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, cast

from flask import current_app, g, has_request_context

from runtime.metrics import HttpMetrics
from ticketing.people import Actor

if TYPE_CHECKING:
    from integrations.clerk import ClerkSessions
    from jobs.platform import Platform
    from jobs.work import Work
    from sql.database import Connection

EXTENSION = "fibreflow"


@dataclass(frozen=True)
class Services:
    """What the app was built with."""

    platform: Platform
    metrics: HttpMetrics
    clerk: ClerkSessions | None


def services() -> Services:
    """Return what the running app was built with."""
    return cast("Services", current_app.extensions[EXTENSION])


def platform() -> Platform:
    """Return the app's platform: settings, database, clock, units of work."""
    return services().platform


def now() -> datetime:
    """Return the present by the platform's clock, aware, in UTC."""
    return platform().clock.now()


def actor() -> Actor:
    """Return who is signed in. Only for routes that require a sign-in."""
    signed_in: Actor | None = g.get("actor")
    if signed_in is None:
        raise LookupError("Nobody is signed in: the route declares `@requires.anyone()` but asks for the actor")
    return signed_in


def request_id() -> str:
    """Return the id of the request in hand, or an empty string outside one."""
    return str(g.get("request_id", "")) if has_request_context() else ""


@contextmanager
def unit_of_work() -> Iterator[Work]:
    """Lend the request's unit of work, acting as whoever is signed in.

    Inside an `@idempotent` route it is the one that also stores the answer, so the work and the memory of it commit
    together; elsewhere it is a fresh one that commits on leaving.
    """
    shared: Work | None = g.get("work")
    if shared is not None:
        yield shared
        return
    with platform().begin(actor(), request_id=request_id()) as work:
        yield work


@contextmanager
def reading() -> Iterator[Connection]:
    """Lend a connection for what a route reads before it writes.

    Inside an `@idempotent` route it is that of its unit of work: requests that each held one and waited for a second
    would wait for each other.
    """
    shared: Work | None = g.get("work")
    if shared is not None:
        yield shared.connection
        return
    with platform().read() as connection:
        yield connection
