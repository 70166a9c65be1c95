"""Handing made-up tickets over as they were in their time, through the real service: gates, snapshots and chain."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from uuid import UUID

from cli.seed.rows import Made, Person
from integrations.file_archive import FileArchive
from integrations.storage import Storage
from jobs.platform import Platform
from jobs.work import Work
from ticketing.handover import service
from ticketing.handover.evidence import read_checksums
from ticketing.handover.requests import NewHandover
from ticketing.people import Actor
from ticketing.sla.calendar import moment_of


def hand_over_all(
    platform: Platform, tickets: Sequence[Made], person: Person, progress: Callable[[int, int], None]
) -> int:
    """Make the handovers of tickets in the order of their time; return how many. Raises what the service raises."""
    due = sorted(
        (
            (move.at, made.id, move.handover)
            for made in tickets
            for move in made.life.moves
            if move.handover is not None
        ),
        key=lambda one: one[:2],
    )
    archive = FileArchive(Storage.from_settings(platform.settings))
    actor = Actor(kind="user", name=person.name, user_id=person.id, roles=frozenset({"qa"}))
    for place, (at, ticket_id, kind) in enumerate(due, 1):
        _hand_over(
            platform, archive, actor, ticket_id, NewHandover(handover_type=kind, handover_by=person.id), moment_of(at)
        )
        progress(place, len(due))
    return len(due)


def _hand_over(
    platform: Platform, archive: FileArchive, actor: Actor, ticket_id: UUID, new: NewHandover, at: datetime
) -> None:
    with platform.read() as connection:
        actual = read_checksums(connection, actor, ticket_id, archive)
    with platform.database.transaction() as connection:
        work = Work(connection, platform.registry, actor=actor, now=at)
        service.hand_over(work, ticket_id, new, actual)
        work.flush()
