"""Builders for evidence: pictures that differ like photos of different places, stored photos, and their inspection."""

from __future__ import annotations

import hashlib
import io
import random
from typing import TYPE_CHECKING, Any
from uuid import UUID

from PIL import Image, ImageDraw, ImageFilter

from integrations.storage import Storage
from sql.database import Connection
from tests.factories import Row, unique
from tests.factories.readiness import make_photo

if TYPE_CHECKING:
    from jobs.platform import Platform


def scene(seed: int, size: tuple[int, int] = (960, 720)) -> Image.Image:
    """A picture of soft shapes; another seed draws another one, the same seed the same in every size."""
    chance = random.Random(seed)
    picture = Image.new("RGB", (480, 360), tuple(chance.randrange(60, 200) for _ in range(3)))
    pen = ImageDraw.Draw(picture)
    for _ in range(40):
        left, top = chance.randrange(480), chance.randrange(360)
        corner = (left + chance.randrange(10, 150), top + chance.randrange(10, 150))
        pen.ellipse((left, top, *corner), fill=tuple(chance.randrange(256) for _ in range(3)))
    return picture.resize(size).filter(ImageFilter.GaussianBlur(2))


def encoded(picture: Image.Image, form: str = "JPEG", **options: Any) -> bytes:
    """The picture as a file."""
    made = io.BytesIO()
    picture.save(made, form, **options)
    return made.getvalue()


def photograph(seed: int, **options: Any) -> bytes:
    """A JPEG of a scene."""
    return encoded(scene(seed), **options)


def stored_photo(platform: Platform, connection: Connection, ticket_id: UUID, data: bytes, **columns: Any) -> Row:
    """An evidence photo whose bytes are stored and that nobody has inspected."""
    key = f"tickets/{unique('photo-')}.jpg"
    Storage.from_settings(platform.settings).put(key, data)
    row: Row = {
        "storage_key": key,
        "file_sha256": hashlib.sha256(data).hexdigest(),
        "file_size": len(data),
        "inspection_status": "pending",
        "inspected_at": None,
        "uploaded_at": platform.clock.now(),
    }
    return make_photo(connection, ticket_id, columns.pop("step_number", 1), **row | columns)


def photo_row(connection: Connection, attachment_id: UUID) -> Row:
    """The photo's row as it is now."""
    row = connection.execute("select * from ticket_attachments where id = %s", [attachment_id]).fetchone()
    assert row is not None
    return row


def codes(row: Row) -> list[str]:
    """What was found of a photo."""
    return [reason["code"] for reason in row["inspection_reasons"]]
