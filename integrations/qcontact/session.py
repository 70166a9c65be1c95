"""Being signed in to QContact: the tokens in use, and how to get new ones when they are refused."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from integrations.outside import NotSignedIn
from integrations.qcontact.tokens import BETWEEN_SIGN_INS, Kept, Tokens, TokenStore, Turn

# For how long one waits for the outcome of somebody else's sign-in, and how often one looks, in seconds.
WAIT_FOR_OTHERS = 5.0
LOOK_EVERY = 0.05
_HEADERS = ("uid", "access-token", "client")


class Session:
    """The tokens that this process uses, shared by its threads and, through the store, with all others.

    `sign_in` makes the call that returns new tokens; None when there is no password and the given tokens must do.
    """

    def __init__(self, store: TokenStore, given: Tokens | None, sign_in: Callable[[], Tokens] | None) -> None:
        self._store = store
        self._given = given
        self._sign_in = sign_in
        self._lock = threading.Lock()
        self._kept: Kept | None = None

    def current(self) -> Kept:
        """Return the tokens to use; signs in when there are none yet. Raises NotSignedIn."""
        kept = self._kept
        if kept is None:
            kept = self._store.read()
            if kept.tokens is None:
                kept = Kept(self._given, kept.generation) if self._given else self.renew(kept.generation)
            self._kept = kept
        return kept

    def renew(self, refused: int) -> Kept:
        """Return newer tokens than those of generation `refused`: somebody else's, else by signing in.

        Of all who come at once, over all processes, one signs in and the others wait for it. Raises NotSignedIn, with
        `retry_after` when a sign-in is possible but may not be tried yet.
        """
        with self._lock:
            if self._kept is not None and self._kept.generation > refused:
                return self._kept
            self._kept = None
            self._kept = self._take(refused)
            return self._kept

    def adopt(self, headers: Mapping[str, str], used: Tokens) -> None:
        """Take over the tokens that came with an ordinary answer; most answers bring none."""
        token = headers.get("access-token", "").strip()
        if not token or token == used.access_token:
            return
        fresh = Tokens(used.uid, token, headers.get("client", "").strip() or used.client)
        with self._lock:
            if self._kept is None or self._kept.tokens != fresh:
                self._kept = self._store.keep(fresh, signed_in=False)

    def _take(self, refused: int) -> Kept:
        if self._sign_in is None:
            kept = self._store.read()
            if kept.tokens is not None and kept.generation > refused:
                return kept
            raise NotSignedIn("qcontact", "QContact refuses the tokens, and no password is set", status=401)
        turn = self._turn(refused)
        if turn.what == "use":
            return turn.kept
        if turn.what == "sign_in":
            return self._signed_in(self._sign_in)
        raise NotSignedIn(
            "qcontact",
            "QContact refuses the tokens, and a sign-in was tried just now",
            status=401,
            retry_after=max(turn.retry_after, 1.0),
        )

    def _turn(self, refused: int) -> Turn:
        give_up = time.monotonic() + WAIT_FOR_OTHERS
        while (turn := self._store.begin(refused)).what == "wait" and time.monotonic() < give_up:
            time.sleep(LOOK_EVERY)
        return turn

    def _signed_in(self, sign_in: Callable[[], Tokens]) -> Kept:
        try:
            tokens = sign_in()
        except BaseException as error:
            self._store.fail()
            if isinstance(error, NotSignedIn):
                error.retry_after = BETWEEN_SIGN_INS
            raise
        return self._store.keep(tokens, signed_in=True)


def headers_of(tokens: Tokens) -> dict[str, str]:
    """Return the headers that every call carries; this service knows no `Authorization: Bearer`."""
    return dict(zip(_HEADERS, (tokens.uid, tokens.access_token, tokens.client), strict=True))


def tokens_in(headers: Mapping[str, str], body: Any) -> Tokens | None:
    """Return the tokens of an answer to a sign-in: in its headers, else under the same names in its body."""
    inside: Mapping[str, Any] = body if isinstance(body, Mapping) else {}
    values = [headers.get(name) or inside.get(name) for name in _HEADERS]
    texts = [value.strip() for value in values if isinstance(value, str) and value.strip()]
    return Tokens(*texts) if len(texts) == len(_HEADERS) else None
