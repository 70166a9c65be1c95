"""Requests to QContact: signed in and bounded; each failure's type says whether the call may have taken effect."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx

from integrations.outside import (
    NoAnswer,
    NotAllowed,
    NotSignedIn,
    NotThere,
    OutsideError,
    Refused,
    ServerFailed,
    TooManyRequests,
    Unreachable,
)
from integrations.qcontact.session import Session, headers_of, tokens_in
from integrations.qcontact.tokens import Tokens

PREFIX = "/api/v2/"
CONNECT_TIMEOUT = 5.0
# A connection that idles longer may be closed by the other side at the moment of its next use, and then nobody knows
# whether a change was made.
IDLE_SECONDS = 4.0
# How often tokens that others have renewed meanwhile are tried.
TRIES = 3
SHOWN = 300
LONGEST = 20_000_000
# How many time-outs of a single read a whole answer may take.
PATIENCE = 2
OK, REDIRECTS, CLIENT_ERRORS, SERVER_ERRORS = 200, 300, 400, 500

_NOTHING_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol)
_CUT = (httpx.ConnectError, httpx.ReadError, httpx.RemoteProtocolError)
_BY_STATUS: dict[int, type[OutsideError]] = {401: NotSignedIn, 403: NotAllowed, 404: NotThere, 429: TooManyRequests}


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer; its body was bounded while it was read."""

    status: int
    headers: httpx.Headers
    content: bytes

    @property
    def is_success(self) -> bool:
        """Whether the status says that the call was carried out."""
        return OK <= self.status < REDIRECTS

    @property
    def text(self) -> str:
        """The beginning of the body, fit to be shown."""
        return " ".join(self.content[:SHOWN].decode("utf-8", "replace").replace("\x00", "").split())

    def json(self) -> Any:
        """Return the body as JSON. Raises ServerFailed when it is none."""
        try:
            return json.loads(self.content)
        except (ValueError, RecursionError) as error:
            raise ServerFailed("qcontact", "QContact's answer is not JSON", status=self.status) from error


class Transport:
    """A bounded pool of connections to one tenant. Thread-safe."""

    def __init__(self, url: str, *, timeout: float, connections: int) -> None:
        self._patience = PATIENCE * timeout
        self._http = httpx.Client(
            base_url=url.rstrip("/").removesuffix(PREFIX.rstrip("/")) + PREFIX,
            headers={"accept": "application/json"},
            timeout=httpx.Timeout(timeout, connect=min(timeout, CONNECT_TIMEOUT), pool=2 * timeout),
            limits=httpx.Limits(
                max_connections=connections, max_keepalive_connections=connections, keepalive_expiry=IDLE_SECONDS
            ),
            # The tokens must not follow a redirect to somebody else, nor a proxy of the environment's.
            follow_redirects=False,
            trust_env=False,
        )

    def sign_in(self, email: str, password: str) -> Tokens:
        """Ask for new tokens. Raises NotSignedIn for a password that is refused, and every OutsideError."""
        response = self._send("POST", "auth/sign_in", json={"email": email, "password": password})
        if not response.is_success:
            raise _error_of(response)
        # Nothing is promised of the body where the headers hold all.
        tokens = tokens_in(response.headers, None) or tokens_in(response.headers, response.json())
        if tokens is None:
            raise ServerFailed("qcontact", "The answer to the sign-in holds no tokens", status=response.status)
        return tokens

    def read(self, session: Session, path: str, params: Mapping[str, str] | None = None) -> Any:
        """Read something as JSON; tried once more, quickly, when the connection breaks. Raises OutsideError."""
        return self._answer(session, lambda headers: self._get(path, params, headers))

    def write(self, session: Session, method: str, path: str, body: Mapping[str, Any]) -> Any:
        """Change something and return the answer's JSON; sent once, but for tokens that are refused. Raises
        OutsideError."""
        return self._answer(session, lambda headers: self._send(method, path, json=body, headers=headers))

    def close(self) -> None:
        """Close every connection."""
        self._http.close()

    def _answer(self, session: Session, send: Callable[[dict[str, str]], Answer]) -> Any:
        kept = session.current()
        for _ in range(TRIES):
            # A refused token means that nothing was done, so that even a change may be sent again.
            if kept.tokens is None:
                kept = session.renew(kept.generation)
                continue
            response = send(headers_of(kept.tokens))
            if response.status != httpx.codes.UNAUTHORIZED:
                session.adopt(response.headers, kept.tokens)
                return _body_of(response)
            kept = session.renew(kept.generation)
        raise NotSignedIn("qcontact", "QContact refuses tokens that it has just handed out", status=401)

    def _get(self, path: str, params: Mapping[str, str] | None, headers: dict[str, str]) -> Answer:
        try:
            return self._send("GET", path, params=params, headers=headers)
        except (Unreachable, NoAnswer) as error:
            if not isinstance(error.__cause__, _CUT):
                raise
        return self._send("GET", path, params=params, headers=headers)

    def _send(self, method: str, path: str, **options: Any) -> Answer:
        give_up = time.monotonic() + self._patience
        try:
            with self._http.stream(method, path, **options) as response:
                return Answer(response.status_code, response.headers, _whole(response, give_up))
        except _NOTHING_SENT as error:
            raise Unreachable("qcontact", f"QContact cannot be reached: {_named(error)}") from error
        except httpx.RequestError as error:
            raise NoAnswer("qcontact", f"QContact did not answer: {_named(error)}") from error


def _whole(response: httpx.Response, give_up: float) -> bytes:
    """Return the whole body; the time-outs of single reads alone would let a trickle go on for ever."""
    content = bytearray()
    for chunk in response.iter_bytes():
        content += chunk
        if len(content) > LONGEST:
            raise ServerFailed("qcontact", f"QContact's answer is longer than {LONGEST} bytes")
        if time.monotonic() > give_up:
            raise NoAnswer("qcontact", "QContact's answer took too long to come whole")
    return bytes(content)


def _body_of(response: Answer) -> Any:
    if not response.is_success:
        raise _error_of(response)
    return response.json()


def _error_of(response: Answer) -> OutsideError:
    """Tell by the status alone what went wrong: the shapes of the bodies are not promised, and only shown."""
    status = response.status
    if status < CLIENT_ERRORS or status >= SERVER_ERRORS:
        return ServerFailed("qcontact", f"QContact answered {status}", status=status, retry_after=_asked_for(response))
    kind = _BY_STATUS.get(status, Refused)
    retry_after = _asked_for(response) if kind is TooManyRequests else None
    message = f"QContact answered {status}" + (f": {response.text}" if response.text else "")
    return kind("qcontact", message, status=status, retry_after=retry_after)


def _asked_for(response: Answer) -> float | None:
    """Return for how many seconds the service asks to be left alone: it may say a number, or a date."""
    said = response.headers.get("retry-after", "").strip()
    if said.isdecimal():
        return float(said[:9]) or None
    try:
        until = parsedate_to_datetime(said)
    except ValueError:
        return None
    until = until if until.tzinfo is not None else until.replace(tzinfo=UTC)
    return max((until - datetime.now(UTC)).total_seconds(), 0.0) or None


def _named(error: httpx.RequestError) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
