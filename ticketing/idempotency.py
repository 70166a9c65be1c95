"""Idempotency keys: which requests were done already, and what was answered."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import psycopg

from runtime.errors import FibreflowError
from sql.database import Connection, queries
from ticketing.events import UnitOfWork

WAIT = "10s"
KEPT_FOR = timedelta(hours=48)


class KeyReused(FibreflowError):
    """An idempotency key came back with another request."""

    code = "IDEMPOTENCY_KEY_REUSED"


class InProgress(FibreflowError):
    """The first request with this key is still being worked on."""

    code = "IDEMPOTENCY_IN_PROGRESS"


@dataclass(frozen=True, slots=True)
class StoredAnswer:
    """What was answered the first time: the HTTP status and the JSON document, to the byte."""

    status: int
    body: str


def claim(work: UnitOfWork, principal: str, key: str, fingerprint: str) -> StoredAnswer | None:
    """Take the key for this unit of work; None means that the work is to be done, and `store` called.

    `principal` is whose key it is (two callers' keys never meet), `fingerprint` tells requests apart. Waits for a unit
    of work that holds the key; raises InProgress when that takes too long, KeyReused when the key belonged to another
    request.
    """
    named = queries("idempotency")
    try:
        taken = named.claim_key(
            work.connection, actor_key=principal, key=key, fingerprint=fingerprint, wait=WAIT, created_at=work.now
        )
    except psycopg.errors.LockNotAvailable as error:
        raise InProgress("The first request with this idempotency key is still being worked on; try again") from error
    if taken is not None:
        return None
    row = named.get_key(work.connection, actor_key=principal, key=key)
    if row["request_fingerprint"] != fingerprint:
        raise KeyReused("This idempotency key was used for another request; draw a new one for each")
    return StoredAnswer(row["response_status"], row["response_text"])


def store(work: UnitOfWork, principal: str, key: str, status: int, body: str) -> None:
    """Keep the answer with the key; it commits together with the unit of work."""
    queries("idempotency").store_answer(work.connection, actor_key=principal, key=key, status=status, body=body)


def forget(connection: Connection, now: datetime, how_many: int = 10_000) -> int:
    """Forget the keys that are older than `KEPT_FOR`, at most `how_many`; returns how many were forgotten."""
    forgotten: int = queries("idempotency").forget_keys(connection, before=now - KEPT_FOR, how_many=how_many)
    return forgotten
