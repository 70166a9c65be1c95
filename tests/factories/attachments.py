"""Builders for attachments: pictures that are drawn here, documents, and tickets to attach them to."""

from __future__ import annotations

import base64
import io
import itertools
from typing import Any

import openpyxl
from openpyxl.worksheet.worksheet import Worksheet
from PIL import ExifTags, Image, ImageDraw

from sql.database import Connection
from tests.factories import Row, make_ticket
from ticketing.people import Actor

PDF = b"%PDF-1.7\n1 0 obj <</Type /Catalog>> endobj\ntrailer <</Root 1 0 R>>\n%%EOF\n"
XLS = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600) + "Workbook".encode("utf-16-le") + bytes(100)

# 64 x 48 pixels of blue, taken on 20 November 2026 at half past nine.
HEIC = base64.b64decode(
    "AAAAHGZ0eXBoZWljAAAAAG1pZjFoZWljbWlhZgAAAb5tZXRhAAAAAAAAACFoZGxyAAAAAAAAAABwaWN0AAAAAAAAAAAAAAAAAAAAADRpbG9jAAAA"
    "AERAAAIAAQAAAAAB4gABAAAAAAAAABkAAgAAAAAB+wABAAAAAAAAADgAAAA4aWluZgAAAAAAAgAAABVpbmZlAgAAAAABAABodmMxAAAAABVpbmZl"
    "AgAAAQACAABFeGlmAAAAAA5waXRtAAAAAAABAAAA/WlwcnAAAADdaXBjbwAAAHZodmNDAQNwAAAAkAAAAAAAHvAA/P34+AAADwNgAAEAGEABDAH/"
    "/wNwAAADAJAAAAMAAAMAHroCQGEAAQAqQgEBA3AAAAMAkAAAAwAAAwAeoCCBBZbq5Ka5uAhoMCAAAAMDIAAAAwAhYgABAAZEAcFzwIkAAAATY29s"
    "cm5jbHgAAQANAAaAAAAAFGlzcGUAAAAAAAAAQAAAAEAAAAAoY2xhcAAAAEAAAAABAAAAMAAAAAEAAAAAAAAAAv////AAAAACAAAAEHBpeGkAAAAA"
    "AwgICAAAABhpcG1hAAAAAAAAAAEAAQWBAgMFhAAAABppcmVmAAAAAAAAAA5jZHNjAAIAAQABAAAAWW1kYXQAAAAVKAGvC2D15YOv/+elW9N6P1/l"
    "P9Q4AAAABkV4aWYAAE1NACoAAAAIAAEBMgACAAAAFAAAABoAAAAAMjAyNjoxMToyMCAwOTozMDowMAA="
)

_numbers = itertools.count(1)


def draw(form: str = "JPEG", size: tuple[int, int] = (800, 600), exif: Image.Exif | None = None) -> bytes:
    """A picture that no other call draws: red above, blue below, with a number in it."""
    picture = Image.new("RGB", size, (200, 30, 30))
    pen = ImageDraw.Draw(picture)
    pen.rectangle((0, size[1] // 2, *size), fill=(30, 30, 200))
    number = next(_numbers)
    for bit in range(16):
        if number >> bit & 1:
            pen.rectangle((bit * 4, 0, bit * 4 + 3, 3), fill=(255, 255, 255))
    made = io.BytesIO()
    options: Row = {"exif": exif} if exif is not None else {}
    picture.save(made, form, **options)
    return made.getvalue()


def camera(orientation: int = 1, **notes: Any) -> Image.Exif:
    """What a camera writes: an orientation, `taken` and `offset` as text, `place` in four parts."""
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    details = exif.get_ifd(ExifTags.IFD.Exif)
    if "taken" in notes:
        details[ExifTags.Base.DateTimeOriginal] = notes["taken"]
    if "offset" in notes:
        details[ExifTags.Base.OffsetTimeOriginal] = notes["offset"]
    if "place" in notes:
        gps = exif.get_ifd(ExifTags.IFD.GPSInfo)
        gps[ExifTags.GPS.GPSLatitude], gps[ExifTags.GPS.GPSLatitudeRef] = notes["place"][:2]
        gps[ExifTags.GPS.GPSLongitude], gps[ExifTags.GPS.GPSLongitudeRef] = notes["place"][2:]
    return exif


def workbook() -> bytes:
    """A small .xlsx."""
    book, made = openpyxl.Workbook(), io.BytesIO()
    assert isinstance(book.active, Worksheet)
    book.active.append(["DR", next(_numbers)])
    book.save(made)
    return made.getvalue()


def make_site_ticket(connection: Connection, technician: Actor, **columns: Any) -> Row:
    """A ticket that the technician is working on."""
    return make_ticket(connection, **{"status": "in_progress", "assigned_to": technician.user_id} | columns)
