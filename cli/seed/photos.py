"""The photos of made-up tickets: drawn, looked at as the inspection does, and stored."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from cli import sample_photos
from cli.seed.goals import PHOTOGRAPHED_A_CYCLE
from cli.seed.happenings import HAND, INSPECTION, Happening
from cli.seed.life import MINUTE, SECOND
from cli.seed.rows import Made, Row
from integrations import photo_inspection
from integrations.storage import Storage
from ticketing.attachments.events import AttachmentUploaded
from ticketing.attachments.formats import JPEG
from ticketing.attachments.rules import new_key
from ticketing.evidence.rules import Look
from ticketing.evidence.service import PhotoInspected
from ticketing.sla.calendar import moment_of
from ticketing.verification_steps import PHOTO_STEPS, STEPS
from ticketing.vocabulary import InspectionStatus

A_CYCLE: Final = PHOTOGRAPHED_A_CYCLE * len(PHOTO_STEPS)
"""How many photos a cycle of tickets has."""
# Drawing spends its time outside the interpreter's lock.
_AT_ONCE = 4


@dataclass(frozen=True, slots=True)
class Photo:
    """A stored photo of a step; `taken_at` in microseconds since 1970."""

    id: UUID
    made: Made
    step: int
    taken_at: int
    size: int
    sha256: str
    key: str
    look: Look

    def row(self) -> Row:
        """Return its row, in the order of `copy_sample_photos`."""
        home, at = self.made.life.home, moment_of(self.taken_at)
        return (
            *(self.id, self.made.id, self.step, self._filename, JPEG.file_type.value, JPEG.mime_type, self.size),
            *(self.sha256, self.key, True, self.made.hand.id, at, self.look.width, self.look.height),
            *(self.look.comparable, at, home.latitude, home.longitude),
            *(InspectionStatus.ACCEPTED.value, moment_of(self.taken_at + MINUTE // 2)),
        )

    def events(self) -> list[Row]:
        """Return what the timeline tells of it: that it came, and what inspection said of it."""
        named = {"filename": self._filename, "step_number": self.step}
        facts = {"file_type": JPEG.file_type.value, "mime_type": JPEG.mime_type, "file_size": self.size}
        after = named | facts | {"file_sha256": self.sha256, "is_evidence": True}
        details = {"attachment_id": str(self.id)}
        pending = {"inspection_status": InspectionStatus.PENDING.value}
        good = {"inspection_status": InspectionStatus.ACCEPTED.value}
        told = {**details, **named, "codes": [], "messages": []}
        came = Happening(self.taken_at, AttachmentUploaded.name, HAND, {}, after, details)
        judged = Happening(self.taken_at + MINUTE // 2, PhotoInspected.name, INSPECTION, pending, good, told)
        return [self.made.event(came), self.made.event(judged)]

    @property
    def _filename(self) -> str:
        return f"step-{self.step:02d}.{JPEG.extensions[0]}"


def cycles(photos: int) -> int:
    """Return in how many cycles of tickets all photos can be drawn with so many photos: whole tickets only."""
    return photos // A_CYCLE


def draw_all(tickets: Sequence[Made], storage: Storage) -> Iterator[Photo]:
    """Draw and store a photo of each step that needs one; yields them as they are stored. Raises StorageError."""
    wanted = [(made, step) for made in tickets if made.life.photographed for step in PHOTO_STEPS]
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        yield from pool.map(lambda one: _draw(one[0], one[1], storage), wanted)


def _draw(made: Made, step: int, storage: Storage) -> Photo:
    began, ended = made.life.work
    # A minute before the step is completed, if the work took that long.
    taken = max(began, began + (ended - began) * step // (len(STEPS) + 1) - MINUTE) // SECOND * SECOND
    home, photo_id = made.life.home, made.photo_id(taken, step)
    seed = zlib.crc32(f"{made.external_id} {step}".encode())
    caption = f"{home.dr_number}  {step} {STEPS[step - 1].name}"
    data = sample_photos.draw(seed, caption, moment_of(taken), (home.latitude, home.longitude))
    sha256 = hashlib.sha256(data).hexdigest()
    key = new_key(made.id, photo_id, JPEG)
    storage.put(key, data)
    return Photo(photo_id, made, step, taken, len(data), sha256, key, photo_inspection.look_at(data, sha256))
