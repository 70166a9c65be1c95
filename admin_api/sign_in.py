"""Who sends the request: a program with an API key, or a person with a Clerk session."""

from __future__ import annotations

from dataclasses import dataclass

from flask import request

from admin_api import context
from integrations.clerk import InvalidSession
from runtime.errors import FibreflowError
from ticketing import api_keys, users
from ticketing.errors import Forbidden
from ticketing.people import Actor


class Unauthorized(FibreflowError):
    """Nobody is signed in, or the sign-in is not valid (any more)."""

    code = "UNAUTHORIZED"


@dataclass(frozen=True, slots=True)
class SignedIn:
    """An actor, and a stable text that names the credential's owner (`key:<id>`, `user:<id>`)."""

    actor: Actor
    principal: str


def from_request() -> SignedIn:
    """Return who sends the request in hand.

    Takes `Authorization: Bearer <API key or Clerk session>` or `X-API-Key: <API key>`. Raises Unauthorized, and
    Forbidden for a person whom Clerk knows and we do not.
    """
    return from_credential(_credential())


def from_credential(credential: str) -> SignedIn:
    """Return whose API key or Clerk session this is. Raises Unauthorized, and Forbidden as `from_request` does."""
    if credential.startswith(api_keys.MARK):
        return _with_api_key(credential)
    return _with_session(credential)


def _credential() -> str:
    header = request.headers.get("Authorization", "")
    scheme, _, value = header.partition(" ")
    if header and (scheme.lower() != "bearer" or not value.strip()):
        raise Unauthorized("The Authorization header must be `Bearer <API key or session token>`")
    credential = value.strip() or request.headers.get("X-API-Key", "").strip()
    if not credential:
        raise Unauthorized("Sign in: send `Authorization: Bearer <API key or session token>`")
    return credential


def _with_api_key(credential: str) -> SignedIn:
    platform = context.platform()
    with platform.read() as connection:
        key = api_keys.authenticate(connection, credential, now=platform.clock.now())
    if key is None:
        raise Unauthorized("The API key is unknown, expired or revoked")
    return SignedIn(key.actor(), f"key:{key.id}")


def _with_session(credential: str) -> SignedIn:
    clerk = context.services().clerk
    if clerk is None:
        raise Unauthorized("This installation takes API keys only: send `Authorization: Bearer ff_...`")
    try:
        session = clerk.verify(credential)
    except InvalidSession as error:
        raise Unauthorized(error.message) from error
    with context.platform().read() as connection:
        user = users.by_clerk_id(connection, session.subject)
    if user is None:
        raise Forbidden("This sign-in has no FibreFlow user; ask an administrator for access")
    return SignedIn(user.actor(), f"user:{user.id}")
