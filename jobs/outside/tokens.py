"""QContact's tokens in the database, sealed: every process finds them there, and one signs in for all."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from collections.abc import Mapping
from typing import Any

from cryptography.fernet import Fernet, InvalidToken

from integrations.qcontact.tokens import Kept, Tokens, Turn, turn_of
from runtime.clock import Clock
from runtime.logging import get_logger
from runtime.settings import Settings
from runtime.signing import derive_key
from sql.database import Database, queries

log = get_logger(__name__)

INTEGRATION = "qcontact"
PURPOSE = "integration sessions"


class SharedTokens:
    """The `TokenStore` of an installation."""

    def __init__(self, settings: Settings, database: Database, clock: Clock) -> None:
        self._settings = settings
        self._database = database
        self._clock = clock
        self._account = _account(settings)
        self._lock = threading.Lock()
        self._sealing: Fernet | None = None

    def read(self) -> Kept:
        """Return what is kept."""
        with self._database.connection_apart() as connection:
            return self._kept(queries("integrations").get_session(connection, integration=INTEGRATION))

    def begin(self, refused: int) -> Turn:
        """Say what to do; of all processes one at a time is told to sign in. See `TokenStore`."""
        now = self._clock.now()
        with self._database.connection_apart() as connection, connection.transaction():
            row = queries("integrations").lock_session(connection, integration=INTEGRATION)
            attempted = row["sign_in_attempted_at"]
            since = None if attempted is None else (now - attempted).total_seconds()
            turn = turn_of(self._kept(row), refused, since, row["sign_in_outcome"] is None)
            if turn.what == "sign_in":
                queries("integrations").begin_sign_in(connection, integration=INTEGRATION, now=now)
        return turn

    def keep(self, tokens: Tokens, *, signed_in: bool) -> Kept:
        """Keep new tokens."""
        with self._database.connection_apart() as connection:
            generation = queries("integrations").keep_tokens(
                connection,
                integration=INTEGRATION,
                sealed_tokens=self._seal(tokens),
                signed_in=signed_in,
                now=self._clock.now(),
            )
        if signed_in:
            log.info("signed_in_outside", integration=INTEGRATION, generation=generation)
        return Kept(tokens, generation)

    def fail(self) -> None:
        """Note that the sign-in failed."""
        with self._database.connection_apart() as connection:
            queries("integrations").fail_sign_in(connection, integration=INTEGRATION)

    def _kept(self, row: Mapping[str, Any]) -> Kept:
        return Kept(self._open(row["sealed_tokens"]), row["generation"])

    def _seal(self, tokens: Tokens) -> bytes:
        content = {"account": self._account, "tokens": [tokens.uid, tokens.access_token, tokens.client]}
        return self._fernet().encrypt(json.dumps(content).encode())

    def _open(self, sealed: bytes | None) -> Tokens | None:
        """Return the tokens; None when they were sealed with another key or are another account's: we sign in anew."""
        if sealed is None:
            return None
        try:
            content = json.loads(self._fernet().decrypt(bytes(sealed)))
        except InvalidToken:
            log.warning("kept tokens cannot be opened: they were sealed with another key", integration=INTEGRATION)
            return None
        return Tokens(*content["tokens"]) if content["account"] == self._account else None

    def _fernet(self) -> Fernet:
        with self._lock:
            if self._sealing is None:
                self._sealing = Fernet(base64.urlsafe_b64encode(derive_key(self._settings, PURPOSE)))
            return self._sealing


def _account(settings: Settings) -> str:
    """Return what tells one account from another: with other settings, the old account's tokens are of no use.

    Without a password the given tokens are the account: new ones in the settings replace what was kept.
    """
    given = settings.qcontact_access_token
    parts = [settings.qcontact_url or "", settings.qcontact_email or settings.qcontact_uid or ""]
    if settings.qcontact_password is None and given is not None:
        parts.append(given.get_secret_value())
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()
