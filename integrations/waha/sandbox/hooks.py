"""Webhooks as WAHA configures, words and signs them; who sends them is in `sender`."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections.abc import Iterator
from random import Random
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit
from uuid import uuid4

from pydantic import BaseModel, ConfigDict, Field, field_validator

LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
ALGORITHM = "sha512"
JITTER = 0.2


class HmacKey(BaseModel):
    """With which key events are signed."""

    key: str | None = None


class Retries(BaseModel):
    """How often an event is tried, and the pauses between: constant 2, 2, 2; linear 2, 4, 6; exponential 2, 4, 8."""

    policy: Literal["constant", "linear", "exponential"] = "constant"
    # Called so on the wire. Whole seconds there; parts of one spare tests their time.
    delay_seconds: Annotated[float, Field(ge=0, alias="delaySeconds")] = 2
    attempts: Annotated[int, Field(ge=0, le=100)] = 15

    model_config = ConfigDict(populate_by_name=True)

    def pauses(self, chance: Random) -> Iterator[float]:
        """Return the pauses after each failed try, in seconds; no further try follows the last."""
        for tries in range(1, self.attempts):
            if self.policy == "linear":
                yield self.delay_seconds * tries
            elif self.policy == "exponential":
                yield self.delay_seconds * 2 ** (tries - 1) * chance.uniform(1 - JITTER, 1 + JITTER)
            else:
                yield self.delay_seconds


class Header(BaseModel):
    """A header that is added to each request."""

    name: str
    value: str


class Hook(BaseModel):
    """One receiver of events. The sandbox speaks to this machine only."""

    model_config = ConfigDict(populate_by_name=True)

    url: str
    events: tuple[str, ...] = ("message", "message.any", "message.ack", "message.ack.group", "session.status")
    hmac: HmacKey | None = None
    retries: Retries = Retries()
    custom_headers: Annotated[tuple[Header, ...] | None, Field(alias="customHeaders")] = None

    @field_validator("url")
    @classmethod
    def _is_on_this_machine(cls, value: str) -> str:
        if urlsplit(value).hostname not in LOOPBACK:
            raise ValueError(f"the sandbox sends events to this machine only, not to {value}")
        return value

    @property
    def key(self) -> str | None:
        """The key for signatures, if events are signed."""
        return self.hmac.key if self.hmac else None

    def wants(self, event: str) -> bool:
        """Tell whether the receiver asked for events of that name."""
        return "*" in self.events or event in self.events

    @classmethod
    def with_secret(cls, url: str, secret: str | None, **more: Any) -> Hook:
        """Return a receiver for events signed with this secret."""
        return cls(url=url, hmac=HmacKey(key=secret) if secret else None, **more)


def sign(key: str, body: bytes) -> str:
    """Return the signature of a body: HMAC-SHA512 over exactly these bytes, in small hex digits."""
    return hmac.new(key.encode(), body, hashlib.sha512).hexdigest()


def written(envelope: dict[str, Any]) -> bytes:
    """Return an envelope's bytes, as they are signed and sent: no blanks, letters as they are."""
    return json.dumps(envelope, separators=(",", ":"), ensure_ascii=False).encode()


def headers(hook: Hook, body: bytes, version: str) -> dict[str, str]:
    """Return the headers of one request: new at each try, as they tell of the request and not of the event."""
    found = {
        "Content-Type": "application/json",
        "User-Agent": f"WAHA/{version}",
        "X-Webhook-Request-Id": uuid4().hex,
        "X-Webhook-Timestamp": str(time.time_ns() // 1_000_000),
    }
    if hook.key:
        found["X-Webhook-Hmac"] = sign(hook.key, body)
        found["X-Webhook-Hmac-Algorithm"] = ALGORITHM
    return found | {header.name: header.value for header in hook.custom_headers or ()}
