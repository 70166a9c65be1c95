"""What goes wrong with a message at WAHA itself, as opposed to the network before it (that is `faults`)."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from typing import Any

from integrations.sandboxes import BadRequest

# The engine answers 500, and nothing is sent.
ENGINE_ERRORS = {
    "timelocked": (463, "2 UNKNOWN: server returned error 463"),
    "capped": (475, "2 UNKNOWN: server returned error 475"),
    "broken": (400, "2 UNKNOWN: server returned error 400"),
    "rate_limited": (429, "2 UNKNOWN: server returned error 429"),
    "no_lid": (None, "No LID for user"),
}
# No answer comes: WAHA starts anew amid the call, before the message left or after.
RESTARTS = ("restart_before", "restart_after")
# 201, and then: it stays PENDING for ever; it is not to be seen anywhere; ERROR comes.
LOST = ("unacknowledged", "vanished", "refused_later")
# It is sent, but: the 201 has no body; it goes out twice; acknowledgements are told before the 201; the engine's error
# comes all the same.
SENT = ("empty", "doubled", "early_acks", "error_after")
FATES = (*ENGINE_ERRORS, *RESTARTS, *LOST, *SENT)

# What befalls messages by chance: what a sender can and must put right without a person. (A message that went out twice
# from one call is nothing that a sender could help, and a timelock is a state of the account.)
USUAL = ("empty", "early_acks", "restart_before", "restart_after", "unacknowledged", "vanished", "error_after")


@dataclass(slots=True)
class Scripted:
    """A fate of the next `times` messages to that chat (None: to any)."""

    name: str
    chat_id: str | None
    times: int


class Fates:
    """Decides for each attempt to send a message what becomes of it; safe for any number of threads.

    `rate` (0..1) of the attempts meet one of `names`, by a chance that starts from the seed.
    """

    def __init__(self, seed: int = 0) -> None:
        self._lock = threading.Lock()
        self._scripted: list[Scripted] = []
        self._chance = Random(f"fates {seed}")  # noqa: S311 - the same fates again for the same seed
        self.rate = 0.0
        self.names: tuple[str, ...] = USUAL
        self.counts: dict[str, int] = {}

    def next(self, name: str, *, chat_id: str | None = None, times: int = 1) -> None:
        """Let the next `times` attempts, to that chat if one is named, meet this fate."""
        _check_name(name)
        with self._lock:
            self._scripted.append(Scripted(name, chat_id, times))

    def stop(self) -> None:
        """Let every message go well from now on."""
        with self._lock:
            self._scripted.clear()
            self.rate, self.names = 0.0, USUAL

    def choose(self, chat_id: str) -> str | None:
        """Return what becomes of an attempt to send to this chat; None: it goes well."""
        with self._lock:
            name = self._from_script(chat_id)
            if name is None and self._chance.random() < self.rate:
                name = self._chance.choice(self.names)
            if name is not None:
                self.counts[name] = self.counts.get(name, 0) + 1
            return name

    def _from_script(self, chat_id: str) -> str | None:
        for scripted in self._scripted:
            if scripted.chat_id in (None, chat_id):
                scripted.times -= 1
                if scripted.times <= 0:
                    self._scripted.remove(scripted)
                return scripted.name
        return None

    def change(self, values: Mapping[str, Any]) -> None:
        """Set what the control was told: rate, names, stop, next (name, chat_id, times). Raises BadRequest."""
        if unknown := values.keys() - {"rate", "names", "stop", "next"}:
            raise BadRequest(f"no such setting of fates: {', '.join(sorted(unknown))}")
        if values.get("stop"):
            self.stop()
        with self._lock:
            self.rate = _rate(values.get("rate", self.rate))
            self.names = tuple(_check_name(name) for name in values.get("names", self.names)) or USUAL
        for scripted in values.get("next", ()):
            if scripted.keys() - {"name", "chat_id", "times"} or "name" not in scripted:
                raise BadRequest("a scripted fate has a name, and may have chat_id and times")
            self.next(**scripted)

    def as_json(self) -> dict[str, Any]:
        """Return the settings, what is scripted still, and how often each fate was met."""
        with self._lock:
            scripted = [{"name": one.name, "chat_id": one.chat_id, "times": one.times} for one in self._scripted]
            return {"rate": self.rate, "names": self.names, "scripted": scripted, "counts": dict(self.counts)}


def _check_name(name: str) -> str:
    if name not in FATES:
        raise BadRequest(f"no fate is called {name!r}; known: {', '.join(FATES)}")
    return name


def _rate(value: Any) -> float:
    if not isinstance(value, int | float) or not 0 <= value <= 1:
        raise BadRequest("a rate lies between 0 and 1")
    return value
