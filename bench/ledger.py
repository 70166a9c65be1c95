"""Our ledger beside raw Dramatiq, Celery, RQ, Huey and Procrastinate, in turns, on one machine.

    python -m bench.ledger [--quick] [--jobs N] [--rounds R] [--only WORD ...]

Every round gives each contender one turn, so that whatever else the machine does meets all of them alike; the figures
are medians over the rounds. See bench/README.md for what is measured and how.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from types import FrameType

from bench.arena import Arena, arena
from bench.contenders import Contender
from bench.measure import Effort, Figures, Turn
from bench.report import ratios, table, targets

THOROUGH = Effort(jobs=8_000, singles=400, samples=60, pause=0.1)
QUICK = Effort(jobs=2_500, singles=100, samples=25, pause=0.03)


def main(arguments: list[str]) -> int:
    """Run the benchmark and print it; returns 0 whatever the figures are, so that a slow machine fails nothing."""
    options = _parse(arguments)
    effort = QUICK if options.quick else THOROUGH
    if options.jobs:
        effort = Effort(options.jobs, min(effort.singles, options.jobs // 4), effort.samples, effort.pause)
    rounds = options.rounds or (1 if options.quick else 3)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _leave)
    try:
        with arena() as place:
            figures = race(place, effort, rounds, options.only)
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 130
    _print(figures, effort, rounds)
    return 0


def race(place: Arena, effort: Effort, rounds: int, only: list[str]) -> dict[str, Figures]:
    """Give every contender its turns; returns what was measured of each."""
    entered = [one for one in contenders(place) if not only or any(word in one.name for word in only)]
    figures = {one.name: Figures() for one in entered}
    began = time.monotonic()
    for number in range(rounds):
        # The order turns round: nobody always runs behind the same neighbour.
        for one in entered[number % len(entered) :] + entered[: number % len(entered)]:
            Turn(place, one, effort, figures[one.name]).take()
            clock = f"{time.monotonic() - began:6.0f} s"
            print(f"{clock}  round {number + 1} of {rounds}  {one.name}", file=sys.stderr, flush=True)
    return figures


def contenders(place: Arena) -> list[Contender]:
    """Make the contenders. Their modules read the servers' addresses when imported, as those of real programs do."""
    from bench.contenders.celery import CeleryPrefork
    from bench.contenders.huey import HueyThreads
    from bench.contenders.ours import Ours
    from bench.contenders.procrastinate import Procrastinate
    from bench.contenders.raw_dramatiq import RawDramatiq
    from bench.contenders.rq import RqSimple

    return [
        RawDramatiq(place),
        Ours(place, 16),
        Ours(place, 16, in_work=True),
        RawDramatiq(place, 64),
        Ours(place, 64),
        CeleryPrefork(place),
        RqSimple(place),
        HueyThreads(place),
        Procrastinate(place),
    ]


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.ledger", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="one short round, under two minutes")
    parser.add_argument("--jobs", type=int, help="jobs in a run of the fast contenders; the slow ones get a share")
    parser.add_argument("--rounds", type=int, help="turns of each contender")
    parser.add_argument(
        "--only", action="append", default=[], metavar="WORD", help="contenders whose name has the word"
    )
    return parser.parse_args(arguments)


def _print(figures: dict[str, Figures], effort: Effort, rounds: int) -> None:
    print(f"\n{rounds} round(s), {effort.jobs:,} jobs a run, 16 at a time, {os.cpu_count()} cores; medians\n")
    print(table(figures))
    if any(name.startswith("ours") for name in figures):
        print(f"\n{ratios(figures)}\n\nTargets")
        for target in targets(figures):
            print(target)


def _leave(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
