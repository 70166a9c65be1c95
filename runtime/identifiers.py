"""Identifiers made on our side of the connection: UUID version 7 (RFC 9562), so that rows sort by age."""

from __future__ import annotations

import os
import time
from uuid import UUID


def uuid7() -> UUID:
    """Return a new time-ordered UUID: 48 bits of Unix milliseconds, 12 of sub-millisecond time, 62 random."""
    return _at(_present(), os.urandom(8))


def uuid7s(how_many: int) -> list[UUID]:
    """Return new time-ordered UUIDs in strictly rising order, a 4,096th of a millisecond apart from the present on."""
    present, random = _present(), os.urandom(8 * how_many)
    return [_at(present + place, random[8 * place : 8 * place + 8]) for place in range(how_many)]


def _present() -> int:
    """The time since 1970 in 4,096ths of a millisecond."""
    return (time.time_ns() << 12) // 1_000_000


def _at(moment: int, random: bytes) -> UUID:
    milliseconds, fraction = moment >> 12, moment & 0xFFF
    tail = int.from_bytes(random, "big") & 0x3FFF_FFFF_FFFF_FFFF
    return UUID(int=(milliseconds << 80) | (0x7 << 76) | (fraction << 64) | (0b10 << 62) | tail)
