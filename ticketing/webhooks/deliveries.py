"""What a signed body says of itself, as pure rules: which event, about what, when, and what its repeats share.

The rest of a body is read by the job that works on it. A signature does not make an old message new: what was said too
long ago is refused, unless it is a repeat of what we have.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any, Final, Literal

from ticketing.errors import InvalidInput

Source = Literal["qcontact", "waha"]

# QContact sends once. WAHA tries fifteen times, at worst with the wait doubled each time from 2 s and a fifth of it at
# chance: its last try comes less than 22 hours after the first.
MOST_AGE: Final[Mapping[Source, timedelta]] = MappingProxyType(
    {"qcontact": timedelta(minutes=5), "waha": timedelta(hours=24)}
)
CLOCKS_DIFFER: Final = timedelta(minutes=5)

_WORD = re.compile(r"[A-Za-z0-9_.:-]{1,100}")
_CASE_ID = re.compile(r"[0-9]{1,19}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """An event as its sender describes it; `key` is what its repeats share, `subject` the case or the session."""

    source: Source
    event: str
    subject: str
    key: str
    said_at: datetime

    def is_fresh(self, now: datetime) -> bool:
        """Whether it was said recently enough to be believed."""
        return now - MOST_AGE[self.source] <= self.said_at <= now + CLOCKS_DIFFER


def read_qcontact(body: bytes) -> Delivery:
    """Read an event of QContact. Raises InvalidInput naming what is missing; it knows no event ids, so the whole body
    stands for the event."""
    envelope = load(body)
    case_id = envelope.get("ticket_id")
    if not _CASE_ID.fullmatch(str(case_id)) or isinstance(case_id, bool):
        raise _invalid("ticket_id", "must be the number of a case")
    return Delivery(
        source="qcontact",
        event=_word(envelope, "event"),
        subject=str(case_id),
        key=hashlib.sha256(body).hexdigest(),
        said_at=_iso_time(envelope.get("timestamp")),
    )


def read_waha(body: bytes) -> Delivery:
    """Read an event of WAHA. Raises InvalidInput naming what is missing. Repeats of an event share its id."""
    envelope = load(body)
    given = envelope.get("id")
    known = isinstance(given, str) and _WORD.fullmatch(given)
    return Delivery(
        source="waha",
        event=_word(envelope, "event"),
        subject=_word(envelope, "session"),
        key=str(given) if known else hashlib.sha256(body).hexdigest(),
        said_at=_unix_time(envelope),
    )


def load(body: bytes) -> dict[str, Any]:
    """Return the JSON object that a body holds. Raises InvalidInput for anything else."""
    try:
        envelope = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise InvalidInput("Invalid JSON payload", details={"body": "must be a JSON object"}) from error
    if not isinstance(envelope, dict):
        raise InvalidInput("Invalid JSON payload: not an object", details={"body": "must be a JSON object"})
    return envelope


def _word(envelope: Mapping[str, Any], field: str) -> str:
    value = envelope.get(field)
    if not isinstance(value, str) or not _WORD.fullmatch(value):
        raise _invalid(field, "must be a word")
    return value


def _iso_time(value: Any) -> datetime:
    try:
        time = datetime.fromisoformat(value)
    except (TypeError, ValueError) as error:
        raise _invalid("timestamp", "must be a time in ISO-8601") from error
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def _unix_time(envelope: Mapping[str, Any]) -> datetime:
    """Return when WAHA says that it happened: milliseconds; of older builds the seconds of the message itself."""
    payload = envelope.get("payload")
    message_time = payload.get("timestamp") if isinstance(payload, dict) else None
    for value, unit in ((envelope.get("timestamp"), 1_000), (message_time, 1)):
        if isinstance(value, int | float) and not isinstance(value, bool):
            try:
                return datetime.fromtimestamp(value / unit, UTC)
            except (ValueError, OverflowError, OSError) as error:
                raise _invalid("timestamp", "must be a Unix time") from error
    raise _invalid("timestamp", "must be a Unix time in milliseconds")


def _invalid(field: str, problem: str) -> InvalidInput:
    return InvalidInput(f"Invalid payload: {field} {problem}", details={field: problem})
