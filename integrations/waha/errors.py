"""What WAHA refuses in ways of its own, and how an answer becomes an error.

What matters is whether a message may have left. An engine's error says "usually not", which is no proof: it counts as
unknown, except where the engine names a refusal that comes before anything leaves.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from integrations.outside import (
    NotAllowed,
    NotSignedIn,
    NotThere,
    OutsideError,
    Refused,
    ServerFailed,
    TooManyRequests,
)

LONGEST_QUOTE = 300
_ENGINE_CODE = re.compile(r"server returned error (\d{3})\b")
_NO_LID = "No LID for user"
_TAG = re.compile(r"<[^>]*>")


class SessionNotWorking(OutsideError):
    """The session exists and is not ready (422): nothing was sent. `session_status` is what it is in, if said."""

    code = "WAHA_SESSION_NOT_WORKING"

    def __init__(self, message: str, session_status: str | None, *, status: int | None = None) -> None:
        super().__init__("waha", message, status=status)
        self.session_status = session_status


class ContactsHeld(OutsideError):
    """WhatsApp lets this account write to nobody new for now: nothing was sent, and trying again makes it worse.

    `until` is when it ends, if the answer said so.
    """

    code = "WAHA_CONTACTS_HELD"

    def __init__(self, message: str, *, status: int | None = None, until: datetime | None = None) -> None:
        super().__init__("waha", message, status=status)
        self.until = until


class Timelocked(ContactsHeld):
    """The reach-out timelock (463)."""

    code = "WAHA_TIMELOCKED"


class Capped(ContactsHeld):
    """The quota of new contacts is used up (475)."""

    code = "WAHA_CAPPED"


class SessionBroken(ServerFailed):
    """Every send fails until the session is restarted (the engine's 400); this one may have left all the same."""

    code = "WAHA_SESSION_BROKEN"


class UnknownChat(OutsideError):
    """The engine does not know the chat by this id ("No LID for user"): nothing was sent; ask for the id anew."""

    code = "WAHA_UNKNOWN_CHAT"


def error_of(status: int, headers: Mapping[str, str], body: bytes, *, now: datetime) -> OutsideError:
    """Return what an answer that is no success means, as one of the types of `integrations.outside` or of this file."""
    said = _parsed(body)
    text = _message_of(said, body, status)
    if status == 422 and isinstance(said, dict) and "expected" in said and "status" in said:
        state = said["status"]
        return SessionNotWorking(text, state if isinstance(state, str) else None, status=status)
    if status >= 500:
        return _engine_error(status, text)
    if status == 429:
        return TooManyRequests("waha", text, status=status, retry_after=_retry_after(headers, now))
    types: dict[int, type[OutsideError]] = {401: NotSignedIn, 403: NotAllowed, 404: NotThere}
    # An answer that is neither success nor refusal, such as a redirect to a proxy's page, is no answer of WAHA's.
    otherwise = Refused if 400 <= status < 500 else ServerFailed
    return types.get(status, otherwise)("waha", text, status=status)


def _engine_error(status: int, text: str) -> OutsideError:
    found = _ENGINE_CODE.search(text)
    match found.group(1) if found else None:
        case "463":
            return Timelocked(text, status=status)
        case "475":
            return Capped(text, status=status)
        case "429":
            return TooManyRequests("waha", text, status=status)
        case "400":
            return SessionBroken("waha", text, status=status)
    if _NO_LID in text:
        return UnknownChat("waha", text, status=status)
    return ServerFailed("waha", text, status=status)


def _parsed(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return None


def _message_of(said: Any, body: bytes, status: int) -> str:
    """The words of an error, wherever the answer has them; of a page that is none of WAHA's, those it shows."""
    said = said if isinstance(said, dict) else {}
    exception = said.get("exception")
    places = (exception.get("message") if isinstance(exception, dict) else None, said.get("error"), said.get("message"))
    words = list(dict.fromkeys(_text(place) for place in places if place))
    text = ": ".join(words) or _shown_by(body) or "no words"
    return f"WAHA answered {status}: {text[:LONGEST_QUOTE]}"


def _shown_by(page: bytes) -> str:
    return " ".join(_TAG.sub(" ", page.decode("utf-8", "replace")).split())


def _text(value: Any) -> str:
    return "; ".join(map(str, value)) if isinstance(value, list) else str(value)


def _retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """How many seconds the answer asks for: given as seconds or as a date."""
    value = headers.get("retry-after", "").strip()
    if value.isdecimal():
        return float(value)
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max((moment - now).total_seconds(), 0.0)
