"""What becomes of a made-up ticket: where it breaks, how far it gets, and when. Pure, and the same for the same seed.

The goals come round in cycles of forty, so that also a small history has a ticket in every status. Most faults fall
anywhere; some fall on weak places (a drop, a pole, a PON, a zone), within a bad month of that place, so that repeat
faults and trends show something.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from cli.sample_faults import FAULTS, Fault
from cli.seed.goals import CANCELLATIONS, CYCLE, ENDS, REJECTIONS, Stage, goals, path
from cli.seed.life import DAY, MINUTE, SECOND, Check, Life, Move, Risk, Targets
from cli.seed.network import Home
from ticketing.sla.calendar import later
from ticketing.verification_steps import STEPS
from ticketing.vocabulary import FaultCause, Priority, RiskType, Source, Status, TicketType

BLOCK: Final = 1_000
_YEAR = 365 * DAY
_EPOCH_DAY = date(1970, 1, 1).toordinal()
_DRAWS = 4
# Of each six weak places: two drops, two poles, a PON, a zone.
_SCOPES = (0, 0, 1, 1, 2, 3)
_WEIGHTS = (2, 3, 4, 7)
# So many tickets share their weak places: enough to be noticed, and no home breaks every day.
_BAD_LUCK = 9 * CYCLE
_UNFINISHED = 120 * DAY
_BAD_MONTH = 25 * DAY
_OFFSET = 2 * 3_600 * SECOND
_DAWN, _DUSK = 6, 20

_WEAK_SHARE, _FAILED_CHECK_SHARE, _RISK_SHARE = 0.2, 0.2, 0.08
_IN_TIME_SHARE, _CONTRACTOR_SHARE = 0.8, 0.6

_CAUSES: Final[Mapping[str | None, FaultCause]] = {
    "Third party": FaultCause.THIRD_PARTY,
    "Material failure": FaultCause.MATERIAL_FAILURE,
    "Storm": FaultCause.ENVIRONMENTAL,
    "Environmental": FaultCause.ENVIRONMENTAL,
    "Client damage": FaultCause.CLIENT_DAMAGE,
    "Vandalism": FaultCause.VANDALISM,
    "Workmanship": FaultCause.WORKMANSHIP,
    "Poor workmanship": FaultCause.WORKMANSHIP,
}
_TYPES: Final[Mapping[str, tuple[TicketType, Source]]] = {
    "Maintenance": (TicketType.MAINTENANCE, Source.WEEKLY_REPORT),
    "ONT Swap": (TicketType.ONT_SWAP, Source.ONT_SWAP),
    "Relocation": (TicketType.MODIFICATION, Source.AD_HOC),
    "Outage": (TicketType.INCIDENT, Source.INCIDENT),
}
_INSTALLATION = Fault("New installation", "Home passed, client has signed up.", "Low", ticket_type="Installation")
_FAULT_KINDS = tuple(one for one in FAULTS if one.ticket_type in {"Maintenance", "Outage"})
_ALL_KINDS = (*FAULTS, _INSTALLATION)


@dataclass(frozen=True, slots=True)
class _Weak:
    homes: Sequence[Home]
    ends_ago: int
    weight: int


@dataclass(frozen=True, slots=True)
class _Setting:
    homes: Sequence[Home]
    weak: Sequence[_Weak]
    targets: Targets
    now: int


def lives(
    random_seed: int, block: int, homes: Sequence[Home], targets: Targets, now: int, photo_cycles: int
) -> Iterator[Life]:
    """Yield the lives of a block's tickets, up to `now` (microseconds since 1970), in the order of their numbers.

    The first `photo_cycles` cycles of the whole history have photos where a ticket got far enough. Each ticket has a
    chance of its own: what becomes of one never depends on the others.
    """
    for start in range(block * BLOCK, (block + 1) * BLOCK, CYCLE):
        if start % BLOCK % _BAD_LUCK == 0:
            setting = _Setting(homes, _weak_places(homes, now, _chance(random_seed, f"weak {start}")), targets, now)
        for number, (goal, with_photos) in enumerate(goals(_chance(random_seed, f"cycle {start}")), start):
            is_photographed = with_photos and start // CYCLE < photo_cycles
            yield _life(number, goal, is_photographed, setting, _chance(random_seed, str(number)))


def _chance(random_seed: int, what: str) -> random.Random:
    return random.Random(f"{random_seed} {what}")  # noqa: S311 - the same invented history every time


def _is_built(home: Home, at: int) -> bool:
    return home.installed_on.toordinal() < at // DAY + _EPOCH_DAY


def _built_home(homes: Sequence[Home], at: int, chance: random.Random) -> Home:
    """Choose a home, by as many draws in any case, that was there already at a moment if there is one among them."""
    drawn = [chance.choice(homes) for _ in range(_DRAWS)]
    return next((home for home in drawn if _is_built(home, at)), drawn[0])


def _weak_places(homes: Sequence[Home], now: int, chance: random.Random) -> list[_Weak]:
    """Choose places around old homes, twice: those that have a bad month now, and those that had one some time ago."""
    places: list[_Weak] = []
    drawn = chance.sample(homes, 100)
    old = [home for home in drawn if _is_built(home, now - _YEAR)]
    for place, one in enumerate([*old, *drawn][: 2 * len(_SCOPES)]):
        scopes = (
            [home for home in homes if home.dr_number == one.dr_number],
            [home for home in homes if home.pole == one.pole],
            [home for home in homes if (home.project, home.pon) == (one.project, one.pon)],
            [home for home in homes if (home.project, home.zone) == (one.project, one.zone)],
        )
        scope = _SCOPES[place % len(_SCOPES)]
        ends_ago = chance.randrange(40, 330) * DAY if place >= len(_SCOPES) else 0
        places.append(_Weak(scopes[scope], ends_ago, _WEIGHTS[scope]))
    return places


def _life(number: int, goal: Status, is_photographed: bool, setting: _Setting, chance: random.Random) -> Life:
    # What broke in a bad month long ago is not lying around unfinished.
    spots = setting.weak if goal in ENDS else [one for one in setting.weak if not one.ends_ago]
    spot = chance.choices(spots, [one.weight for one in spots])[0] if chance.random() < _WEAK_SHARE else None
    fault = chance.choice(_FAULT_KINDS if spot else _ALL_KINDS)
    kind, source = _TYPES.get(fault.ticket_type, (TicketType.NEW_INSTALLATION, Source.CONSTRUCTION))
    priority = Priority(fault.priority.lower())
    reported_at = _by_day(setting.now - _age(goal, spot, chance))
    home = _built_home(spot.homes if spot else setting.homes, reported_at, chance)
    life = Life(
        number=number,
        home=home,
        fault=fault,
        ticket_type=kind,
        source=source,
        priority=priority,
        reported_at=reported_at,
        target=setting.targets[home.project, priority.value],
        by_contractor=chance.random() < _CONTRACTOR_SHARE or is_photographed,
        hand=chance.randrange(1 << 16),
        ont_serial=f"ALCLB{chance.randrange(16**7):07X}",
        rx=round(chance.uniform(-25.5, -15.0), 1),
        cause=_CAUSES.get(fault.cause) or chance.choice(tuple(FaultCause)),
        photographed=is_photographed,
        identity=chance.getrandbits(62),
    )
    _live(life, path(goal, is_photographed, chance), setting.now, chance)
    return life


def _age(goal: Status, spot: _Weak | None, chance: random.Random) -> int:
    """Return how long ago a ticket was reported: mostly lately, what is not finished above all."""
    if spot is not None:
        return spot.ends_ago + MINUTE + int(chance.random() * _BAD_MONTH)
    if goal in ENDS:
        return MINUTE + int(chance.random() ** 1.3 * _YEAR)
    return MINUTE + int(chance.random() ** 1.5 * _UNFINISHED)


def _by_day(at: int) -> int:
    """Return the same moment, or the evening before: nobody reports at night."""
    hour = (at + _OFFSET) % DAY // (3_600 * SECOND)
    back = hour + 24 - _DUSK if hour < _DAWN else max(0, hour - _DUSK)
    return at - back * 3_600 * SECOND


def _live(life: Life, stages: Sequence[Stage], now: int, chance: random.Random) -> None:
    """Give each status of the way its moment, and the work, the checks and the risk theirs in between."""
    moments = _moments(life, len(stages), now, chance)
    for at, (status, handover) in zip(moments, stages, strict=True):
        reason = {Status.QA_REJECTED: REJECTIONS, Status.CANCELLED: CANCELLATIONS}.get(status)
        life.moves.append(Move(at, status, chance.choice(reason) if reason else None, handover))
    _work(life, now, chance)
    _check(life, now, chance)
    if any(move.status == Status.QA_APPROVED for move in life.moves) and not life.photographed:
        _accept_risk(life, chance)


def _moments(life: Life, count: int, now: int, chance: random.Random) -> list[int]:
    if not count:
        return []
    share = chance.uniform(0.2, 0.95) if chance.random() < _IN_TIME_SHARE else chance.uniform(1.05, 2.5)
    pieces = [0.3 + chance.random() for _ in range(count)]
    whole, passed, shares = sum(pieces), 0.0, []
    for piece in pieces:
        passed += piece
        shares.append(passed / whole)
    amount = int(share * life.target.resolve_minutes * MINUTE)
    plain = life.target.round_the_clock
    start, latest = life.reported_at, now - MINUTE // 2
    if later(start, amount, round_the_clock=plain) < latest:
        found = [later(start, int(amount * one), round_the_clock=plain) for one in shares]
        # Out of hours business time stands still: what falls together there is told apart again.
        return [max(at, start + SECOND) + place * SECOND for place, at in enumerate(found)]
    return [start + int((latest - start) * one) for one in shares]


def _work(life: Life, now: int, chance: random.Random) -> None:
    """Complete steps between the start of the work and its end: all of them, or some where it goes on."""
    began = next((move.at for move in life.moves if move.status == Status.IN_PROGRESS), None)
    if began is None:
        return
    handed_in = next((move.at for move in life.moves if move.status == Status.PENDING_QA), None)
    life.work = (began, handed_in or life.moves[-1].at if life.ended_at else handed_in or now)
    life.steps_done = len(STEPS) if handed_in else chance.randrange(len(STEPS) - 1)


def _check(life: Life, now: int, chance: random.Random) -> None:
    """Run the readiness check before QA begins, some time before in vain; who only waits for QA lacks photos yet."""
    photos = sum(step.photo_required for step in STEPS)
    for place, move in enumerate(life.moves):
        if move.status != Status.PENDING_QA:
            continue
        following = life.moves[place + 1].at if place + 1 < len(life.moves) else now
        if following == now and not life.photographed:
            life.checks.append(Check((move.at + now) // 2, chance.randrange(4, photos)))
            return
        if not life.checks and chance.random() < _FAILED_CHECK_SHARE:
            life.checks.append(Check(move.at + (following - move.at) // 3, chance.randrange(4, photos)))
        life.checks.append(Check(move.at + (following - move.at) * 2 // 3, photos))


def _accept_risk(life: Life, chance: random.Random) -> None:
    """Have QA approve with step 12 outstanding, now and then; a ticket that was closed had it resolved before."""
    if chance.random() >= _RISK_SHARE:
        return
    approved = next(place for place, move in enumerate(life.moves) if move.status == Status.QA_APPROVED)
    at = life.moves[approved].at - (life.moves[approved].at - life.moves[approved - 1].at) // 4
    ended = life.ended_at
    resolved_at = life.moves[approved].at + (ended - life.moves[approved].at) // 2 if ended else None
    life.risk = Risk(chance.choice(tuple(RiskType)), at, at + chance.randrange(14, 60) * DAY, resolved_at)
    life.steps_done = len(STEPS) if resolved_at else len(STEPS) - 1
