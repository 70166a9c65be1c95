"""Which photos are the same as one, or look the same: those that it repeats, and those that repeat it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from sql.database import Connection, queries
from ticketing.evidence.fingerprints import probes
from ticketing.evidence.rules import DOUBTED, Repeat

BUCKET_MOST: Final = 2_000
"""The most photos of one bucket that are compared: a sky or a white wall must not make a search long."""

MOST_REPEATS: Final = 20
"""The most photos on either side, earlier and later, that a search tells of for sure."""


@dataclass(frozen=True, slots=True)
class Alike:
    """What a search found: `earlier` are what the photo repeats, `later` rows of photos that repeat it.

    `cut_buckets` tells in how many buckets there were more photos than were compared.
    """

    earlier: tuple[Repeat, ...] = ()
    later: tuple[Mapping[str, Any], ...] = ()
    cut_buckets: int = 0

    def unaware(self) -> tuple[tuple[UUID, UUID], ...]:
        """Return later photos (id, ticket's id) that may have been compared before this one could be seen."""
        return self._later(lambda row: row["inspection_status"] not in DOUBTED and row["has_hash"])

    def held_against(self) -> tuple[tuple[UUID, UUID], ...]:
        """Return later photos (id, ticket's id) that this one may be the reason for not accepting."""
        return self._later(lambda row: row["inspection_status"] in DOUBTED)

    def _later(self, wanted: Any) -> tuple[tuple[UUID, UUID], ...]:
        rows = [row for row in self.later if not row["is_overruled"] and wanted(row)]
        return tuple((row["attachment_id"], row["ticket_id"]) for row in rows[:MOST_REPEATS])


def find_alike(connection: Connection, photo: Mapping[str, Any], fingerprint: int, bits: int) -> Alike:
    """Search for photos with the same bytes as a photo, or with a hash that differs in at most `bits` bits.

    Deleted photos are not found: who uploads to the wrong ticket, deletes and uploads again repeats nothing.
    """
    asked = {"attachment_id": photo["id"], "uploaded_at": photo["uploaded_at"], "most": 2 * MOST_REPEATS}
    same = list(queries("evidence").list_same_photos(connection, sha256=photo["file_sha256"], **asked))
    rows = list(
        queries("evidence").find_similar_photos(
            connection,
            **asked,
            perceptual_hash=fingerprint,
            distance=bits,
            bucket_most=BUCKET_MOST,
            **{f"values_{band}": values for band, values in enumerate(probes(fingerprint))},
        )
    )
    return _sorted_out(same, [row for row in rows if row["attachment_id"] is not None], rows[0]["cut_buckets"])


def _sorted_out(same: Sequence[Mapping[str, Any]], similar: Sequence[Mapping[str, Any]], cut: int) -> Alike:
    known = {row["attachment_id"] for row in same}
    every = [(row, True) for row in same]
    every += [(row, False) for row in similar if row["attachment_id"] not in known]
    return Alike(
        earlier=tuple(_repeat(row, same_bytes) for row, same_bytes in every if row["is_earlier"]),
        later=tuple(row for row, _ in every if not row["is_earlier"]),
        cut_buckets=cut,
    )


def _repeat(row: Mapping[str, Any], same_bytes: bool) -> Repeat:
    return Repeat(
        attachment_id=str(row["attachment_id"]),
        ticket_id=str(row["ticket_id"]),
        ticket_uid=row["ticket_uid"],
        step_number=row["step_number"],
        distance=row["distance"],
        same_bytes=same_bytes,
    )
