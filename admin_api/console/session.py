"""Sessions of the console: an API key or a Clerk session, exchanged once for a signed cookie that expires.

The cookie names who signed in, never the credential itself, and is looked up again on every request: a key that was
revoked and a person who was deactivated are out at once.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

from flask import Flask, request, session

from admin_api import context
from admin_api.sign_in import SignedIn, Unauthorized, from_credential
from runtime.settings import Settings
from runtime.signing import derive_key
from ticketing import api_keys, users

LASTS = timedelta(hours=12)
IDLE = timedelta(hours=2)
# The cookie is written again only this often: an answer without Set-Cookie is an answer that may be unchanged (304).
SEEN_EVERY = timedelta(minutes=5)
# Set by the page's own script where it reads the page again: nobody has touched anything.
REFRESH_HEADER = "X-Refresh"


def register(app: Flask, settings: Settings) -> None:
    """Give the app its signed cookie: http-only, same-site, over TLS alone in production."""
    app.secret_key = derive_key(settings, "console session")
    app.config.update(
        SESSION_COOKIE_NAME="fibreflow_console",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=settings.environment == "production",
        SESSION_COOKIE_PATH="/console",
        SESSION_REFRESH_EACH_REQUEST=False,
        PERMANENT_SESSION_LIFETIME=LASTS,
    )


def sign_in_with(credential: str) -> SignedIn:
    """Begin a session for whoever holds the API key or Clerk session. Raises Unauthorized and Forbidden."""
    signed_in = from_credential(credential.strip())
    begin(signed_in.principal)
    return signed_in


def begin(principal: str) -> None:
    """Begin a session for a principal (`key:<id>` or `user:<id>`) that has proved itself already."""
    session.clear()
    now = context.now().timestamp()
    session.update(principal=principal, since=now, seen=now)
    session.permanent = True


def end() -> None:
    """End the session in hand, if there is one."""
    session.clear()


def from_request() -> SignedIn:
    """Return who is signed in by the session in hand. Raises Unauthorized when nobody is, or not any more."""
    principal = session.get("principal")
    if principal is None:
        raise Unauthorized("Sign in to go on")
    now = context.now()
    if now - _time("since") >= LASTS or now - _time("seen") >= IDLE:
        session.clear()
        raise Unauthorized("Your session has ended: sign in again")
    signed_in = _look_up(principal, now)
    if signed_in is None:
        session.clear()
        raise Unauthorized("Your access has been withdrawn: sign in again")
    if now - _time("seen") >= SEEN_EVERY and REFRESH_HEADER not in request.headers:
        session["seen"] = now.timestamp()
    return signed_in


def _time(name: str) -> datetime:
    return datetime.fromtimestamp(session.get(name, 0), UTC)


def _look_up(principal: str, now: datetime) -> SignedIn | None:
    kind, _, text = principal.partition(":")
    with context.platform().read() as connection:
        if kind == "key":
            key = api_keys.find_valid(connection, UUID(text), now=now)
            return SignedIn(key.actor(), principal) if key else None
        user = users.by_id(connection, UUID(text))
        return SignedIn(user.actor(), principal) if user else None
