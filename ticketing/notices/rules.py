"""When a notice may go out, and when it is one that was said already: pure.

Quiet hours are local; Johannesburg keeps no summer time, so a day there is always 24 hours. Caps count starts over the
time that has just passed, not by the calendar: four in an hour are four in any sixty minutes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Self
from uuid import UUID

from runtime.clock import BUSINESS_ZONE
from runtime.settings import Settings

SAID_ONCE_FOR = timedelta(minutes=5)
"""How long the same notice to the same person for the same ticket is not said again."""

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """When and how fast notices may go out. Quiet hours end at `quiet_until`; two equal times mean that none are.

    `jitter` (0 to 1) is how far the gap between two notices over one session varies; 0 leaves no gap at all.
    """

    quiet_from: time
    quiet_until: time
    per_minute: int
    per_day: int
    per_contact_per_hour: int
    per_contact_per_day: int
    jitter: float = 0.0

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        """Read the limits of this installation."""
        return cls(
            quiet_from=settings.notices_quiet_from,
            quiet_until=settings.notices_quiet_until,
            per_minute=settings.notices_per_minute,
            per_day=settings.notices_per_day,
            per_contact_per_hour=settings.notices_per_contact_per_hour,
            per_contact_per_day=settings.notices_per_contact_per_day,
            jitter=settings.notices_jitter,
        )


def is_quiet(moment: datetime, limits: Limits) -> bool:
    """Whether nobody is written to at that moment (aware)."""
    clock = moment.astimezone(BUSINESS_ZONE).time()
    if limits.quiet_from <= limits.quiet_until:
        return limits.quiet_from <= clock < limits.quiet_until
    return clock >= limits.quiet_from or clock < limits.quiet_until


def after_quiet(moment: datetime, limits: Limits) -> datetime:
    """Return the moment itself (aware), or the end of the quiet hours that it lies in, in UTC."""
    if not is_quiet(moment, limits):
        return moment
    local = moment.astimezone(BUSINESS_ZONE)
    end = datetime.combine(local.date(), limits.quiet_until, BUSINESS_ZONE)
    return (end if end > local else end + DAY).astimezone(UTC)


def gap_between(limits: Limits, spread: float) -> timedelta:
    """Return how far apart two notices over one session are; `spread` (0 to 1) is drawn by lot for each.

    WhatsApp takes a fixed beat for a machine's. It is never more than the even share of a minute, so it costs no speed.
    """
    return MINUTE / limits.per_minute * (1 - limits.jitter * spread) if limits.jitter else timedelta()


def earliest_start(
    now: datetime,
    contact_history: Iterable[datetime],
    session_history: Iterable[datetime],
    limits: Limits,
    gap: timedelta = timedelta(),
) -> datetime:
    """Return the first moment from `now` on (aware) at which one more notice may go out.

    The histories are when others went out, or are to: to the same contact, and over the same session, to which `gap` is
    kept on both sides. Starts that lie more than a day back need not be given. A cap that history itself exceeds is
    respected from there on.
    """
    contact, session = sorted(contact_history), sorted(session_history)
    caps = (
        (contact, HOUR, limits.per_contact_per_hour),
        (contact, DAY, limits.per_contact_per_day),
        (session, MINUTE, limits.per_minute),
        (session, DAY, limits.per_day),
        (session, gap, 1),
    )
    moment = after_quiet(now, limits)
    while True:
        # Each rule names the first moment that it allows: no earlier one can suit all, so the latest is tried next.
        later = max(_first_free(moment, *cap) for cap in caps)
        later = after_quiet(later, limits)
        if later == moment:
            return moment
        moment = later


def _first_free(moment: datetime, starts: Sequence[datetime], window: timedelta, most: int) -> datetime:
    """Return the first moment from the given one on that makes no more than `most` starts within any such window."""
    for first, last in zip(starts, starts[most - 1 :], strict=False):
        # These are `most` starts: if they fit one window, no other start may fall into one with all of them.
        if last - first < window and last - window < moment < first + window:
            moment = first + window
    return moment


def dedupe_key(subject: str, phone: str, ticket_id: UUID | None) -> str:
    """Return the key that two notices share if they say the same, to the same person, for the same ticket.

    `subject` is the template's name, or the text where there is no template.
    """
    digest = hashlib.sha256(subject.encode()).hexdigest()[:24]
    return f"{digest}:{phone}:{ticket_id or ''}"
