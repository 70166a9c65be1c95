"""Clerk sessions: the short-lived tokens that people's browsers send, checked against Clerk's published keys."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import jwt
from jwt import PyJWKClient

from runtime.errors import FibreflowError, SettingsError
from runtime.settings import Settings

ALGORITHM = "RS256"
LEEWAY = 10
KEYS_LIVE = 600
FETCH_TIMEOUT = 5


class InvalidSession(FibreflowError):
    """A session token that is forged, out of date, or made for somebody else."""

    code = "UNAUTHORIZED"


class ClerkUnreachable(FibreflowError):
    """Clerk's keys cannot be fetched, and none are cached: nobody's session can be checked now."""

    code = "SERVICE_UNAVAILABLE"


@dataclass(frozen=True, slots=True)
class Session:
    """A person's valid session: Clerk's id of the person (`user_...`) and of the session."""

    subject: str
    session_id: str | None


class ClerkSessions:
    """Checks session tokens.

    Clerk's keys are fetched from `jwks_url` when first needed and cached for `KEYS_LIVE` seconds; an unknown key id
    refreshes them, at most once in half a minute, so that made-up tokens do not become traffic. With
    `authorized_parties` (origins of our front ends) a token must name one of them in `azp`: a session of another site
    of the same Clerk is not ours.
    """

    def __init__(self, issuer: str, jwks_url: str, authorized_parties: tuple[str, ...] = ()) -> None:
        self._issuer = issuer
        self.jwks_url = jwks_url
        self._parties = authorized_parties
        self._keys = PyJWKClient(jwks_url, lifespan=KEYS_LIVE, timeout=FETCH_TIMEOUT)

    @classmethod
    def from_settings(cls, settings: Settings) -> ClerkSessions | None:
        """Return what the settings say; None when people do not sign in here. Raises SettingsError."""
        if settings.clerk_issuer is None:
            if settings.clerk_jwks_url or settings.clerk_authorized_parties:
                raise SettingsError(
                    "FIBREFLOW_CLERK_ISSUER is missing; set it, or none of the FIBREFLOW_CLERK_* settings"
                )
            return None
        issuer = settings.clerk_issuer.rstrip("/")
        jwks_url = settings.clerk_jwks_url or f"{issuer}/.well-known/jwks.json"
        return cls(settings.clerk_issuer, jwks_url, settings.clerk_authorized_parties)

    def verify(self, token: str) -> Session:
        """Return the session of a token.

        Checks the signature (RS256 only), `exp`, `nbf` and `iat` (`LEEWAY` seconds for clocks that differ), `iss`, and
        `azp`. Raises InvalidSession, or ClerkUnreachable when there are no keys to check with.
        """
        claims = self._claims(token)
        if self._parties and claims.get("azp") not in self._parties:
            raise InvalidSession("The session was made for another site")
        return Session(subject=claims["sub"], session_id=claims.get("sid"))

    @property
    def handshake_url(self) -> str:
        """Where a browser fetches the session that it has with Clerk, or signs in to get one (`redirect_url`)."""
        return f"{self._issuer.rstrip('/')}/v1/client/handshake"

    def session_of_handshake(self, token: str) -> str | None:
        """Return the session token in what Clerk's handshake sent back; None when nobody is signed in there.

        The token carries the cookies that Clerk wants set, signed with the same keys. Raises as `verify` does.
        """
        claims = self._decoded(token, required=())
        for cookie in claims.get("handshake", ()):
            name, _, rest = str(cookie).partition("=")
            if name == "__session" and (value := rest.partition(";")[0]):
                return value
        return None

    def _claims(self, token: str) -> dict[str, Any]:
        return self._decoded(token, required=("exp", "iat", "nbf", "iss", "sub"), issuer=self._issuer)

    def _decoded(self, token: str, *, required: Sequence[str], issuer: str | None = None) -> dict[str, Any]:
        try:
            key = self._keys.get_signing_key_from_jwt(token)
            claims: dict[str, Any] = jwt.decode(
                token,
                key.key,
                algorithms=[ALGORITHM],
                issuer=issuer,
                leeway=LEEWAY,
                options={"require": list(required), "verify_aud": False},
            )
        except jwt.PyJWKClientConnectionError as error:
            raise ClerkUnreachable("Sign-ins cannot be checked at the moment; try again shortly") from error
        except jwt.ExpiredSignatureError as error:
            raise InvalidSession("The session has expired; sign in again") from error
        except jwt.PyJWTError as error:
            raise InvalidSession("The session token is not valid; sign in again") from error
        return claims
