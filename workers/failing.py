"""What becomes of an attempt that failed: another try later, or the end of the job."""

from __future__ import annotations

import traceback
from datetime import datetime
from typing import Any

import psycopg

from jobs.failures import place_of
from jobs.ledger import Claim, Settlement
from jobs.outcomes import Discard, JobTimedOut
from jobs.registry import Kind
from jobs.storable import storable
from runtime.logging import mask_text
from sql.errors import is_outage

MAX_MESSAGE = 2_000
MAX_TRACE = 20_000


def failed(
    kind: Kind[Any], claim: Claim, error: BaseException, *, started_at: datetime | None, now: datetime
) -> Settlement:
    """Return the settlement of an attempt that an error ended.

    It counts as one of the attempts that the kind allows, unless the database was away or undid it for another's sake.
    """
    burned = not (is_outage(error) or isinstance(error, psycopg.errors.TransactionRollback))
    final = isinstance(error, Discard) or (burned and claim.attempt >= claim.max_attempts)
    return Settlement(
        claim=claim,
        state="discarded" if final else "retryable",
        outcome="discarded" if final else "failed",
        started_at=started_at,
        finished_at=now,
        scheduled_at=None if final else now + kind.backoff.delay(claim.attempt),
        burned=burned,
        error_class=type(error).__name__,
        error_message=storable(mask_text(_text_of(error)))[:MAX_MESSAGE],
        error_trace=storable(mask_text("".join(traceback.format_exception(error))))[-MAX_TRACE:],
        # Time runs out anywhere: where it did tells nothing.
        error_place=None if isinstance(error, JobTimedOut) else place_of(error, kind.body.__module__),
    )


def out_of_time(kind: Kind[Any]) -> JobTimedOut:
    """Return the error of an attempt that ran past the time limit of its kind."""
    return JobTimedOut(f"ran longer than {kind.time_limit:g} s")


def _text_of(error: BaseException) -> str:
    try:
        return str(error) or type(error).__name__
    except Exception:  # noqa: BLE001 - an error that cannot even say what it is must be settled all the same
        return f"{type(error).__name__}, whose message cannot be shown"
