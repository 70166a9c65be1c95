"""Where QContact's tokens are kept: one sign-in serves all processes, so that they are shared.

The account has few places for tokens there, and each sign-in throws the oldest out: who signs in too often locks out
whoever else uses the account. Hence one sign-in at a time, and at least `BETWEEN_SIGN_INS` seconds between two.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import Literal, Protocol

BETWEEN_SIGN_INS = 30.0


@dataclass(frozen=True, slots=True)
class Tokens:
    """The three values that every call carries; never shown."""

    uid: str = field(repr=False)
    access_token: str = field(repr=False)
    client: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Kept:
    """What is kept: the tokens, if any, and their generation, which grows with each change."""

    tokens: Tokens | None
    generation: int


@dataclass(frozen=True, slots=True)
class Turn:
    """What somebody whose tokens were refused is to do: sign in, use what somebody else got, wait, or give up.

    `retry_after` (seconds) tells whoever gives up when a sign-in may be tried again.
    """

    what: Literal["sign_in", "use", "wait", "give_up"]
    kept: Kept
    retry_after: float = 0.0


class TokenStore(Protocol):
    """Keeps tokens for all who share an account. Every method may be called from any thread."""

    def read(self) -> Kept:
        """Return what is kept."""
        ...

    def begin(self, refused: int) -> Turn:
        """Say what to do now that the tokens of generation `refused` were refused; `sign_in` is said to one at a time.

        Whoever is told to sign in calls `keep` or `fail` afterwards.
        """
        ...

    def keep(self, tokens: Tokens, *, signed_in: bool) -> Kept:
        """Keep new tokens: of a sign-in, or handed out with an ordinary answer."""
        ...

    def fail(self) -> None:
        """Note that the sign-in failed."""
        ...


class MemoryTokens:
    """Keeps tokens in this process's memory, for where there is no database."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept = Kept(None, 0)
        self._attempted_at = float("-inf")
        self._is_under_way = False

    def read(self) -> Kept:
        """Return what is kept."""
        return self._kept

    def begin(self, refused: int) -> Turn:
        """Say what to do; see `TokenStore`."""
        with self._lock:
            turn = turn_of(self._kept, refused, time.monotonic() - self._attempted_at, self._is_under_way)
            if turn.what == "sign_in":
                self._attempted_at, self._is_under_way = time.monotonic(), True
            return turn

    def keep(self, tokens: Tokens, *, signed_in: bool) -> Kept:
        """Keep new tokens."""
        with self._lock:
            self._is_under_way = self._is_under_way and not signed_in
            self._kept = Kept(tokens, self._kept.generation + 1)
            return self._kept

    def fail(self) -> None:
        """Note that the sign-in failed."""
        with self._lock:
            self._is_under_way = False


def turn_of(kept: Kept, refused: int, since_attempt: float | None, is_under_way: bool) -> Turn:
    """Decide what somebody does whose tokens of generation `refused` were refused; `since_attempt` is in seconds."""
    if kept.tokens is not None and kept.generation > refused:
        return Turn("use", kept)
    if since_attempt is None or since_attempt >= BETWEEN_SIGN_INS:
        return Turn("sign_in", kept)
    if is_under_way:
        return Turn("wait", kept)
    return Turn("give_up", kept, BETWEEN_SIGN_INS - since_attempt)
