"""The rows of made-up tickets, as the COPY statements of `sample_history` take them. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from psycopg.types.json import Jsonb
from pydantic_core import to_json

from cli.seed import happenings
from cli.seed.clocks import Clock
from cli.seed.happenings import Happening
from cli.seed.life import Check, Life, Risk, Targets
from ticketing.guarantee.events import GuaranteeClassified
from ticketing.guarantee.rules import PENDING, Classification, Periods, classify
from ticketing.readiness.rules import CHECKS, Facts, Policy, evaluate
from ticketing.sla.calendar import moment_of
from ticketing.ticket_changes import json_ready
from ticketing.verification_steps import PHOTO_STEPS
from ticketing.vocabulary import FAULT_TYPES, Owner, RiskStatus, Status

Row = tuple[Any, ...]

_SALT: Final = 0x9E3779B97F4A7C15
_RANDOM_BITS: Final = 62
_PHOTO_SALTS: Final = 1 << 20
_OWNERS: Final = {Status.OPEN: Owner.BUILD, Status.ASSIGNED: Owner.BUILD, Status.IN_PROGRESS: Owner.BUILD}
_MACHINES: Final = {happenings.SWEEP: "schedule", happenings.INSPECTION: "job"}
_VERDICT: Final = ("photos_exist", "photos_count", "photos_required_count", *CHECKS[1:])
_RISK_TEXT: Final = "The client signs the documents of step 12 later"


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody of the sample people, as the database knows them."""

    id: UUID
    name: str
    contractor_id: UUID | None = None
    team_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class World:
    """What the made-up tickets refer to: ids by project's code, people by role, promises, guarantees, installations."""

    now: datetime
    projects: Mapping[str, UUID]
    targets: Targets
    periods: Mapping[str, Periods]
    officers: Mapping[str, Person]
    technicians: Sequence[Person]
    contractors: Sequence[Person]
    policy: Policy
    installed: Mapping[str, date]


class Made:
    """A made-up ticket with everything that refers to it."""

    def __init__(self, life: Life, clock: Clock, world: World, random_seed: int) -> None:
        self.life = life
        self.clock = clock
        self.external_id = external_id(life, random_seed)
        self.id = identifier(life.reported_at, life.identity)
        self._world = world
        hands = world.contractors if life.by_contractor else world.technicians
        self.hand = hands[life.hand % len(hands)]
        self._salts = iter(range(1, _PHOTO_SALTS))

    @property
    def status(self) -> Status:
        """The status before the first handover: those are made by the service."""
        before = [move.status for move in self.life.moves if move.handover is None]
        return before[-1] if before else Status.OPEN

    def new_id(self, at: int) -> UUID:
        """Return the id of something that happened to the ticket, another one at each call, the same in each run."""
        return identifier(at, self.life.identity + next(self._salts) * _SALT)

    def photo_id(self, at: int, step: int) -> UUID:
        """Return the id of the photo of a step: photos are drawn in no fixed order."""
        return identifier(at, self.life.identity + (_PHOTO_SALTS + step) * _SALT)

    def ticket(self) -> Row:
        """Return its row, in the order of `copy_sample_tickets`."""
        life, hand, home, at = self.life, self.hand, self.life.home, moment_of
        is_given = any(move.status == Status.ASSIGNED for move in life.moves)
        found = self._found()
        closed_at = at(life.ended_at) if self.status == Status.CLOSED and life.ended_at else None
        return (
            *(self.id, life.source.value, self.external_id, life.ticket_type.value, life.priority.value),
            *(self.status.value, self._owner().value, life.fault.issue, life.fault.description),
            *(home.dr_number, home.pole, str(home.pon), str(home.zone), self._world.projects[home.project]),
            *(home.address, home.latitude, home.longitude, found.get("ont_serial"), found.get("ont_rx_level")),
            *((hand.id, hand.contractor_id, hand.team_id) if is_given else (None, None, None)),
            *self._classification().values().values(),
            found.get("fault_cause"),
            sum(move.status == Status.QA_REJECTED for move in life.moves),
            *self._clock_columns(),
            *(at(life.reported_at), at(life.reported_at), self._updated_at()),
            *(self._world.officers["operator"].id, closed_at),
            self._world.officers["manager"].id if closed_at else None,
        )

    def events(self) -> Iterator[Row]:
        """Yield the lines of its timeline, in the order of `copy_sample_events`, but for steps and photos."""
        for one in self._happenings():
            yield self.event(one)

    def event(self, one: Happening) -> Row:
        """Return a line of its timeline, in the order of `copy_sample_events`."""
        if one.who in _MACHINES:
            actor: tuple[str, UUID | None, str] = (_MACHINES[one.who], None, one.who)
        else:
            person = self.hand if one.who == happenings.HAND else self._world.officers[one.who]
            actor = ("user", person.id, person.name)
        told = (to_json(part).decode() for part in (one.before, one.after, one.details))
        return (self.new_id(one.at), self.id, one.event_type, moment_of(one.at), *actor, *told)

    def checks(self) -> Iterator[tuple[Row, Row]]:
        """Yield its runs of the readiness check, in the order of `copy_sample_checks`, each with its line to tell."""
        was_ready = False
        for check in self.life.checks:
            columns, check_id, at = self._verdict(check), self.new_id(check.at), moment_of(check.at)
            told = happenings.checked(check, check_id, columns, was_ready=was_ready)
            was_ready = columns["passed"]
            values = (columns[name] for name in _VERDICT)
            row = (check_id, self.id, was_ready, at, self._world.officers["qa"].id, *values)
            yield (*row, Jsonb(columns["failed_checks"]), at), self.event(told)

    def risks(self) -> Iterator[tuple[Row, list[Row]]]:
        """Yield its accepted risk, if any, in the order of `copy_sample_risks`, with its lines of the timeline."""
        risk = self.life.risk
        if risk is not None:
            risk_id = self.new_id(risk.at)
            told = [self.event(one) for one in happenings.accepted(risk, risk_id, _RISK_TEXT)]
            yield self._risk(risk, risk_id), told

    def _risk(self, risk: Risk, risk_id: UUID) -> Row:
        status, qa = self._risk_status(risk), self._world.officers["qa"].id
        accepted_at, expires_at = moment_of(risk.at), moment_of(risk.expires_at)
        resolved_at = moment_of(risk.resolved_at) if risk.resolved_at is not None else None
        until = resolved_at or self._world.now
        warned = [at if (at := expires_at - timedelta(days=days)) <= until else None for days in (7, 1)]
        expired_at = expires_at if expires_at <= until else None
        escalated_at = expires_at + timedelta(days=1) if status == RiskStatus.ESCALATED else None
        done = (resolved_at, qa, "Documents signed") if resolved_at else (None, None, None)
        return (
            *(risk_id, self.id, risk.kind.value, _RISK_TEXT, "Signed before the risk runs out", [12]),
            *(expires_at, accepted_at + timedelta(days=7), status.value, qa, accepted_at),
            *(*warned, expired_at, escalated_at, *done, accepted_at, resolved_at or accepted_at),
        )

    def _risk_status(self, risk: Risk) -> RiskStatus:
        now = (self._world.now - timedelta(days=1), self._world.now)
        if risk.resolved_at is not None:
            return RiskStatus.RESOLVED
        if moment_of(risk.expires_at) > now[1]:
            return RiskStatus.ACTIVE
        return RiskStatus.ESCALATED if moment_of(risk.expires_at) <= now[0] else RiskStatus.EXPIRED

    def _owner(self) -> Owner:
        if any(move.status == Status.QA_IN_PROGRESS for move in self.life.moves):
            return Owner.QA
        return _OWNERS.get(self.status, Owner.BUILD)

    def _found(self) -> dict[str, Any]:
        life = self.life
        if life.found_at is None:
            return {}
        cause = {"fault_cause": life.cause.value} if life.ticket_type in FAULT_TYPES else {}
        return {"ont_serial": life.ont_serial, "ont_rx_level": life.rx} | cause

    def _classification(self) -> Classification:
        life = self.life
        if "fault_cause" not in self._found():
            return PENDING
        judged_at = moment_of(life.ended_at) if self.status == Status.CLOSED and life.ended_at else self._world.now
        installed_on = self._world.installed.get(life.home.dr_number)
        return classify(installed_on, life.cause, self._world.periods[life.home.project], judged_at)

    def _clock_columns(self) -> Row:
        clock = self.clock
        moments = (clock.due_at, clock.response_due_at, clock.response_at, *clock.warned)
        return (
            *(self.life.target.resolve_minutes, self.life.target.round_the_clock),
            *(None if at is None else moment_of(at) for at in moments),
            clock.breached_at is not None,
            *(None if at is None else moment_of(at) for at in (clock.breached_at, clock.next_check_at)),
        )

    def _updated_at(self) -> datetime:
        moves = [move.at for move in self.life.moves if move.handover is None]
        return moment_of(max([self.life.reported_at, self.life.found_at or 0, *moves]))

    def _happenings(self) -> list[Happening]:
        life, hand, home = self.life, self.hand, self.life.home
        beginning = {
            "source": life.source.value,
            "external_id": self.external_id,
            "title": life.fault.issue,
            "ticket_type": life.ticket_type.value,
            "priority": life.priority.value,
            "status": Status.OPEN.value,
            "dr_number": home.dr_number,
        }
        given = {"assigned_to": hand.id, "assigned_contractor_id": hand.contractor_id, "assigned_team_id": hand.team_id}
        assignment = json_ready({name: value for name, value in given.items() if value is not None})
        told = happenings.timeline(life, self.clock, beginning, assignment, self._found())
        return [*told, *self._classified()]

    def _classified(self) -> Iterator[Happening]:
        classification = self._classification()
        if classification == PENDING or self.life.found_at is None:
            return
        before, after = json_ready(PENDING.values()), json_ready(classification.values())
        changed = {name: value for name, value in after.items() if before[name] != value}
        details = {"fault_cause": self.life.cause.value}
        was = {name: before[name] for name in changed}
        yield Happening(self.life.found_at + 1, GuaranteeClassified.name, happenings.HAND, was, changed, details)

    def _verdict(self, check: Check) -> dict[str, Any]:
        home, life = self.life.home, self.life
        facts = Facts(
            photo_steps=frozenset(PHOTO_STEPS[: check.photos]),
            dr_number=home.dr_number,
            pole_number=home.pole,
            pon_number=str(home.pon),
            zone=str(home.zone),
            ont_serial=life.ont_serial,
            ont_rx_level=Decimal(str(life.rx)),
        )
        return evaluate(facts, self._world.policy).columns()


def external_id(life: Life, random_seed: int) -> str:
    """Return what a made-up ticket is known by in each run."""
    return f"SAMPLE-{random_seed}-{life.number + 1}"


def identifier(at: int, salt: int) -> UUID:
    """Return a version 7 UUID of a moment (microseconds since 1970), the same for the same salt; they sort by time."""
    milliseconds, microseconds = divmod(at, 1000)
    fraction, tail = microseconds * 4096 // 1000, salt % (1 << _RANDOM_BITS)
    return UUID(int=(milliseconds << 80) | (0x7 << 76) | (fraction << 64) | (0b10 << _RANDOM_BITS) | tail)
