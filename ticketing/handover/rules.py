"""The gates of a handover and the moves that it makes, as pure rules (domain page, "Handover")."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Final, Literal

from ticketing.errors import ConditionNotMet, DomainError
from ticketing.people import Role
from ticketing.vocabulary import HandoverType, Owner, Status

MAY_HAND_OVER: tuple[Role, ...] = ("admin", "manager", "qa")

Severity = Literal["critical", "high", "medium"]

OWNERS: Final = MappingProxyType(
    {
        HandoverType.BUILD_TO_QA: (Owner.BUILD, Owner.QA),
        HandoverType.QA_TO_MAINTENANCE: (Owner.QA, Owner.MAINTENANCE),
        HandoverType.MAINTENANCE_COMPLETE: (Owner.MAINTENANCE, Owner.MAINTENANCE),
    }
)
"""Who gives and who takes."""

_MOVES: Final[Mapping[HandoverType, Mapping[Status, tuple[Status, ...]]]] = MappingProxyType(
    {
        HandoverType.BUILD_TO_QA: {Status.IN_PROGRESS: (Status.PENDING_QA,), Status.PENDING_QA: ()},
        HandoverType.QA_TO_MAINTENANCE: {
            Status.QA_APPROVED: (Status.PENDING_HANDOVER, Status.HANDED_TO_MAINTENANCE),
            Status.PENDING_HANDOVER: (Status.HANDED_TO_MAINTENANCE,),
        },
        HandoverType.MAINTENANCE_COMPLETE: {Status.HANDED_TO_MAINTENANCE: (Status.CLOSED,)},
    }
)

PENDING: Final = MappingProxyType(
    {
        Status.IN_PROGRESS: HandoverType.BUILD_TO_QA,
        Status.QA_APPROVED: HandoverType.QA_TO_MAINTENANCE,
        Status.PENDING_HANDOVER: HandoverType.QA_TO_MAINTENANCE,
        Status.HANDED_TO_MAINTENANCE: HandoverType.MAINTENANCE_COMPLETE,
    }
)
"""Which handover a ticket waits for, by its status: one that can be made from there."""

_DR: Final = "DR number"

# Once approved, a ticket stays approved: the machine leads from there to maintenance and to closing only.
_APPROVED = frozenset({Status.QA_APPROVED, Status.PENDING_HANDOVER, Status.HANDED_TO_MAINTENANCE, Status.CLOSED})


class GatesFailed(DomainError):
    """Gates refuse the handover; `details` is the gate result."""

    code = "HANDOVER_GATE_FAILED"


class AlreadyHandedOver(DomainError):
    """Somebody else has made this handover."""

    code = "CONFLICT"


@dataclass(frozen=True, slots=True, kw_only=True)
class GateFacts:
    """What is true of a ticket, as far as the gates ask.

    `damaged` says of each accepted evidence photo whose file is not what was stored what is wrong with it; empty where
    nobody has looked.
    """

    status: str
    dr_number: str | None = None
    pole_number: str | None = None
    pon_number: str | None = None
    zone_id: str | None = None
    ont_serial: str | None = None
    ont_rx_level: Decimal | float | None = None
    contractor: bool = False
    steps_completed: int = 0
    steps_total: int = 12
    photos_accepted: int = 0
    damaged: tuple[str, ...] = ()
    risks_active: int = 0
    risks_covering: int = 0


@dataclass(frozen=True, slots=True)
class Gate:
    """What came of one gate. It blocks where it is `required` and did not pass; else its `warnings` tell."""

    name: str
    passed: bool
    required: bool
    message: str
    hint: str = ""
    severity: Severity = "high"
    warnings: tuple[str, ...] = field(default=())


@dataclass(frozen=True, slots=True)
class GateResult:
    """What came of all gates together."""

    gates: tuple[Gate, ...]

    @property
    def blocking(self) -> tuple[Gate, ...]:
        """The gates that refuse the handover."""
        return tuple(gate for gate in self.gates if gate.required and not gate.passed)

    @property
    def can_handover(self) -> bool:
        """Whether no gate refuses."""
        return not self.blocking

    @property
    def passed(self) -> int:
        """How many gates passed."""
        return sum(gate.passed for gate in self.gates)

    def as_json(self) -> dict[str, Any]:
        """Return the gate result of the wire contract."""
        shown = [
            {"gate_name": gate.name, "passed": gate.passed, "required": gate.required, "message": gate.message}
            for gate in self.gates
        ]
        return {
            "can_handover": self.can_handover,
            "blocking_issues": [
                {
                    "gate_name": gate.name,
                    "severity": gate.severity,
                    "message": gate.message,
                    "resolution_hint": gate.hint,
                }
                for gate in self.blocking
            ],
            "warnings": [warning for gate in self.gates for warning in gate.warnings],
            "gates_passed": [gate for gate in shown if gate["passed"]],
            "gates_failed": [gate for gate in shown if not gate["passed"]],
        }


def facts_of(row: Mapping[str, Any], damaged: tuple[str, ...] = ()) -> GateFacts:
    """Return the facts of a row of `list_gate_facts`."""
    same = ("status", "dr_number", "pole_number", "pon_number", "zone_id", "ont_serial", "ont_rx_level")
    counts = ("steps_completed", "steps_total", "photos_accepted", "risks_active", "risks_covering")
    return GateFacts(
        **{name: row[name] for name in same + counts},
        contractor=row["assigned_contractor_id"] is not None,
        damaged=damaged,
    )


def evaluate(kind: HandoverType, facts: GateFacts) -> GateResult:
    """Try all seven gates for a handover of this type.

    Everything blocks on the way to maintenance; the last two do not where every active risk covers the handover. On the
    way to QA, and when maintenance is complete, photos and the DR number block and the rest warns; completing
    maintenance closes the ticket, so no risk may be active then.
    """
    return GateResult(tuple(gate(kind, facts) for gate in _GATES))


def path(kind: HandoverType, status: str, owner: str) -> tuple[Status, ...]:
    """Return the statuses that a handover moves a ticket through, in order; none where only its owner changes.

    Raises AlreadyHandedOver where this handover is behind the ticket, and ConditionNotMet where the ticket is not at
    the point that it starts from.
    """
    moves = _MOVES[kind]
    if Status(status) in moves and not (status == Status.PENDING_QA and owner == Owner.QA):
        return moves[Status(status)]
    if _is_behind(kind, status, owner):
        raise AlreadyHandedOver(
            f"The {kind.value} handover of this ticket was made already: it is {status} now",
            details={"handover_type": kind.value, "status": status, "owner": owner},
        )
    starts = [start.value for start in moves]
    raise ConditionNotMet(
        f"A {kind.value} handover starts from {' or '.join(starts)}; the ticket is {status}",
        details={"handover_type": kind.value, "current": status, "starts_from": starts},
    )


def _is_behind(kind: HandoverType, status: str, owner: str) -> bool:
    if kind == HandoverType.BUILD_TO_QA:
        return status == Status.PENDING_QA and owner == Owner.QA
    ends = {Status.CLOSED} if kind == HandoverType.MAINTENANCE_COMPLETE else {Status.HANDED_TO_MAINTENANCE}
    return owner == Owner.MAINTENANCE and status in ends


def _is_strict(kind: HandoverType) -> bool:
    return kind == HandoverType.QA_TO_MAINTENANCE


def _as_built(kind: HandoverType, facts: GateFacts) -> Gate:
    places = {
        _DR: facts.dr_number,
        "pole": facts.pole_number,
        "PON": facts.pon_number,
        "zone": facts.zone_id,
    }
    missing = [name for name, value in places.items() if not (value or "").strip()]
    required = _is_strict(kind) or _DR in missing
    if not missing:
        return Gate("as_built_confirmed", passed=True, required=required, message="DR, pole, PON and zone are recorded")
    return Gate(
        "as_built_confirmed",
        passed=False,
        required=required,
        message=f"As-built data is incomplete: {', '.join(missing)} missing",
        hint=f"Record {', '.join(missing)} on the ticket",
        severity="critical",
        warnings=() if _is_strict(kind) else tuple(f"The {name} is not recorded" for name in missing if name != _DR),
    )


def _photos(_kind: HandoverType, facts: GateFacts) -> Gate:
    name = "photos_archived"
    if not facts.photos_accepted:
        return Gate(
            name,
            passed=False,
            required=True,
            message="The ticket has no accepted evidence photo",
            hint="Upload the photos of the steps; inspection must accept at least one",
            severity="critical",
        )
    if facts.damaged:
        return Gate(
            name,
            passed=False,
            required=True,
            message=f"{len(facts.damaged)} evidence photo(s) are not as they were stored: {'; '.join(facts.damaged)}",
            hint="Upload these photos again, or restore the files",
            severity="critical",
        )
    return Gate(name, passed=True, required=True, message=f"{facts.photos_accepted} accepted photo(s) are archived")


def _ont_pon(kind: HandoverType, facts: GateFacts) -> Gate:
    missing = [] if (facts.ont_serial or "").strip() else ["ONT serial"]
    missing += ["RX level"] if facts.ont_rx_level is None else []
    lacks = " and ".join(missing)
    return _gate(
        kind,
        "ont_pon_verified",
        passed=not missing,
        good="ONT serial and RX level are recorded",
        bad=f"{lacks} not recorded",
        hint=f"Record {lacks} on the ticket",
    )


def _contractor(kind: HandoverType, facts: GateFacts) -> Gate:
    return _gate(
        kind,
        "contractor_assigned",
        passed=facts.contractor,
        good="A contractor is assigned",
        bad="No contractor is assigned",
        hint="Assign the contractor who answers for the work",
    )


def _verification(kind: HandoverType, facts: GateFacts) -> Gate:
    done = f"{facts.steps_completed}/{facts.steps_total}"
    return _gate(
        kind,
        "verification_complete",
        passed=facts.steps_completed == facts.steps_total > 0,
        good=f"{done} verification steps are complete",
        bad=f"Only {done} verification steps are complete",
        hint="Complete the open verification steps",
    )


def _qa_approved(kind: HandoverType, facts: GateFacts) -> Gate:
    return _gate(
        kind,
        "qa_approved",
        passed=facts.status in _APPROVED,
        good="QA has approved the work",
        bad="QA has not approved the work",
        hint="Let QA approve the ticket, or accept a risk that covers the handover",
        excused=_is_covered(facts),
    )


def _no_risks(kind: HandoverType, facts: GateFacts) -> Gate:
    return _gate(
        kind,
        "no_active_risks",
        passed=not facts.risks_active,
        good="No risk acceptance is active",
        bad=f"{facts.risks_active} risk acceptance(s) are active",
        hint="Resolve the accepted risks" + (", or accept them for the handover too" if _is_strict(kind) else ""),
        excused=_is_covered(facts) and _is_strict(kind),
        closes=kind == HandoverType.MAINTENANCE_COMPLETE,
    )


def _is_covered(facts: GateFacts) -> bool:
    return 0 < facts.risks_active == facts.risks_covering


def _gate(
    kind: HandoverType,
    name: str,
    *,
    passed: bool,
    good: str,
    bad: str,
    hint: str,
    excused: bool = False,
    closes: bool = False,
) -> Gate:
    """Make a gate that blocks on the way to maintenance, unless `excused`, or because the ticket is to be closed."""
    required = (_is_strict(kind) and not excused) or closes
    warnings = () if passed or required else (bad + (": an accepted risk covers the handover" if excused else ""),)
    return Gate(name, passed, required, good if passed else bad, "" if passed else hint, warnings=warnings)


_GATES: tuple[Callable[[HandoverType, GateFacts], Gate], ...] = (
    _as_built,
    _photos,
    _ont_pon,
    _contractor,
    _verification,
    _qa_approved,
    _no_risks,
)
