"""Photos that were drawn, for demos and made-up histories: no two alike, with a camera's time and place in them."""

from __future__ import annotations

import io
import random
from datetime import datetime
from fractions import Fraction

from PIL import ExifTags, Image, ImageDraw, ImageFilter

SIZE = (960, 720)
SHAPES = 40

Position = tuple[float, float]


def draw(seed: int, caption: str, taken_at: datetime, position: Position | None = None) -> bytes:
    """Return a JPEG of 960 x 720: the same seed draws the same scene, another one a scene that no inspection confuses.

    `taken_at` (aware) and `position` (latitude, longitude in degrees) are what its EXIF says.
    """
    picture = _scene(random.Random(seed))  # noqa: S311 - a picture, not a secret
    ImageDraw.Draw(picture).text((24, SIZE[1] - 48), caption, fill=(255, 255, 255), font_size=28)
    content = io.BytesIO()
    picture.save(content, "JPEG", quality=80, exif=_exif(taken_at, position))
    return content.getvalue()


def _scene(chance: random.Random) -> Image.Image:
    half = (SIZE[0] // 2, SIZE[1] // 2)
    picture = Image.new("RGB", half, _colour(chance, 60, 200))
    pen = ImageDraw.Draw(picture)
    for _ in range(SHAPES):
        left, top = chance.randrange(half[0]), chance.randrange(half[1])
        corner = (left + chance.randrange(10, 150), top + chance.randrange(10, 150))
        pen.ellipse((left, top, *corner), fill=_colour(chance, 0, 256))
    return picture.resize(SIZE).filter(ImageFilter.GaussianBlur(2))


def _colour(chance: random.Random, lowest: int, beyond: int) -> tuple[int, int, int]:
    return chance.randrange(lowest, beyond), chance.randrange(lowest, beyond), chance.randrange(lowest, beyond)


def _exif(taken_at: datetime, position: Position | None) -> Image.Exif:
    exif = Image.Exif()
    exif[ExifTags.Base.Make] = "FibreFlow sample"
    details = exif.get_ifd(ExifTags.IFD.Exif)
    details[ExifTags.Base.DateTimeOriginal] = taken_at.strftime("%Y:%m:%d %H:%M:%S")
    offset = taken_at.strftime("%z")
    details[ExifTags.Base.OffsetTimeOriginal] = f"{offset[:3]}:{offset[3:]}"
    if position is not None:
        place = exif.get_ifd(ExifTags.IFD.GPSInfo)
        latitude, longitude = position
        place[ExifTags.GPS.GPSLatitudeRef] = "N" if latitude >= 0 else "S"
        place[ExifTags.GPS.GPSLatitude] = _degrees(latitude)
        place[ExifTags.GPS.GPSLongitudeRef] = "E" if longitude >= 0 else "W"
        place[ExifTags.GPS.GPSLongitude] = _degrees(longitude)
    return exif


def _degrees(value: float) -> tuple[float, float, float]:
    minutes, seconds = divmod(Fraction(abs(value)).limit_denominator(10**6) * 3600, 60)
    degrees, minutes = divmod(minutes, 60)
    return float(degrees), float(minutes), round(float(seconds), 2)
