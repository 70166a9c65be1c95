"""Who may write, change and remove notes (domain page, "Roles"), as pure rules."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ticketing.errors import Forbidden
from ticketing.people import Actor, Role
from ticketing.vocabulary import NoteType

MAY_WRITE: tuple[Role, ...] = ("admin", "manager", "qa", "technician", "contractor")
CHANGES_ANY: tuple[Role, ...] = ("admin", "manager")

CHANGEABLE = ("content", "visibility", "is_resolution")


def require_may_write(actor: Actor) -> None:
    """Raise Forbidden unless one of the actor's roles writes notes: whoever works on tickets does."""
    if not actor.has_role(*MAY_WRITE):
        raise Forbidden("Your role reads notes and does not write them")


def require_may_change(actor: Actor, note: Mapping[str, Any]) -> None:
    """Raise Forbidden unless the actor may change or remove a note: one of its own; a manager anybody's.

    Nobody changes what the system wrote: it tells what happened.
    """
    require_may_write(actor)
    if note["note_type"] == NoteType.SYSTEM:
        raise Forbidden("Notes of the system tell what happened and stay as they are")
    if not (actor.has_role(*CHANGES_ANY) or is_author(actor, note)):
        raise Forbidden("A note is changed by whoever wrote it, or by a manager")


def may_change(actor: Actor, note: Mapping[str, Any]) -> bool:
    """Whether `require_may_change` lets the actor pass."""
    writes = actor.has_role(*MAY_WRITE) and note["note_type"] != NoteType.SYSTEM
    return writes and (actor.has_role(*CHANGES_ANY) or is_author(actor, note))


def is_author(actor: Actor, note: Mapping[str, Any]) -> bool:
    """Whether the actor wrote the note; what a program wrote for no person is nobody's."""
    return note["created_by"] is not None and note["created_by"] == actor.user_id
