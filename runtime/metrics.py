"""Prometheus measures that live in a process's own memory, each app with a registry of its own."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class HttpMetrics:
    """What the API's own process counts; other things are read when asked for, by collectors that are added."""

    content_type = CONTENT_TYPE_LATEST

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._answers = Histogram(
            "fibreflow_http_request_seconds",
            "Time from a request's arrival to its answer",
            ("method", "route", "status"),
            buckets=SECONDS,
            registry=self.registry,
        )
        self._limit_open = Counter(
            "fibreflow_rate_limit_failed_open",
            "Requests that were not counted against a rate limit because Redis did not answer",
            registry=self.registry,
        )

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count an answer; `route` is the rule and not the path, so that the number of series stays small."""
        self._answers.labels(method, route, str(status)).observe(seconds)

    def limit_failed_open(self) -> None:
        """Count a request that passed unlimited because the limiter's storage was away."""
        self._limit_open.inc()

    def add(self, collector: Collector) -> None:
        """Ask the collector, too, whenever the measures are read."""
        self.registry.register(collector)

    def text(self) -> bytes:
        """Return everything in Prometheus's text format."""
        return generate_latest(self.registry)
