"""What the figures say: a table, ratios to ours, and the targets with reached or not reached."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bench.measure import Figures

HEADINGS = ("", "no-op/s", "insert/s", "enqueue/s", "bulk/s", "start p50 ms", "start p99 ms", "no-op us", "insert us")
OURS, OURS_WIDE = "ours, prefetch 16", "ours, prefetch 64"
RAW, RAW_WIDE = "dramatiq, prefetch default (16)", "dramatiq, prefetch 64"


@dataclass(frozen=True, slots=True)
class Target:
    """A figure that must not be below (or, with `at_most`, above) a value."""

    words: str
    value: float
    bound: float
    at_most: bool = False

    @property
    def reached(self) -> bool:
        """Whether it is reached."""
        return self.value < self.bound if self.at_most else self.value >= self.bound

    def __str__(self) -> str:
        sign = "<" if self.at_most else ">="
        verdict = "reached" if self.reached else "NOT REACHED"
        return f"  {self.words:<58} {self.value:>10,.2f}  {sign:>2} {self.bound:>9,.2f}   {verdict}"


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value that `share` (0 to 1) of the values do not exceed; nearest rank."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def table(figures: Mapping[str, Figures]) -> str:
    """Return the figures: medians over the rounds, percentiles over all latencies."""
    rows = [HEADINGS, *(_row(name, one) for name, one in figures.items())]
    return "\n".join(_aligned(row) for row in rows)


def ratios(figures: Mapping[str, Figures]) -> str:
    """Return how many times the others' rates ours are, of the same prefetch where they have one."""
    lines = [_aligned(("ours / contender", "no-op", "insert", "enqueue", "bulk"))]
    for name, one in figures.items():
        ours = figures.get(OURS_WIDE if name == RAW_WIDE else OURS)
        if ours and not name.startswith("ours"):
            shares = [_ratio(getattr(ours, what), getattr(one, what)) for what in ("noop", "insert", "single", "bulk")]
            lines.append(_aligned((name, *shares)))
    return "\n".join(lines)


def targets(figures: Mapping[str, Figures]) -> list[Target]:
    """Return the targets that these figures can judge."""
    found = [*_rates(figures)]
    ours = figures.get(OURS)
    if ours:
        found.append(Target("bulk enqueue, jobs/s", _median(ours.bulk), 25_000))
        for share, bound in ((0.5, 5), (0.99, 25)):
            words = f"idle, enqueue to start, p{share * 100:.0f} ms"
            found.append(Target(words, percentile(ours.latency, share) * 1000, bound, at_most=True))
    return found


def _rates(figures: Mapping[str, Figures]) -> list[Target]:
    pairs = [
        ("one insert, ours / dramatiq at prefetch 16", "insert", OURS, RAW, 0.7),
        ("one insert, ours / dramatiq, both at prefetch 64", "insert", OURS_WIDE, RAW_WIDE, 0.7),
        ("one insert, ours / Celery", "insert", OURS, "Celery, prefork", 2),
        ("one insert, ours / Procrastinate", "insert", OURS, "Procrastinate", 2.5),
        ("one insert, ours / RQ", "insert", OURS, "RQ, simple workers", 2.5),
        ("no-op, ours / dramatiq at its default", "noop", OURS, RAW, 1),
    ]
    return [
        Target(words, _median(getattr(figures[ours], what)) / _median(getattr(figures[other], what)), bound)
        for words, what, ours, other, bound in pairs
        if ours in figures and other in figures
    ]


def _row(name: str, one: Figures) -> tuple[str, ...]:
    rates = [f"{_median(values):,.0f}" if values else "-" for values in (one.noop, one.insert, one.single, one.bulk)]
    latencies = (
        [f"{percentile(one.latency, share) * 1000:,.1f}" for share in (0.5, 0.99)] if one.latency else ["-", "-"]
    )
    effort = [f"{_median(values) * 1e6:,.0f}" if values else "-" for values in (one.noop_cpu, one.insert_cpu)]
    return (name, *rates, *latencies, *effort)


def _ratio(ours: Sequence[float], theirs: Sequence[float]) -> str:
    return f"{_median(ours) / _median(theirs):.2f}" if ours and theirs else "-"


def _median(values: Sequence[float]) -> float:
    return statistics.median(values)


def _aligned(cells: Sequence[str]) -> str:
    return f"{cells[0]:<32}" + "".join(f"{cell:>14}" for cell in cells[1:])
