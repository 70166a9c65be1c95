"""API keys: how programs sign in. A key is shown once; what is kept is its SHA-256 and a prefix to find it by.

A key is 43 random letters and digits (256 bits), so a plain hash is enough: there is nothing to guess, and a slow hash
would only slow every request.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import string
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sql.database import Connection, queries
from ticketing.errors import InvalidInput, NotFound
from ticketing.events import UnitOfWork
from ticketing.people import ROLES, Actor, Role

MARK = "ff_"
# Letters only, so that the log's masking of keys can tell a key from other words with an underscore.
_PREFIX_ALPHABET = string.ascii_lowercase
_PREFIX_LENGTH = 8
_SECRET_ALPHABET = string.ascii_letters + string.digits
_SECRET_LENGTH = 43
_FORM = re.compile(rf"{MARK}([a-z]{{{_PREFIX_LENGTH}}})_[A-Za-z0-9]{{{_SECRET_LENGTH}}}")
# Each use would otherwise be a write to the same row.
_USE_NOTED_EVERY = timedelta(minutes=1)
_UNKNOWN_HASH = "0" * 64


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key without its secret. `roles` are what it may do; the ids whom it acts for, if anybody."""

    id: UUID
    name: str
    prefix: str
    roles: tuple[Role, ...]
    user_id: UUID | None
    contractor_id: UUID | None
    created_at: datetime
    created_by: str
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None

    def actor(self) -> Actor:
        """Return who acts when this key is used."""
        return Actor(
            kind="api_key",
            name=self.name,
            user_id=self.user_id,
            contractor_id=self.contractor_id,
            roles=frozenset(self.roles),
        )

    def is_valid(self, now: datetime) -> bool:
        """Whether the key is neither revoked nor expired."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)


def create(
    work: UnitOfWork,
    name: str,
    roles: tuple[Role, ...],
    *,
    expires_at: datetime | None = None,
    user_id: UUID | None = None,
    contractor_id: UUID | None = None,
) -> tuple[ApiKey, str]:
    """Make a key and return it with its plain text, which is nowhere else and cannot be read again.

    `user_id` and `contractor_id` say for whom it acts, if anybody. Raises InvalidInput for an empty name, no role or an
    unknown one, a contractor's key without a company, or an end that has passed already.
    """
    _check(name, roles, expires_at, contractor_id, work.now)
    prefix = "".join(secrets.choice(_PREFIX_ALPHABET) for _ in range(_PREFIX_LENGTH))
    plain = f"{MARK}{prefix}_" + "".join(secrets.choice(_SECRET_ALPHABET) for _ in range(_SECRET_LENGTH))
    row = queries("api_keys").insert_key(
        work.connection,
        name=name.strip(),
        prefix=prefix,
        key_sha256=_hash(plain),
        roles=sorted(set(roles)),
        user_id=user_id,
        contractor_id=contractor_id,
        created_at=work.now,
        created_by=work.actor.name,
        expires_at=expires_at,
    )
    return _key(row), plain


def authenticate(connection: Connection, plain: str, *, now: datetime) -> ApiKey | None:
    """Return the key that the text is, and note its use (at most once a minute); None for one that does not sign in.

    Compares in constant time, and compares for an unknown prefix, too.
    """
    form = _FORM.fullmatch(plain)
    row = queries("api_keys").find_key(connection, prefix=form.group(1)) if form else None
    matches = hmac.compare_digest(_hash(plain), row["key_sha256"] if row else _UNKNOWN_HASH)
    if row is None or not matches:
        return None
    key = _key(row)
    if not key.is_valid(now):
        return None
    if key.last_used_at is None or now - key.last_used_at >= _USE_NOTED_EVERY:
        queries("api_keys").note_use(connection, id=key.id, now=now)
    return key


def find_valid(connection: Connection, key_id: UUID, *, now: datetime) -> ApiKey | None:
    """Return a key that still signs in, for whoever has shown it before; None for one that does not any more."""
    row = queries("api_keys").find_key_by_id(connection, id=key_id)
    key = _key(row) if row else None
    return key if key is not None and key.is_valid(now) else None


def list_keys(connection: Connection) -> list[ApiKey]:
    """Return every key, the newest first, revoked ones included."""
    return [_key(row) for row in queries("api_keys").list_keys(connection)]


def revoke(work: UnitOfWork, prefix: str) -> ApiKey:
    """Revoke the key with this prefix, from now on and for ever; one that was revoked stays as it was.

    Raises NotFound when there is no such key.
    """
    prefix = prefix.removeprefix(MARK).partition("_")[0]
    row = queries("api_keys").revoke_key(work.connection, prefix=prefix, now=work.now, revoked_by=work.actor.name)
    if row is None:
        raise NotFound(f"There is no API key {MARK}{prefix}")
    return _key(row)


def _check(
    name: str, roles: tuple[Role, ...], expires_at: datetime | None, contractor_id: UUID | None, now: datetime
) -> None:
    problems: dict[str, str] = {}
    if not name.strip():
        problems["name"] = "must say what the key is for"
    if not roles or set(roles) - set(ROLES):
        problems["roles"] = f"must be one or more of {', '.join(ROLES)}"
    if "contractor" in roles and contractor_id is None:
        problems["contractor_id"] = "must name the company of a contractor's key"
    if expires_at is not None and expires_at <= now:
        problems["expires_at"] = "must lie ahead"
    if problems:
        field, wrong = next(iter(problems.items()))
        raise InvalidInput(f"{field}: {wrong}", details=dict(problems))


def _hash(plain: str) -> str:
    return hashlib.sha256(plain.encode()).hexdigest()


def _key(row: dict[str, Any]) -> ApiKey:
    return ApiKey(
        id=row["id"],
        name=row["name"],
        prefix=row["prefix"],
        roles=tuple(row["roles"]),
        user_id=row["user_id"],
        contractor_id=row["contractor_id"],
        created_at=row["created_at"],
        created_by=row["created_by"],
        expires_at=row["expires_at"],
        revoked_at=row["revoked_at"],
        last_used_at=row["last_used_at"],
    )
