"""Who may call: sign-in by password, tokens in three headers, at most ten live clients for a user."""

from __future__ import annotations

import hmac
import secrets
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

EMAIL = "noc.bot@example.test"
PASSWORD = "not-a-real-password"  # noqa: S105 - the sandbox's own, written in its documentation
MOST_CLIENTS = 10
LIFETIME = timedelta(weeks=2)


class Tokens(NamedTuple):
    """The three values that every call carries."""

    uid: str
    access_token: str
    client: str

    @property
    def headers(self) -> dict[str, str]:
        """The values as headers."""
        return {"uid": self.uid, "access-token": self.access_token, "client": self.client}


@dataclass(slots=True)
class _Live:
    """A signed-in client; with rotation the token before is good for a moment still."""

    token: str
    expires_at: datetime
    token_before: str | None = None
    before_until: datetime | None = None


class Accounts:
    """The one account of the sandbox. Not safe for threads by itself: the sandbox's lock is held around it."""

    def __init__(self, email: str = EMAIL, password: str = PASSWORD) -> None:
        self.email = email
        self.password = password
        self.sign_ins = 0
        self._clients: OrderedDict[str, _Live] = OrderedDict()

    @property
    def live_clients(self) -> int:
        """How many clients are signed in."""
        return len(self._clients)

    def knows(self, email: object, password: object) -> bool:
        """Tell whether these are the account's e-mail address and password."""
        given = f"{email}\n{password}".encode()
        return hmac.compare_digest(given, f"{self.email}\n{self.password}".encode())

    def issue(self, now: datetime) -> Tokens:
        """Sign a new client in; the eleventh throws the oldest out."""
        self.sign_ins += 1
        tokens = Tokens(self.email, secrets.token_urlsafe(16), secrets.token_urlsafe(16))
        self._clients[tokens.client] = _Live(tokens.access_token, now + LIFETIME)
        while len(self._clients) > MOST_CLIENTS:
            self._clients.popitem(last=False)
        return tokens

    def expires_at(self, tokens: Tokens) -> datetime:
        """Return until when a live client's token is good."""
        return self._clients[tokens.client].expires_at

    def admits(self, headers: Mapping[str, str], now: datetime) -> bool:
        """Tell whether all three headers are those of a live client; a bearer token never helps, it spoils."""
        live = self._clients.get(headers.get("client", ""))
        if live is None or "authorization" in headers or headers.get("uid") != self.email or live.expires_at <= now:
            return False
        token = headers.get("access-token", "")
        return token == live.token or self._is_before(live, token, now)

    @staticmethod
    def _is_before(live: _Live, token: str, now: datetime) -> bool:
        return token == live.token_before and live.before_until is not None and now < live.before_until

    def rotate(self, headers: Mapping[str, str], now: datetime, grace: float) -> Tokens:
        """Give the client of an admitted request a new token.

        A request that came with the token before, in its grace, is answered with an empty one: the library's way to
        say that another request of the same batch has been given the new token.
        """
        client = headers["client"]
        live = self._clients[client]
        if headers.get("access-token") != live.token:
            return Tokens(self.email, "", client)
        live.token_before, live.before_until = live.token, now + timedelta(seconds=grace)
        live.token = secrets.token_urlsafe(16)
        return Tokens(self.email, live.token, client)

    def expire(self) -> None:
        """Make every token worthless at once."""
        self._clients.clear()
