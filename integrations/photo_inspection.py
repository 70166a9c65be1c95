"""What can be seen of a photo without a person: does it decode, how large is it, what does it show, what is it like.

A JPEG is decoded straight to a fraction of its size, and all that is looked at are small grey copies of a photo.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from operator import mul
from statistics import median, pstdev
from typing import Final

from PIL import Image, ImageOps

from integrations.photos import BROKEN, PhotoError, TooManyPixels, open_photo, read_facts
from ticketing.evidence.fingerprints import BITS, signed
from ticketing.evidence.rules import Finding, Look

# Sides in pixels: of the copy that is decoded, of that whose grey levels are counted, of that which is hashed.
DECODED: Final = 512
COUNTED: Final = 64
HASHED: Final = 32

# In bytes: a HEIC of 50 million pixels, the most that a phone makes. Four of them are inspected at once.
MOST_DECODED: Final = 160_000_000

_BRIGHTEST_SHARE = 0.02
# Coefficients are told apart to this many digits, so that rounding elsewhere turns no bit.
_DIGITS = 3


def look_at(data: bytes, sha256: str) -> Look:
    """Return what the stored bytes of a photo tell. Raises nothing: what is wrong with them is part of the answer.

    `sha256` is what the bytes must have, in hex. Takes some 100 ms of processor time for a phone's photo.
    """
    if hashlib.sha256(data).hexdigest() != sha256:
        text = "The stored file is not the one that was uploaded: upload it again"
        return Look(problem=Finding.CHANGED_IN_STORAGE, problem_text=text)
    try:
        return _look(data)
    except TooManyPixels as error:
        return Look(problem=Finding.TOO_MANY_PIXELS, problem_text=error.message)
    except PhotoError as error:
        return Look(problem=Finding.UNREADABLE, problem_text=error.message)


def _look(data: bytes) -> Look:
    with open_photo(data) as photo:
        # Before anything else: to read the notes in a PNG is to decode it.
        _require_room(photo)
    facts = read_facts(data)
    grey = _small_and_grey(data)
    counted = _levels(grey, COUNTED)
    return Look(
        width=facts.width,
        height=facts.height,
        deviation=pstdev(counted),
        brightness=sorted(counted)[int(len(counted) * (1 - _BRIGHTEST_SHARE))],
        fingerprint=fingerprint(grey),
        captured_at=facts.captured_at,
    )


def _small_and_grey(data: bytes) -> Image.Image:
    """Decode the whole file (a cut-off one fails here) into a small grey copy, the way it is to be looked at."""
    with open_photo(data) as photo:
        photo.draft("L", (DECODED, DECODED))
        # Averaging needs plain colours: no numbers of a palette, no second copy with transparency multiplied out.
        copy = photo if photo.mode in {"L", "RGB"} else photo.convert("L")
        copy.thumbnail((DECODED, DECODED), Image.Resampling.BOX, reducing_gap=2.0)
        return _upright(copy).convert("L")


def _require_room(photo: Image.Image) -> None:
    """Refuse what would be decoded in full and be too large for it: only a JPEG decodes straight to a fraction."""
    if photo.format in {"JPEG", "MPO"} or photo.width * photo.height * len(photo.getbands()) <= MOST_DECODED:
        return
    raise TooManyPixels(
        f"The picture has {photo.width} x {photo.height} pixels, too many for a {photo.format}: send it as JPEG"
    )


def _upright(photo: Image.Image) -> Image.Image:
    try:
        return ImageOps.exif_transpose(photo)
    except BROKEN:
        # Damaged notes of the camera make no damaged photo: it is looked at as it lies.
        return photo


def _levels(grey: Image.Image, side: int) -> list[int]:
    return list(grey.resize((side, side), Image.Resampling.BOX).tobytes())


def fingerprint(grey: Image.Image) -> int:
    """Return the perceptual hash of a grey picture: 64 bits as a signed number.

    Each bit tells whether one of the 64 lowest frequencies of a 32 x 32 copy (discrete cosine transform, zigzag order,
    without the mean) lies above their median: what survives another size, another compression, another brightness.
    """
    levels = _levels(grey, HASHED)
    rows = [levels[start : start + HASHED] for start in range(0, HASHED * HASHED, HASHED)]
    across = [[_dot(row, wave) for row in rows] for wave in _WAVES]
    found = [round(_dot(across[u], _WAVES[v]), _DIGITS) for u, v in _ZIGZAG]
    middle = median(found)
    bits = 0
    for value in found:
        bits = bits << 1 | (value > middle)
    return signed(bits)


def _dot(one: Sequence[float], other: Sequence[float]) -> float:
    return math.fsum(map(mul, one, other))


_ZIGZAG: Final = sorted(
    ((u, v) for u in range(HASHED) for v in range(HASHED) if u or v), key=lambda place: (sum(place), place)
)[:BITS]
_WAVES: Final = [
    [math.cos(math.pi * wave * (2 * place + 1) / (2 * HASHED)) for place in range(HASHED)]
    for wave in range(1 + max(map(max, _ZIGZAG)))
]
