"""Whom a hand-written activity names as its author (wire contract, section 9: `created_by {name, email?}`)."""

from __future__ import annotations

from sql.database import queries
from ticketing.errors import Forbidden
from ticketing.events import UnitOfWork

NOBODY = "system"
"""The contract's default: names nobody, so it is whoever is signed in."""


def author_name(work: UnitOfWork, name: str | None, email: str | None) -> str | None:
    """Return the author's name to be shown; None: it is whoever is signed in, by the name that we know.

    Raises Forbidden where somebody else is named, by anybody but an admin.
    """
    given = (name or "").strip()
    if given.casefold() in {"", NOBODY, work.actor.name.casefold()} or _is_actors(work, given, email):
        return None
    if not work.actor.has_role():
        raise Forbidden("created_by must be you: only an admin writes for somebody else")
    return given


def _is_actors(work: UnitOfWork, name: str, email: str | None) -> bool:
    user_id = work.actor.user_id
    person = queries("users").get_user(work.connection, user_id=user_id) if user_id else None
    if person is None:
        return False
    same_address = bool(email and person["email"]) and str(email).casefold() == str(person["email"]).casefold()
    return same_address or name.casefold() == str(person["name"]).casefold()
