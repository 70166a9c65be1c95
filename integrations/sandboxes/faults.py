"""Faults on demand: scripted ones for the next requests, and a rate of random ones from a seed."""

from __future__ import annotations

import random
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from integrations.sandboxes.messages import BadRequest

# Where the route does not run: nothing takes effect.
BEFORE = (
    "unauthorised",
    "forbidden",
    "not_found",
    "unprocessable",
    "too_many_requests",
    "too_many_requests_bare",
    "server_error",
    "bad_gateway_html",
    "unavailable_html",
    "cut_before",
    "hang",
)
# Where the route runs and the caller does not learn in time, or at all, that it did.
AFTER = ("server_error_after", "cut_midway", "cut_after", "slow")
FAULT_NAMES = (*BEFORE, *AFTER)

# What a network and a busy server do by themselves. The others mean something (no right, no such thing) or take so
# long that a whole run of random ones would measure nothing but patience; who wants them names them.
USUAL = (
    "too_many_requests",
    "too_many_requests_bare",
    "server_error",
    "server_error_after",
    "bad_gateway_html",
    "unavailable_html",
    "cut_before",
    "cut_midway",
    "cut_after",
)


@dataclass(slots=True)
class Scripted:
    """A fault that the next `times` requests with that method and path prefix meet."""

    name: str
    method: str | None
    path: str
    times: int

    def fits(self, method: str, path: str) -> bool:
        """Tell whether a request meets it."""
        return self.method in (None, method) and path.startswith(self.path)


class Faults:
    """Decides for each request which fault it meets; safe for any number of threads.

    `rate` (0..1) of the requests meet one of `names`, if their path starts with `path` and their method is among
    `methods` (none named: any). Seconds: `retry_after`, `slow_seconds`, `hang_seconds`.
    """

    def __init__(self, seed: int = 0) -> None:
        self._lock = threading.Lock()
        self._scripted: list[Scripted] = []
        self._random = random.Random(seed)  # noqa: S311 - the same faults again for the same seed
        self.counts: dict[str, int] = {}
        self._reset_rate()

    def _reset_rate(self) -> None:
        self.rate = 0.0
        self.names: tuple[str, ...] = USUAL
        self.path = ""
        self.methods: tuple[str, ...] = ()
        self.retry_after: float = 1
        self.slow_seconds: float = 35
        self.hang_seconds: float = 600

    def next(self, name: str, *, path: str = "", method: str | None = None, times: int = 1) -> None:
        """Let the next `times` requests that fit meet this fault; scripts of several calls are used up in order."""
        _check_name(name)
        with self._lock:
            self._scripted.append(Scripted(name, method, path, times))

    def stop(self) -> None:
        """End every fault: the rate is 0 and nothing is scripted any more."""
        with self._lock:
            self._scripted.clear()
            self._reset_rate()

    def choose(self, method: str, path: str) -> str | None:
        """Return the name of the fault that this request meets, or None."""
        with self._lock:
            name = self._from_script(method, path) or self._by_chance(method, path)
            if name:
                self.counts[name] = self.counts.get(name, 0) + 1
            return name

    def _from_script(self, method: str, path: str) -> str | None:
        for scripted in self._scripted:
            if scripted.fits(method, path):
                scripted.times -= 1
                if scripted.times <= 0:
                    self._scripted.remove(scripted)
                return scripted.name
        return None

    def _by_chance(self, method: str, path: str) -> str | None:
        concerned = path.startswith(self.path) and (not self.methods or method in self.methods)
        if not self.rate or not concerned or self._random.random() >= self.rate:
            return None
        return self._random.choice(self.names)

    def change(self, values: Mapping[str, Any]) -> None:
        """Set what is named, as `PUT /_sandbox/faults` sends it; `stop` first, `next` last. Raises BadRequest."""
        unknown = values.keys() - {*_SETTERS, "next", "stop", "seed"}
        if unknown:
            raise BadRequest(f"no such fault setting: {', '.join(sorted(unknown))}")
        if values.get("stop"):
            self.stop()
        with self._lock:
            if "seed" in values:
                self._random.seed(values["seed"])
            for name, convert in _SETTERS.items():
                if name in values:
                    setattr(self, name, convert(values[name]))
        for scripted in values.get("next", ()):
            self._script(scripted)

    def _script(self, values: Mapping[str, Any]) -> None:
        unknown = values.keys() - {"name", "path", "method", "times"}
        if unknown or "name" not in values:
            raise BadRequest("a scripted fault has a name, and may have path, method and times")
        self.next(**values)

    def as_json(self) -> dict[str, Any]:
        """Return the settings, what is scripted still, and how often each fault was met."""
        with self._lock:
            return {
                **{name: getattr(self, name) for name in _SETTERS},
                "scripted": [
                    {"name": one.name, "method": one.method, "path": one.path, "times": one.times}
                    for one in self._scripted
                ],
                "counts": dict(self.counts),
            }


def _check_name(name: str) -> str:
    if name not in FAULT_NAMES:
        raise BadRequest(f"no fault is called {name!r}; known: {', '.join(FAULT_NAMES)}")
    return name


def _rate(value: Any) -> float:
    rate = _seconds(value)
    if rate > 1:
        raise BadRequest("the rate lies between 0 and 1")
    return rate


def _seconds(value: Any) -> float:
    if not isinstance(value, int | float) or value < 0:
        raise BadRequest("a rate and seconds are numbers from 0 on")
    return value


def _fault_names(value: Any) -> tuple[str, ...]:
    return tuple(_check_name(name) for name in value) or USUAL


_SETTERS: dict[str, Any] = {
    "rate": _rate,
    "names": _fault_names,
    "path": str,
    "methods": tuple,
    "retry_after": _seconds,
    "slow_seconds": _seconds,
    "hang_seconds": _seconds,
}
