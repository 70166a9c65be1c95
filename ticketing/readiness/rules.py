"""The eight checks as pure rules: from what is known of a ticket to what keeps it from QA."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

from runtime.settings import Settings
from ticketing.verification_steps import PHOTO_STEPS
from ticketing.vocabulary import Source

CHECKS: Final = (
    "photos_exist",
    "dr_populated",
    "pole_populated",
    "pon_populated",
    "zone_populated",
    "ont_serial_recorded",
    "ont_rx_recorded",
    "platforms_aligned",
)
"""The names of the checks, in the order in which they are told; the columns of `qa_readiness_checks`."""

_POPULATED = {
    "dr_populated": ("dr_number", "DR number"),
    "pole_populated": ("pole_number", "pole number"),
    "pon_populated": ("pon_number", "PON number"),
    "zone_populated": ("zone", "zone"),
    "ont_serial_recorded": ("ont_serial", "ONT serial"),
}
_COMPARED = {"dr_number": "DR number", "pole_number": "pole", "pon_number": "PON", "zone": "zone"}
_NUMBERED = re.compile(r"(?:PON|ZONE)?[\s.-]*0*(\d+)", re.ASCII)

TICKET = "ticket"
REGISTER = "SOW register"
_SHEETS = {Source.WEEKLY_REPORT: "weekly report", Source.QCONTACT: "QContact"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What an installation sets: the window of received power in dBm, and whether disagreeing platforms block."""

    rx_min: Decimal = Decimal("-27.0")
    rx_max: Decimal = Decimal("-8.0")
    platforms_block: bool = False

    @classmethod
    def from_settings(cls, settings: Settings) -> Policy:
        """Return the policy that the settings describe."""
        return cls(
            rx_min=Decimal(str(settings.ont_rx_min_dbm)),
            rx_max=Decimal(str(settings.ont_rx_max_dbm)),
            platforms_block=settings.qa_platforms_must_align,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What the check looks at. `platforms` holds, by platform, what each says of DR number, pole, PON and zone."""

    photo_steps: frozenset[int] = frozenset()
    dr_number: str | None = None
    pole_number: str | None = None
    pon_number: str | None = None
    zone: str | None = None
    ont_serial: str | None = None
    ont_rx_level: Decimal | None = None
    platforms: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedCheck:
    """A check that did not pass: why, what was expected and what there is. One that is not `blocking` only warns."""

    check_name: str
    reason: str
    expected: str | int
    actual: str | int | float | None
    blocking: bool = True

    def as_json(self) -> dict[str, Any]:
        """Return the failed check as it is kept and shown."""
        return {name: getattr(self, name) for name in ("check_name", "reason", "expected", "actual", "blocking")}


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What the check found: everything that failed, and how many of the steps that need a photo have one."""

    failed: tuple[FailedCheck, ...]
    photos_count: int
    photos_required_count: int = len(PHOTO_STEPS)

    @property
    def passed(self) -> bool:
        """Whether nothing that blocks has failed."""
        return not any(check.blocking for check in self.failed)

    @property
    def reasons(self) -> list[str]:
        """Why the ticket is not ready; warnings are no reasons."""
        return [check.reason for check in self.failed if check.blocking]

    def columns(self) -> dict[str, Any]:
        """Return the verdict as the columns that keep it: one flag a check, counts, and what failed."""
        names = {check.check_name for check in self.failed}
        return {
            "passed": self.passed,
            **{name: name not in names for name in CHECKS},
            "photos_count": self.photos_count,
            "photos_required_count": self.photos_required_count,
            "failed_checks": [check.as_json() for check in self.failed],
        }


def evaluate(facts: Facts, policy: Policy) -> Verdict:
    """Run the eight checks; what failed comes in their order."""
    found = [_photos(facts), *(_populated(facts, name) for name in _POPULATED), _rx(facts, policy)]
    found.append(_platforms(facts, policy))
    covered = facts.photo_steps.intersection(PHOTO_STEPS)
    return Verdict(failed=tuple(check for check in found if check is not None), photos_count=len(covered))


def facts_of(row: Mapping[str, Any]) -> Facts:
    """Return the facts out of a row of `list_readiness_facts`."""
    own = {name: row[name] for name in _COMPARED}
    platforms = {TICKET: own, REGISTER: {name: row[f"register_{name}"] for name in _COMPARED}}
    sheet = _SHEETS.get(row["source"])
    if sheet is not None:
        platforms[sheet] = {name: (row["sheet_fields"] or {}).get(name) for name in _COMPARED}
    return Facts(
        photo_steps=frozenset(row["photo_steps"]),
        ont_serial=row["ont_serial"],
        ont_rx_level=row["ont_rx_level"],
        platforms=platforms,
        **own,
    )


def differences(platforms: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, str]]:
    """Return, by field, who says what where platforms disagree. One that says nothing of a field does not disagree.

    Case and blanks around a value do not count, nor do leading zeros and a `PON` or `Zone` before a number.
    """
    found = {}
    for name in _COMPARED:
        said = {platform: str(values[name]).strip() for platform, values in platforms.items() if _given(values, name)}
        if len({_canonical(name, value) for value in said.values()}) > 1:
            found[name] = said
    return found


def _given(values: Mapping[str, Any], name: str) -> bool:
    value = values.get(name)
    return value is not None and bool(str(value).strip())


def _canonical(name: str, value: str) -> str:
    text = value.upper()
    numbered = _NUMBERED.fullmatch(text) if name in {"pon_number", "zone"} else None
    return numbered.group(1) if numbered else text


def _photos(facts: Facts) -> FailedCheck | None:
    missing = [step for step in PHOTO_STEPS if step not in facts.photo_steps]
    if not missing:
        return None
    count, steps = len(PHOTO_STEPS) - len(missing), ", ".join(map(str, missing))
    return FailedCheck(
        check_name="photos_exist",
        reason=f"{count} of {len(PHOTO_STEPS)} photo steps have an accepted evidence photo; missing for {steps}",
        expected=len(PHOTO_STEPS),
        actual=count,
    )


def _populated(facts: Facts, check_name: str) -> FailedCheck | None:
    name, label = _POPULATED[check_name]
    value: str | None = getattr(facts, name)
    if value is not None and value.strip():
        return None
    return FailedCheck(check_name=check_name, reason=f"The {label} is missing", expected=f"a {label}", actual=value)


def _rx(facts: Facts, policy: Policy) -> FailedCheck | None:
    level, window = facts.ont_rx_level, f"{policy.rx_min} to {policy.rx_max} dBm"
    if level is None:
        reason = "The ONT RX level is missing"
    elif policy.rx_min <= level <= policy.rx_max:
        return None
    else:
        reason = f"The ONT RX level of {level} dBm is not within {window}"
    actual = None if level is None else float(level)
    return FailedCheck(check_name="ont_rx_recorded", reason=reason, expected=window, actual=actual)


def _platforms(facts: Facts, policy: Policy) -> FailedCheck | None:
    found = differences(facts.platforms)
    if not found:
        return None
    told = "; ".join(
        f"{_COMPARED[name]}: " + ", ".join(f"{platform} {value}" for platform, value in said.items())
        for name, said in found.items()
    )
    return FailedCheck(
        check_name="platforms_aligned",
        reason=f"The platforms disagree on {told}",
        expected="the same DR number, pole, PON and zone on every platform",
        actual=told,
        blocking=policy.platforms_block,
    )
