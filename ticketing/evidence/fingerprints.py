"""Perceptual hashes: how far two are apart, and which places of the index hold whatever is near one.

A hash has 64 bits, kept as PostgreSQL keeps it: a signed number. The index (migration 0023) holds it by each of its
four bands of 16 bits. Of two hashes that differ in at most 7 bits at least one band differs in at most one bit, or the
bits would be 8: so the 17 values of each band that are at most one bit away find every such hash.
"""

from __future__ import annotations

from typing import Final

BITS: Final = 64
BANDS: Final = 4
BAND_BITS: Final = BITS // BANDS
FARTHEST: Final = 2 * BANDS - 1
"""The largest distance in bits within which the index finds everything."""

_MASK = (1 << BITS) - 1
_BAND_MASK = (1 << BAND_BITS) - 1
_ONE_BIT = tuple(1 << place for place in range(BAND_BITS))


def signed(bits: int) -> int:
    """Return 64 bits as the signed number that the database keeps."""
    return bits - (1 << BITS) if bits >> (BITS - 1) else bits


def distance(one: int, other: int) -> int:
    """Return in how many bits two hashes differ."""
    return ((one ^ other) & _MASK).bit_count()


def bands(fingerprint: int) -> tuple[int, ...]:
    """Return the four bands of a hash, the highest bits first: 0 to 65535."""
    places = range(BITS - BAND_BITS, -1, -BAND_BITS)
    return tuple((fingerprint >> place) & _BAND_MASK for place in places)


def probes(fingerprint: int) -> tuple[list[int], ...]:
    """Return, for each band, the values to ask the index for: the band itself and what is one bit away."""
    return tuple([band, *(band ^ bit for bit in _ONE_BIT)] for band in bands(fingerprint))
