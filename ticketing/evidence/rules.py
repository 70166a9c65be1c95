"""Inspection of one photo as pure rules: from what is seen and known of it to findings, and from these to a result."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from runtime.clock import local_time
from runtime.settings import Settings
from ticketing.evidence.fingerprints import FARTHEST
from ticketing.vocabulary import InspectionStatus

LEAST_PIXELS: Final = (640, 480)
"""The smallest photo, longer side first; a phone held upright takes it the other way round."""

# Grey levels of 0 to 255, of a copy so small that the noise of a sensor and of compression has averaged out: how much
# they spread (one standard deviation), and the level that all but the brightest fiftieth stay under.
LEAST_DEVIATION: Final = 3.0
LEAST_BRIGHTNESS: Final = 32


class Finding(StrEnum):
    """What an inspection may find of a photo."""

    UNREADABLE = "unreadable"
    CHANGED_IN_STORAGE = "changed_in_storage"
    TOO_MANY_PIXELS = "too_many_pixels"
    TOO_SMALL = "too_small"
    BLANK = "blank"
    TOO_DARK = "too_dark"
    SAME_PHOTO = "same_photo"
    SIMILAR_PHOTO = "similar_photo"
    CAPTURED_BEFORE_TICKET = "captured_before_ticket"
    REPEATED_ON_TICKET = "repeated_on_ticket"
    CAPTURED_AFTER_UPLOAD = "captured_after_upload"
    CAPTURED_OUT_OF_ORDER = "captured_out_of_order"
    NOT_ALL_COMPARED = "not_all_compared"


REJECTING: Final = frozenset(
    {
        Finding.UNREADABLE,
        Finding.CHANGED_IN_STORAGE,
        Finding.TOO_MANY_PIXELS,
        Finding.TOO_SMALL,
        Finding.BLANK,
        Finding.TOO_DARK,
        Finding.SAME_PHOTO,
    }
)
"""With one of these a photo is no evidence."""

DOUBTED: Final = frozenset({InspectionStatus.REJECTED, InspectionStatus.SUSPECT})
"""Results that wait for QA's word: a photo that has one does not count."""

DOUBTING: Final = frozenset({Finding.SIMILAR_PHOTO, Finding.CAPTURED_BEFORE_TICKET})
"""With one of these a person has to look. All others only warn."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What an installation sets.

    `similar_bits`: in how many of 64 bits two hashes may differ to look the same; `capture_slack`: how long before the
    ticket a photo may have been taken.
    """

    similar_bits: int = FARTHEST
    capture_slack: timedelta = timedelta(hours=24)

    @classmethod
    def from_settings(cls, settings: Settings) -> Policy:
        """Return the policy that the settings describe."""
        return cls(
            similar_bits=settings.evidence_similar_bits,
            capture_slack=timedelta(hours=settings.evidence_capture_slack_hours),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What the photo itself tells: size in pixels, grey levels (see LEAST_DEVIATION), perceptual hash, capture time.

    `problem` says why it tells no more: then it was not decoded, and the rest is as far as it was read.
    """

    problem: Finding | None = None
    problem_text: str = ""
    width: int | None = None
    height: int | None = None
    deviation: float = 0.0
    brightness: int = 0
    fingerprint: int | None = None
    captured_at: datetime | None = None

    @property
    def is_blank(self) -> bool:
        """Whether it shows next to nothing: near-uniform."""
        return self.deviation < LEAST_DEVIATION

    @property
    def comparable(self) -> int | None:
        """The hash, if it stands for something: all blank photos look alike."""
        return None if self.problem or self.is_blank else self.fingerprint


@dataclass(frozen=True, slots=True, kw_only=True)
class Repeat:
    """An earlier photo that this one repeats: `distance` is the number of bits in which the hashes differ.

    `same_bytes`: it is the very same file.
    """

    attachment_id: str
    ticket_id: str
    ticket_uid: str
    step_number: int | None
    distance: int
    same_bytes: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is known beside the photo. `first_captures`: when each step's first photo was taken, without this one.

    `ticket_at` is when the fault was reported or the ticket made, whichever was earlier; `cut_buckets` tells in how
    many places of the index there were more photos than were compared.
    """

    ticket_id: str
    ticket_at: datetime
    uploaded_at: datetime
    captured_at: datetime | None = None
    step_number: int | None = None
    first_captures: Mapping[int, datetime] = field(default_factory=dict)
    repeats: Sequence[Repeat] = ()
    cut_buckets: int = 0


@dataclass(frozen=True, slots=True)
class Verdict:
    """The result of an inspection: the findings as they are kept, the gravest first."""

    status: InspectionStatus
    reasons: tuple[dict[str, Any], ...]


def judge(look: Look, facts: Facts, policy: Policy) -> Verdict:
    """Return what the inspection of a photo comes to."""
    found = _seen(look) or [*_repeated(facts), *_timed(facts, policy)]
    found.sort(key=lambda reason: _LEVELS.index(reason["level"]))
    return Verdict(_status(found), tuple(found))


def level_of(code: Finding) -> str:
    """Return how grave a finding is: `rejects`, `doubts` or `warns`."""
    if code in REJECTING:
        return "rejects"
    return "doubts" if code in DOUBTING else "warns"


_LEVELS = ("rejects", "doubts", "warns")


def _status(found: Sequence[Mapping[str, Any]]) -> InspectionStatus:
    levels = {reason["level"] for reason in found}
    if "rejects" in levels:
        return InspectionStatus.REJECTED
    return InspectionStatus.SUSPECT if "doubts" in levels else InspectionStatus.ACCEPTED


def _reason(code: Finding, message: str, **more: Any) -> dict[str, Any]:
    return {"code": code.value, "level": level_of(code), "message": message, **more}


def _seen(look: Look) -> list[dict[str, Any]]:
    """Return what the photo itself tells against it; one that shows nothing is not compared with others."""
    if look.problem:
        return [_reason(look.problem, look.problem_text)]
    found = []
    sides = sorted((look.width or 0, look.height or 0), reverse=True)
    if sides[0] < LEAST_PIXELS[0] or sides[1] < LEAST_PIXELS[1]:
        least = f"{LEAST_PIXELS[0]} x {LEAST_PIXELS[1]}"
        found.append(_reason(Finding.TOO_SMALL, f"{look.width} x {look.height} pixels; {least} are the least"))
    if look.brightness < LEAST_BRIGHTNESS:
        found.append(_reason(Finding.TOO_DARK, "The photo is too dark to show anything"))
    elif look.is_blank:
        found.append(_reason(Finding.BLANK, "The photo is one even surface and shows nothing"))
    return found


def _repeated(facts: Facts) -> list[dict[str, Any]]:
    """Name the photo that is repeated: the very same on another ticket goes before the nearest."""
    elsewhere = [repeat for repeat in facts.repeats if repeat.ticket_id != facts.ticket_id]
    found = []
    if elsewhere:
        worst = min(elsewhere, key=lambda repeat: (not repeat.same_bytes, repeat.distance))
        code = Finding.SAME_PHOTO if worst.same_bytes else Finding.SIMILAR_PHOTO
        manner = "the very photo" if worst.same_bytes else "nearly the photo"
        more = f", as {len(elsewhere) - 1} more" if len(elsewhere) > 1 else ""
        found.append(_reason(code, f"This is {manner} of {_place(worst)}{more}", **_pointer(worst, len(elsewhere))))
    here = [repeat for repeat in facts.repeats if repeat.ticket_id == facts.ticket_id]
    if here:
        nearest = min(here, key=lambda repeat: (not repeat.same_bytes, repeat.distance))
        message = f"The ticket has this photo already: {_place(nearest)}"
        found.append(_reason(Finding.REPEATED_ON_TICKET, message, **_pointer(nearest, len(here))))
    if facts.cut_buckets:
        message = "So many photos look alike in part that not all of them were compared"
        found.append(_reason(Finding.NOT_ALL_COMPARED, message, cut_buckets=facts.cut_buckets))
    return found


def _place(repeat: Repeat) -> str:
    return repeat.ticket_uid + (f", step {repeat.step_number}" if repeat.step_number else "")


def _pointer(repeat: Repeat, count: int) -> dict[str, Any]:
    names = ("ticket_id", "ticket_uid", "attachment_id", "step_number", "distance")
    return {"repeats": {name: getattr(repeat, name) for name in names}, "count": count}


def _timed(facts: Facts, policy: Policy) -> list[dict[str, Any]]:
    """Judge the capture time; a photo without one (a messenger has removed it) tells nothing."""
    taken = facts.captured_at
    if taken is None:
        return []
    found = []
    # Between two moments there is always a span; a span added to one may lead beyond the calendar.
    if facts.ticket_at - taken > policy.capture_slack:
        message = f"Taken {_told(taken)}, before the ticket of {_told(facts.ticket_at)}"
        found.append(_reason(Finding.CAPTURED_BEFORE_TICKET, message, captured_at=taken.isoformat()))
    if taken - facts.uploaded_at > policy.capture_slack:
        message = f"Taken {_told(taken)} by the camera's clock, after it was uploaded"
        found.append(_reason(Finding.CAPTURED_AFTER_UPLOAD, message, captured_at=taken.isoformat()))
    overtaken = _out_of_order(taken, facts)
    if overtaken is not None:
        word = "before" if overtaken < (facts.step_number or 0) else "after"
        message = f"Taken {_told(taken)}, {word} the first photo of step {overtaken}"
        found.append(_reason(Finding.CAPTURED_OUT_OF_ORDER, message, captured_at=taken.isoformat(), step=overtaken))
    return found


def _out_of_order(taken: datetime, facts: Facts) -> int | None:
    """Return a step whose first photo stands on the wrong side of this one.

    Only the first photo of a step tells when the step was done: one that is taken again later runs against nothing.
    """
    number = facts.step_number
    if number is None or facts.first_captures.get(number, taken) < taken:
        return None
    for step, first in sorted(facts.first_captures.items()):
        if (step < number and taken < first) or (step > number and taken > first):
            return step
    return None


def _told(moment: datetime) -> str:
    return local_time(moment).strftime("%Y-%m-%d %H:%M")
