"""Which ticket a row of the sheet is about, and whether the row says anything new."""

from __future__ import annotations

import hashlib
from datetime import datetime

from runtime.clock import BUSINESS_ZONE

# Part of every hash: raise it when the reading of cells changes, so that unchanged files are read anew once.
READING = "1"


def external_id(
    ft_ref: str | None, dr_number: str | None, issue: str | None, reported_at: datetime | None
) -> str | None:
    """Return the row's identity within the source `weekly_report`; None if it has none.

    That is the FT reference or, without one, a stable key of drop, day and issue, such as
    `DR1737348:2026-11-16:9f2c01d4a7be`. A drop number alone never is an identity: two faults on one drop are two
    tickets, or repeat faults could not be seen (domain page, "Weekly import").
    """
    if ft_ref is not None:
        return ft_ref
    if dr_number is None or issue is None:
        return None
    day = f"{reported_at.astimezone(BUSINESS_ZONE):%Y-%m-%d}" if reported_at else "undated"
    words = " ".join(issue.casefold().split())
    return f"{dr_number}:{day}:{hashlib.blake2b(words.encode(), digest_size=6).hexdigest()}"


def row_hash(said_json: bytes) -> bytes:
    """Return the 16 byte hash of what a row says (its values as JSON, in the reader's order).

    It covers what was read, not how it was typed: a re-formatted date or other spacing is no change.
    """
    return hashlib.blake2b(said_json, digest_size=16, person=READING.encode()).digest()
