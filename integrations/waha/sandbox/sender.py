"""The sender of webhooks: tries each event until its receiver takes it, and keeps a record of every try."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from datetime import datetime
from random import Random
from typing import Any, Literal

import httpx

from integrations.waha.sandbox.hooks import Hook, headers
from integrations.waha.sandbox.switches import WahaSwitches
from integrations.waha.sandbox.timetable import Timetable
from runtime.clock import Clock

THREADS = 8

Result = Literal["taken", "refused", "failed"]


@dataclass(frozen=True, slots=True)
class Try:
    """One request to a receiver. `status` is None when no answer came; `last` tells that none follows."""

    number: int
    envelope_id: str
    event: str
    stanza: str | None
    url: str
    attempt: int
    result: Result
    status: int | None
    error: str | None
    last: bool
    at: datetime

    def as_json(self) -> dict[str, Any]:
        """Return the try as the control shows it."""
        return {**asdict(self), "at": self.at.isoformat()}


@dataclass(slots=True)
class Delivery:
    """One event on its way to one receiver: the same bytes at each try."""

    envelope_id: str
    event: str
    stanza: str | None
    body: bytes = field(repr=False)
    hook: Hook
    pauses: Iterator[float]
    attempt: int = 0


class HookSender:
    """Sends events from a few threads; safe for any number of callers.

    Tries follow each other as the receiver's retries say, times the switch `hook_time_scale`. After the last one the
    event is lost, as it is with WAHA.
    """

    def __init__(self, timetable: Timetable, switches: Callable[[], WahaSwitches], clock: Clock, seed: int = 0) -> None:
        self._timetable = timetable
        self._switches = switches
        self._clock = clock
        self._chance = Random(f"hooks {seed}")  # noqa: S311 - the same disorder again for the same seed
        self._changed = threading.Condition()
        self._tries: list[Try] = []
        self._under_way: set[int] = set()
        self._pool: ThreadPoolExecutor | None = None
        self._client: httpx.Client | None = None

    def start(self) -> None:
        """Open for sending."""
        # Receivers are on this machine and speak plain HTTP: no certificates need to be read.
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self._client = httpx.Client(verify=tls, trust_env=False, limits=httpx.Limits(max_connections=2 * THREADS))
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="waha-hooks")

    def stop(self) -> None:
        """Wait for the requests under way and forget the rest."""
        if self._pool and self._client:
            self._pool.shutdown(cancel_futures=True)
            self._client.close()
        with self._changed:
            self._under_way.clear()
            self._changed.notify_all()

    @property
    def is_open(self) -> bool:
        """Whether it can send."""
        return self._client is not None and not self._client.is_closed

    def send(self, hook: Hook, *, envelope_id: str, event: str, stanza: str | None, body: bytes) -> None:
        """Send an event to a receiver: now or a little later, once or twice, as the switches say."""
        switches = self._switches()
        with self._changed:
            times = 2 if self._chance.random() < switches.hook_duplicated_share else 1
            late = self._chance.random() < switches.hook_delayed_share
            waits = [self._chance.random() * switches.hook_longest_delay if late else 0.0 for _ in range(times)]
            deliveries = [
                Delivery(envelope_id, event, stanza, body, hook, hook.retries.pauses(self._chance)) for _ in waits
            ]
            self._under_way.update(id(one) for one in deliveries)
        for wait, delivery in zip(waits, deliveries, strict=True):
            self._later(wait, delivery)

    def tries(self, *, after: int = 0, envelope_id: str | None = None) -> list[Try]:
        """Return every try whose number is above `after`, in order of their ends."""
        with self._changed:
            return [one for one in self._tries[after:] if envelope_id in (None, one.envelope_id)]

    def lost(self) -> list[Try]:
        """Return the last tries of the events that no receiver took."""
        return [one for one in self.tries() if one.last and one.result != "taken"]

    @property
    def pending(self) -> int:
        """How many deliveries are neither taken nor lost."""
        with self._changed:
            return len(self._under_way)

    def await_tries(self, stanza: str, how_many: int, within: float) -> bool:
        """Wait until events of a message were tried so often; tell whether that came to pass."""
        with self._changed:
            return self._changed.wait_for(
                lambda: sum(one.stanza == stanza for one in self._tries) >= how_many, timeout=within
            )

    def _later(self, seconds: float, delivery: Delivery) -> None:
        if seconds:
            self._timetable.after(seconds, lambda: self._submit(delivery), background=True)
        else:
            self._submit(delivery)

    def _submit(self, delivery: Delivery) -> None:
        try:
            if self._pool:
                self._pool.submit(self._try, delivery)
        except RuntimeError:
            self._settle(delivery)  # the sandbox closes: what is not sent by now is not sent at all

    def _try(self, delivery: Delivery) -> None:
        delivery.attempt += 1
        result, status, error = self._post(delivery)
        pause = None if result == "taken" else next(delivery.pauses, None)
        self._note(delivery, result, status, error, last=pause is None)
        if pause is None:
            self._settle(delivery)
        else:
            self._later(pause * self._switches().hook_time_scale, delivery)

    def _post(self, delivery: Delivery) -> tuple[Result, int | None, str | None]:
        switches = self._switches()
        hook = delivery.hook
        if self._client is None:
            return "failed", None, "the sandbox is closed"
        try:
            answer = self._client.post(
                hook.url,
                content=delivery.body,
                headers=headers(hook, delivery.body, switches.version),
                timeout=switches.hook_timeout,
            )
        except httpx.HTTPError as error:
            return "failed", None, type(error).__name__
        return "taken" if answer.is_success else "refused", answer.status_code, None

    def _note(self, delivery: Delivery, result: Result, status: int | None, error: str | None, *, last: bool) -> None:
        with self._changed:
            self._tries.append(
                Try(
                    number=len(self._tries) + 1,
                    envelope_id=delivery.envelope_id,
                    event=delivery.event,
                    stanza=delivery.stanza,
                    url=delivery.hook.url,
                    attempt=delivery.attempt,
                    result=result,
                    status=status,
                    error=error,
                    last=last,
                    at=self._clock.now(),
                )
            )
            self._changed.notify_all()

    def _settle(self, delivery: Delivery) -> None:
        with self._changed:
            self._under_way.discard(id(delivery))
            self._changed.notify_all()
