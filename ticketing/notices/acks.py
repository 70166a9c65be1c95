"""How far a message got, out of confirmations that come doubled, late, out of order or not at all. Pure.

What is known of one message only grows: two pieces of knowledge are joined by taking the most of both, which gives the
same in any order and however often. A refusal counts only for what was never delivered.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ticketing.vocabulary import NotificationStatus

REFUSED = "REFUSED_BY_WHATSAPP"
ERROR, PENDING, SERVER, DEVICE, READ, PLAYED = -1, 0, 1, 2, 3, 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Ack:
    """One confirmation: of the message `stanza` (the bare id), `level` -1 to 4, at an aware moment.

    `reason` is what a refusal gives as its reason, if anything.
    """

    session: str
    stanza: str
    level: int
    at: datetime
    participant: str | None = None
    reason: str | None = None

    def __post_init__(self) -> None:
        if not ERROR <= self.level <= PLAYED:
            raise ValueError(f"a confirmation's level is from -1 to 4, not {self.level}")
        if not self.stanza or not self.session or self.at.tzinfo is None:
            raise ValueError("a confirmation names a session, a message and an aware moment")


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What is known of one message: the highest level but for refusals, and when each stage was first confirmed."""

    level: int = PENDING
    sent_at: datetime | None = None
    delivered_at: datetime | None = None
    read_at: datetime | None = None
    refused_at: datetime | None = None
    refusal: str | None = None

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> Known:
        """Read what is known from its row."""
        return cls(**{name: row[name] for name in cls.__slots__})

    @property
    def status(self) -> NotificationStatus:
        """How far the message is."""
        if self.level >= READ:
            return NotificationStatus.READ
        if self.level == DEVICE:
            return NotificationStatus.DELIVERED
        if self.refused_at is not None:
            return NotificationStatus.FAILED
        return NotificationStatus.SENT if self.level == SERVER else NotificationStatus.PENDING


def known_by(ack: Ack) -> Known:
    """Return what one confirmation tells: a later stage tells of the earlier ones too."""
    if ack.level == ERROR:
        return Known(refused_at=ack.at, refusal=ack.reason)
    return Known(
        level=ack.level,
        sent_at=ack.at if ack.level >= SERVER else None,
        delivered_at=ack.at if ack.level >= DEVICE else None,
        read_at=ack.at if ack.level >= READ else None,
    )


def joined(one: Known, other: Known) -> Known:
    """Return what both tell together. The query `confirm_stanza` does the same."""
    refusals = [text for text in (one.refusal, other.refusal) if text is not None]
    return Known(
        level=max(one.level, other.level),
        sent_at=first_of((one.sent_at, other.sent_at)),
        delivered_at=first_of((one.delivered_at, other.delivered_at)),
        read_at=first_of((one.read_at, other.read_at)),
        refused_at=first_of((one.refused_at, other.refused_at)),
        refusal=min(refusals, default=None),
    )


def first_of(moments: Iterable[datetime | None]) -> datetime | None:
    """Return the earliest of the moments that there are."""
    return min((moment for moment in moments if moment is not None), default=None)


# A refused message counts for least: another one of the same notice may still arrive.
_ORDER = (
    NotificationStatus.FAILED,
    NotificationStatus.PENDING,
    NotificationStatus.SENT,
    NotificationStatus.DELIVERED,
    NotificationStatus.READ,
)


def moved(status: NotificationStatus, messages: Iterable[Known]) -> NotificationStatus:
    """Return how far a notice is that has these messages, coming from `status`: never back, and failed only unproven.

    A notice that failed for another reason than a refusal stays failed until one of its messages is proven.
    """
    target = max((message.status for message in messages), key=_ORDER.index, default=NotificationStatus.PENDING)
    if target is NotificationStatus.PENDING:
        return status
    if target is NotificationStatus.FAILED:
        is_open = status in (NotificationStatus.PENDING, NotificationStatus.SENT)
        return target if is_open else status
    return max(status, target, key=_ORDER.index)
