"""Which acknowledgements a message gets by itself, when, and how they are told: a pure plan from shares and chance."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from random import Random

from integrations.waha.sandbox.chats import DEVICE, ERROR, READ, SERVER
from integrations.waha.sandbox.switches import WahaSwitches

# How long after READ an overtaken DEVICE is told.
OVERTAKEN_BY = 0.05


@dataclass(frozen=True, slots=True)
class Planned:
    """One level that a message reaches `after` seconds; it is told `told_after` seconds (None: never told).

    `times` is how often it is told, each time as an event of its own; `hidden` puts the hidden id of the chat into it.
    """

    level: int
    after: float
    told_after: float | None
    times: int = 1
    hidden: bool = False


def plan(switches: WahaSwitches, chance: Random, *, group: bool = False) -> list[Planned]:
    """Return what becomes of a message that was accepted, in the order of time.

    GOWS tells no SERVER level; a group's message is told as delivered and read to each member, never to the server's.
    """
    if not switches.acks_automatic:
        return []
    if chance.random() < switches.ack_error_share:
        return [_dressed(Planned(ERROR, 0.0, 0.0), switches, chance)]
    told = [_dressed(one, switches, chance) for one in _disordered(_reached(switches, chance), switches, chance)]
    silent_server = switches.engine == "GOWS" or group
    return [replace(one, told_after=None) if one.level == SERVER and silent_server else one for one in told]


def _reached(switches: WahaSwitches, chance: Random) -> list[Planned]:
    """The levels that a message truly reaches."""
    later = _lateness(switches, chance)
    reached = [_at(SERVER, later(switches.ack_server_after))]
    if chance.random() < switches.ack_delivered_share:
        reached.append(_at(DEVICE, max(reached[-1].after, later(switches.ack_delivered_after))))
        if chance.random() < switches.ack_read_share:
            reached.append(_at(READ, max(reached[-1].after, later(switches.ack_read_after))))
    return reached


def _lateness(switches: WahaSwitches, chance: Random) -> Callable[[float], float]:
    return lambda seconds: seconds * (1 + switches.ack_jitter * chance.random())


def _at(level: int, after: float) -> Planned:
    return Planned(level, after, after)


def _disordered(reached: list[Planned], switches: WahaSwitches, chance: Random) -> list[Planned]:
    """Let READ overtake DEVICE, or swallow it, where the shares say so."""
    swapped, skipped = chance.random() < switches.ack_swapped_share, chance.random() < switches.ack_skipped_share
    if len(reached) < 3:
        return reached
    server, device, read = reached
    if skipped:
        return [server, replace(device, told_after=None), read]
    if swapped:
        return [server, replace(device, told_after=read.after + OVERTAKEN_BY), read]
    return reached


def _dressed(planned: Planned, switches: WahaSwitches, chance: Random) -> Planned:
    times = 2 if chance.random() < switches.ack_repeated_share else 1
    return replace(planned, times=times, hidden=chance.random() < switches.ack_hidden_share)
