"""Measures of the job platform for Prometheus, read from the ledger.

Workers come and go with their processes, and counters in their memory would go with them. The ledger has a row of every
attempt, whoever ran it and however that process ended: so each reading adds up the attempts that ended since the one
before (an index range, some thousand rows at most) to histograms that only grow, as Prometheus wants them. An attempt
counts `SETTLED_AFTER` its end, when its row has been committed; readings closer together than `READ_EVERY` share one.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from jobs import statistics
from jobs.platform import Platform
from runtime.logging import get_logger
from sql.errors import DatabaseProblem

log = get_logger(__name__)

READ_EVERY = 3.0
SETTLED_AFTER = timedelta(seconds=5)
WAIT_BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0)
RUN_BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0)

Labels = tuple[str, ...]


class Tally:
    """A histogram by labels, fed with sums: how many values fell into each bucket, and their total."""

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self._bounds = bounds
        self._buckets: dict[Labels, list[int]] = {}
        self._sums: dict[Labels, float] = {}

    def add(self, labels: Labels, bucket: int, count: int, total: float) -> None:
        """Add `count` values with this total that reached `bucket` of the bounds."""
        self._buckets.setdefault(labels, [0] * (len(self._bounds) + 1))[bucket] += count
        self._sums[labels] = self._sums.get(labels, 0.0) + total

    def family(self, name: str, documentation: str, label_names: Labels) -> HistogramMetricFamily:
        """Return the histogram as Prometheus has it: each bucket counts the smaller ones, too."""
        family = HistogramMetricFamily(name, documentation, labels=label_names)
        for labels, counts in self._buckets.items():
            running, cumulative = 0, []
            for bound, count in zip((*map(str, self._bounds), "+Inf"), counts, strict=True):
                running += count
                cumulative.append((bound, float(running)))
            family.add_metric(labels, cumulative, self._sums[labels])
        return family


class LedgerMeasures(Collector):
    """What the ledger tells about queues, attempts and processes, and the pool about itself."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._lock = threading.Lock()
        self._read_at = float("-inf")
        self._families: list[Metric] = []
        self._counted_until = platform.clock.now() - SETTLED_AFTER
        self._waits, self._runs = Tally(WAIT_BOUNDS), Tally(RUN_BOUNDS)
        self._outcomes: dict[Labels, int] = {}

    def collect(self) -> Iterator[Metric]:
        """Return the measures; when the ledger cannot be read, those of this process and `fibreflow_ledger_up 0`."""
        with self._lock:
            if time.monotonic() - self._read_at >= READ_EVERY:
                self._families = self._read()
                self._read_at = time.monotonic()
            families = list(self._families)
        yield from families
        yield _pool(self._platform.database.statistics())

    def _read(self) -> list[Metric]:
        up = GaugeMetricFamily("fibreflow_ledger_up", "Whether the ledger could be read")
        try:
            self._count_attempts()
            families = [*self._attempts(), *_standing(statistics.standing(self._platform))]
        except DatabaseProblem as error:
            log.warning("measures of the ledger cannot be read", error=error.message)
            up.add_metric((), 0)
            return [up]
        up.add_metric((), 1)
        return [up, *families]

    def _count_attempts(self) -> None:
        until = self._platform.clock.now() - SETTLED_AFTER
        rows = statistics.attempts_ended(self._platform, self._counted_until, until, WAIT_BOUNDS, RUN_BOUNDS)
        self._counted_until = max(until, self._counted_until)
        for row in rows:
            labels = (row["kind"], row["queue"])
            if row["wait_bucket"] is not None:
                self._waits.add(labels, row["wait_bucket"], row["attempts"], row["waited"])
                self._runs.add(labels, row["run_bucket"], row["attempts"], row["ran"])
            by_outcome = (*labels, row["outcome"])
            self._outcomes[by_outcome] = self._outcomes.get(by_outcome, 0) + row["attempts"]

    def _attempts(self) -> Iterator[Metric]:
        names = ("kind", "queue")
        yield self._waits.family("fibreflow_job_wait_seconds", "From when an attempt was due to its start", names)
        yield self._runs.family("fibreflow_job_run_seconds", "From an attempt's start to its end", names)
        outcomes = CounterMetricFamily("fibreflow_job_attempts", "Attempts that ended", labels=(*names, "outcome"))
        for labels, count in self._outcomes.items():
            outcomes.add_metric(labels, count)
        yield outcomes


def _standing(now: statistics.Standing) -> Iterator[Metric]:
    depth = GaugeMetricFamily("fibreflow_jobs", "Unfinished jobs", labels=("queue", "state"))
    oldest = GaugeMetricFamily(
        "fibreflow_queue_oldest_seconds", "How long the oldest available job has been due", labels=("queue",)
    )
    for row in now.unfinished:
        depth.add_metric((row["queue"], row["state"]), row["jobs"])
        if row["state"] == "available":
            oldest.add_metric((row["queue"],), max(row["oldest_seconds"], 0.0))
    paused = GaugeMetricFamily("fibreflow_queue_paused", "Whether the queue is paused", labels=("queue",))
    for row in now.queues:
        paused.add_metric((row["name"],), int(row["paused"]))
    leader = GaugeMetricFamily("fibreflow_scheduler_leads", "Whether a scheduler leads", value=int(now.has_leader))
    late = GaugeMetricFamily("fibreflow_schedules_late", "Schedules overdue", value=now.late_schedules)
    yield from (depth, oldest, paused, leader, late, *_processes(now.processes), *_integrations(now.integrations))


def _processes(rows: list[dict[str, Any]]) -> Iterator[Metric]:
    measures = (
        ("processes", "fibreflow_processes_alive", "Processes that give signs of life"),
        ("running", "fibreflow_processes_jobs_running", "Jobs that those processes say they run"),
        ("threads", "fibreflow_processes_threads", "Jobs that those processes could run at once"),
        ("memory_bytes", "fibreflow_processes_memory_bytes", "Memory that those processes hold"),
    )
    counts = {row["role"]: row for row in rows}
    for column, name, documentation in measures:
        family = GaugeMetricFamily(name, documentation, labels=("role",))
        for role in ("worker", "scheduler"):
            family.add_metric((role,), counts[role][column] if role in counts else 0)
        yield family


def _integrations(rows: list[dict[str, Any]]) -> Iterator[Metric]:
    states = GaugeMetricFamily(
        "fibreflow_integration_state",
        "The state of the service's circuit breaker",
        labels=("integration", "state"),
    )
    failures = GaugeMetricFamily(
        "fibreflow_integration_failures", "Calls of the service that failed in a row", labels=("integration",)
    )
    held = GaugeMetricFamily(
        "fibreflow_integration_held", "Whether an operator holds the service back", labels=("integration",)
    )
    for row in rows:
        for state in ("closed", "open", "half_open"):
            states.add_metric((row["integration"], state), int(row["state"] == state))
        failures.add_metric((row["integration"],), row["failures"])
        held.add_metric((row["integration"],), int(row["held_at"] is not None))
    yield from (states, failures, held)


def _pool(figures: dict[str, int]) -> Metric:
    family = GaugeMetricFamily("fibreflow_database_pool", "Counters of the connection pool", labels=("figure",))
    for name, value in sorted(figures.items()):
        family.add_metric((name,), value)
    return family
