"""What is to be done about a session of the gateway: wait, restart it once, or call for a person. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

WORKING = "WORKING"
FAILED = "FAILED"
STOPPED = "STOPPED"
STARTING = "STARTING"
# Only somebody with the telephone in hand can go on from here.
NEEDS_A_PERSON = frozenset({"SCAN_QR_CODE", "PASSKEY_REQUIRED", "PASSKEY_CONFIRMATION_REQUIRED"})

# A session blips as it reconnects: every half hour on one engine. Longer is no blip.
STARTS_WITHIN = timedelta(minutes=5)
# How long a restart has to show that it helped before somebody is called.
RESTARTS_WITHIN = timedelta(minutes=5)
# A session that worked for so long has got over its trouble: the next trouble may be met by a restart again.
RECOVERED_AFTER = timedelta(minutes=30)
# Messages that the gateway took and nobody confirmed for so long, and none confirmed since: it only seems to work.
SILENT_AFTER = timedelta(minutes=10)
# How long contacts that are new are left alone when WhatsApp does not say until when.
HELD_FOR = timedelta(hours=6)
# How long nobody at all is written to after WhatsApp held the account back.
PAUSED_FOR = timedelta(minutes=15)
# How soon to ask again whether a session works.
ASK_AGAIN = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class Keep:
    """Leave the session as it is."""


@dataclass(frozen=True, slots=True)
class Restart:
    """Restart it, once."""

    reason: str


@dataclass(frozen=True, slots=True)
class Alarm:
    """Send nothing more over it until it works again, and call for a person."""

    reason: str


@dataclass(frozen=True, slots=True)
class Traffic:
    """How many messages wait too long for a first confirmation, and when anything was last confirmed."""

    overdue: int
    last_confirmed_at: datetime | None


Remedy = Keep | Restart | Alarm


def remedy_of(session: Mapping[str, Any], traffic: Traffic, now: datetime) -> Remedy:
    """Return what is to be done about a session (a row of `waha_sessions`), given what its messages came to."""
    trouble = _trouble(session, traffic, now)
    if trouble is None:
        return Keep()
    if session["status"] in NEEDS_A_PERSON:
        return Alarm(trouble)
    restarted_at = session["restarted_at"]
    if restarted_at is None or _had_recovered(session, now):
        return Restart(trouble)
    if now - restarted_at < RESTARTS_WITHIN:
        return Keep()
    return Alarm(f"{trouble}; a restart did not help")


def _trouble(session: Mapping[str, Any], traffic: Traffic, now: datetime) -> str | None:
    """Return what is wrong with a session; None if nothing is, or if it may yet come right by itself."""
    status = session["status"]
    if status == WORKING:
        if session["restart_wanted"] is not None and not _sends(session, traffic):
            return str(session["restart_wanted"])
        return _silence(session, traffic, now)
    if status in NEEDS_A_PERSON:
        return f"the session is {status}: somebody has to pair it with the telephone"
    if status in (FAILED, STOPPED):
        return f"the session is {status}"
    if now - session["status_at"] >= STARTS_WITHIN:
        return f"the session has been {status} for {int((now - session['status_at']).total_seconds() // 60)} minutes"
    return None


def _sends(session: Mapping[str, Any], traffic: Traffic) -> bool:
    """Whether anything was confirmed since a send showed last that the session is broken."""
    confirmed = traffic.last_confirmed_at
    return confirmed is not None and confirmed > session["restart_wanted_at"]


def _silence(session: Mapping[str, Any], traffic: Traffic, now: datetime) -> str | None:
    """A session that calls itself working although nothing goes through. A restricted account is no dead session."""
    held_until = session["new_contacts_held_until"]
    is_held = held_until is not None and held_until > now
    since = max(filter(None, (session["working_since"], session["restarted_at"], traffic.last_confirmed_at)))
    if is_held or traffic.overdue == 0 or now - since < SILENT_AFTER:
        return None
    return f"the session says that it works, but {traffic.overdue} messages wait for a confirmation"


def _had_recovered(session: Mapping[str, Any], now: datetime) -> bool:
    """Whether the session worked long enough after its last restart for a new trouble to be one of its own."""
    worked_from, restarted_at = session["working_since"], session["restarted_at"]
    if worked_from is None or worked_from < restarted_at:
        return False
    worked_until = now if session["status"] == WORKING else session["status_at"]
    return bool(worked_until - worked_from >= RECOVERED_AFTER)


@dataclass(frozen=True, slots=True)
class Blocked:
    """Nothing may be sent over the session before `until` (aware)."""

    until: datetime
    reason: str


def blocked(session: Mapping[str, Any], *, is_new_contact: bool, now: datetime) -> Blocked | None:
    """Return what keeps a notice back, if anything does. A session that nobody has seen yet keeps nothing back."""
    if session["alarm"] is not None:
        return Blocked(now + ASK_AGAIN, f"held: {session['alarm']}")
    if session["status"] not in (None, WORKING):
        return Blocked(now + ASK_AGAIN, f"the session is {session['status']}")
    if session["paused_until"] is not None and session["paused_until"] > now:
        return Blocked(session["paused_until"], session["pause_reason"])
    held_until = session["new_contacts_held_until"]
    if is_new_contact and held_until is not None and held_until > now:
        return Blocked(held_until, session["new_contacts_reason"])
    return None


def is_steady(session: Mapping[str, Any], now: datetime, settled_after: timedelta) -> bool:
    """Whether the session has worked for a while: only then does a chat without the message mean anything."""
    since = session["working_since"]
    return session["status"] == WORKING and since is not None and now - since >= settled_after
