"""Photos from strangers' phones: opened under a guard, read for what the camera wrote, made smaller.

Nothing is decoded before its size in pixels is known to be bearable: a small file can unpack to gigabytes.
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pi_heif
from PIL import ExifTags, Image, ImageOps

from runtime.clock import BUSINESS_ZONE
from runtime.errors import FibreflowError

# Pillow finds its own readers at the first file that it does not know: here all are known from the start.
Image.init()
pi_heif.register_heif_opener(thumbnails=False)

# Phones make pictures of 64 million pixels, and no technician needs more; decoded, that is some 200 MB.
MAX_PIXELS = 70_000_000
# JPEG covers MPO, a JPEG with further pictures behind it (some phones' portrait mode): the first is the photo.
FORMATS = ("JPEG", "PNG", "WEBP", "HEIF", "GIF")
_QUALITY = 80
_TOO_MANY = f"The picture is too large: at most {MAX_PIXELS // 1_000_000} million pixels are accepted"

_DATE = re.compile(r"(\d{4}):(\d{2}):(\d{2}) (\d{2}):(\d{2}):(\d{2})")
_OFFSET = re.compile(r"([+-])(\d{2}):(\d{2})")
# When a photo can have been taken, the end excluded: beyond lies a camera that nobody gave the time.
_EARLIEST, _LATEST = datetime(1990, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
_SIXTY = 60

# What Pillow raises for bytes that are not what they begin as.
BROKEN = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    AttributeError,
    EOFError,
    OverflowError,
    MemoryError,
    RuntimeError,
    ZeroDivisionError,
    Warning,
)
# Pillow's own word on a picture that is too large: an error for a huge one, a warning for a big one.
BOMBS = (Image.DecompressionBombError, Image.DecompressionBombWarning)
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)


class PhotoError(FibreflowError):
    """Bytes that cannot be taken as a photo; the message says why."""

    code = "VALIDATION_ERROR"


class TooManyPixels(PhotoError):
    """A picture that would not fit in memory."""


@dataclass(frozen=True, slots=True)
class PhotoFacts:
    """What a photo says of itself; `width` and `height` in pixels the way it is to be looked at, places in degrees."""

    width: int
    height: int
    captured_at: datetime | None = None
    latitude: Decimal | None = None
    longitude: Decimal | None = None


@contextmanager
def open_photo(data: bytes) -> Iterator[Image.Image]:
    """Lend a photo, its header read and its pixels not yet. Use it inside: decoding may fail there, as PhotoError too.

    Raises PhotoError for what is no JPEG, PNG, WebP, HEIC or GIF, and TooManyPixels.
    """
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as photo:
            if photo.width * photo.height > MAX_PIXELS:
                raise TooManyPixels(_TOO_MANY)
            yield photo
    except BOMBS as error:
        raise TooManyPixels(_TOO_MANY) from error
    except BROKEN as error:
        raise PhotoError("The picture is damaged: it cannot be decoded") from error


def read_facts(data: bytes) -> PhotoFacts:
    """Return what a photo says of itself; only its header is read. Raises PhotoError.

    A capture time without a zone is taken as South African time; a time or place that cannot be true is left out.
    """
    with open_photo(data) as photo:
        exif = _exif(photo)
        width, height = photo.size
        if exif.get(ExifTags.Base.Orientation) in {5, 6, 7, 8} and photo.format != "HEIF":
            width, height = height, width
        latitude, longitude = _place(_part(exif, ExifTags.IFD.GPSInfo))
        return PhotoFacts(width, height, _captured(exif), latitude, longitude)


def shrink(data: bytes, longest: int) -> bytes:
    """Return the photo upright and without anything that the camera wrote, as WebP with sides of `longest` at most.

    A smaller photo keeps its size. Raises PhotoError for one that cannot be decoded.
    """
    with open_photo(data) as photo:
        # A JPEG decodes straight to a half, a quarter or an eighth: much less memory and time for a phone's photo.
        photo.draft("RGB", (longest, longest))
        upright = ImageOps.exif_transpose(photo)
        upright.thumbnail((longest, longest), Image.Resampling.LANCZOS)
        plain = upright.convert("RGBA" if upright.has_transparency_data else "RGB")
        made = io.BytesIO()
        plain.save(made, "WEBP", quality=_QUALITY, method=4, exif=b"", icc_profile=b"")
        return made.getvalue()


def _exif(photo: Image.Image) -> Image.Exif:
    try:
        return photo.getexif()
    except BROKEN:
        # Damaged notes of the camera make no damaged photo.
        return Image.Exif()


def _part(exif: Image.Exif, which: ExifTags.IFD) -> Mapping[int, Any]:
    try:
        return exif.get_ifd(which)
    except BROKEN:
        return {}


def _captured(exif: Image.Exif) -> datetime | None:
    """Return when the shutter closed: the original's time, else the file's own."""
    details = _part(exif, ExifTags.IFD.Exif)
    text = details.get(ExifTags.Base.DateTimeOriginal) or exif.get(ExifTags.Base.DateTime)
    offset = details.get(ExifTags.Base.OffsetTimeOriginal) or details.get(ExifTags.Base.OffsetTime)
    match = _DATE.match(text) if isinstance(text, str) else None
    if match is None:
        return None
    try:
        moment = datetime(*map(int, match.groups()), tzinfo=_zone(offset)).astimezone(UTC)  # type: ignore[arg-type, misc]
    except (ValueError, OverflowError):
        return None
    return moment if _EARLIEST <= moment < _LATEST else None


def _zone(offset: object) -> Any:
    match = _OFFSET.match(offset) if isinstance(offset, str) else None
    if match is None:
        return BUSINESS_ZONE
    sign, hours, minutes = match.groups()
    ahead = timedelta(hours=int(hours), minutes=int(minutes))
    return timezone(-ahead if sign == "-" else ahead)


def _place(gps: Mapping[int, Any]) -> tuple[Decimal | None, Decimal | None]:
    latitude = _degrees(gps.get(ExifTags.GPS.GPSLatitude), gps.get(ExifTags.GPS.GPSLatitudeRef), "S", 90)
    longitude = _degrees(gps.get(ExifTags.GPS.GPSLongitude), gps.get(ExifTags.GPS.GPSLongitudeRef), "W", 180)
    # Half a place is none, and 0, 0 is what a phone writes that does not know where it is.
    if latitude is None or longitude is None or (latitude == 0 and longitude == 0):
        return None, None
    return latitude, longitude


def _degrees(parts: Any, reference: Any, negative: str, most: int) -> Decimal | None:
    """Return degrees, minutes and seconds as decimal degrees (6 places); None for what is no place on earth."""
    try:
        degrees, minutes, seconds = (Fraction(float(part)) for part in parts)
        value = float(degrees + minutes / _SIXTY + seconds / _SIXTY**2)
    except (TypeError, ValueError, ZeroDivisionError, OverflowError):
        return None
    if not 0 <= value <= most:
        return None
    signed = -value if str(reference).strip("\0 ").upper() == negative else value
    return round(Decimal(signed), 6)
