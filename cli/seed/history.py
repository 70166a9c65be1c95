"""Writing a made-up history of any size with the same memory, and only what of it is not there yet."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Final, Literal

from cli.seed import photos
from cli.seed.clocks import clocks
from cli.seed.handovers import hand_over_all
from cli.seed.lives import BLOCK, lives
from cli.seed.network import area
from cli.seed.photos import Photo
from cli.seed.rows import Made, World
from cli.seed.writer import add_homes, lock, make_world, missing, write
from integrations.storage import Storage
from jobs.kinds import make_pictures, scan_repeat_faults
from jobs.platform import Platform
from ticketing.days import local_day
from ticketing.people import Actor
from ticketing.readiness.rules import Policy
from ticketing.sla.calendar import microseconds
from ticketing.verification_steps import PHOTO_STEPS

RANDOM_SEED: Final = 20_261_123
PHOTOS: Final = 200

Phase = Literal["tickets", "photos", "handovers"]
Progress = Callable[[Phase, int, int], None]


@dataclass(frozen=True, slots=True)
class Wanted:
    """How large a history is to be: its tickets, and the most photos to be drawn for the first of them."""

    tickets: int
    photos: int = PHOTOS
    random_seed: int = RANDOM_SEED


@dataclass(frozen=True, slots=True)
class Written:
    """What was new."""

    tickets: int = 0
    photos: int = 0
    handovers: int = 0

    def __add__(self, other: Written) -> Written:
        return Written(self.tickets + other.tickets, self.photos + other.photos, self.handovers + other.handovers)


def write_history(
    platform: Platform, actor: Actor, wanted: Wanted, progress: Progress = lambda _phase, _done, _total: None
) -> Written:
    """Write those of the wanted tickets that are not there yet, in blocks of a thousand; return what was new.

    The same numbers and the same moment make the same history. The platform must be declared: smaller pictures and
    escalations are left to jobs. Raises StorageError, and what the handover service raises.
    """
    with platform.begin(actor) as work:
        world = make_world(work, Policy.from_settings(platform.settings))
    written = Written()
    for first in range(0, wanted.tickets, BLOCK):
        written += _write_block(platform, actor, wanted, world, first // BLOCK, progress)
        progress("tickets", min(first + BLOCK, wanted.tickets), wanted.tickets)
    if written.tickets:
        with platform.begin(actor) as work:
            work.enqueue(scan_repeat_faults.scan_repeat_faults)
    return written


def _write_block(
    platform: Platform, actor: Actor, wanted: Wanted, world: World, block: int, progress: Progress
) -> Written:
    now, homes = microseconds(world.now), area(block, local_day(world.now))
    whole = lives(wanted.random_seed, block, homes, world.targets, now, photos.cycles(wanted.photos))
    some = list(islice(whole, wanted.tickets - block * BLOCK))
    with platform.begin(actor) as work:
        some = missing(work.connection, some, wanted.random_seed)
        installed = add_homes(work, world, homes) if some else {}
    world = replace(world, installed=installed)
    tickets = [
        Made(life, clock, world, wanted.random_seed) for life, clock in zip(some, clocks(some, now), strict=True)
    ]
    drawn = _draw(platform, tickets, progress)
    tickets = _write(platform, actor, wanted, tickets, drawn)
    told = functools.partial(progress, "handovers")
    handed = hand_over_all(platform, tickets, world.officers["qa"], told)
    kept = {made.id for made in tickets}
    return Written(len(tickets), sum(photo.made.id in kept for photo in drawn), handed)


def _draw(platform: Platform, tickets: Sequence[Made], progress: Progress) -> list[Photo]:
    storage = Storage.from_settings(platform.settings)
    expected = sum(made.life.photographed for made in tickets) * len(PHOTO_STEPS)
    drawn = []
    for photo in photos.draw_all(tickets, storage):
        drawn.append(photo)
        progress("photos", len(drawn), expected)
    return drawn


def _write(
    platform: Platform, actor: Actor, wanted: Wanted, tickets: Sequence[Made], drawn: Sequence[Photo]
) -> list[Made]:
    """Write what nobody else has written meanwhile; the pictures of its photos are left to jobs."""
    if not tickets:
        return []
    with platform.begin(actor) as work:
        lock(work.connection)
        numbers = {
            life.number for life in missing(work.connection, [made.life for made in tickets], wanted.random_seed)
        }
        still = [made for made in tickets if made.life.number in numbers]
        kept = [photo for photo in drawn if photo.made.life.number in numbers]
        write(work, still, kept)
        work.enqueue_many(
            make_pictures.make_pictures, [make_pictures.MakePictures(attachment_id=photo.id) for photo in kept]
        )
    return still
