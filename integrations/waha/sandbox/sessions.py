"""Sessions: the pairings with a phone, their states, and how one follows another."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from integrations.waha.sandbox import identifiers
from integrations.waha.sandbox.hooks import Hook
from integrations.waha.sandbox.switches import WahaSwitches
from integrations.waha.sandbox.timetable import Action, Timetable

Status = Literal[
    "STOPPED",
    "STARTING",
    "SCAN_QR_CODE",
    "PASSKEY_REQUIRED",
    "PASSKEY_CONFIRMATION_REQUIRED",
    "WORKING",
    "FAILED",
]
# How many states an event tells of, the newest last.
HISTORY = 3
OWN_PHONE = "27600000001"


@dataclass(slots=True)
class Session:
    """One session. A dead one says WORKING and nothing goes out or comes in; a broken one fails until it is restarted.

    `generation` grows with every state, so that a move that was meant for an older one is left out. `backlog` holds
    what WhatsApp has for it as soon as it works again. `restrictions` are those of its account.
    """

    name: str
    status: Status = "STOPPED"
    paired: bool = True
    dead: bool = False
    broken: bool = False
    phone: str = OWN_PHONE
    push_name: str = "Example NOC"
    config: dict[str, Any] = field(default_factory=dict)
    hooks: tuple[Hook, ...] = ()
    statuses: list[dict[str, Any]] = field(default_factory=list)
    restrictions: dict[str, dict[str, Any]] = field(default_factory=dict)
    backlog: list[Action] = field(default_factory=list)
    generation: int = 0

    @property
    def chat_id(self) -> str:
        """The chat id of the phone that it is paired with."""
        return self.phone + identifiers.PERSON

    def restricted(self, name: str) -> bool:
        """Tell whether a restriction of the account is active."""
        found = self.restrictions.get(name, {})
        return bool(found.get("isActive") or found.get("cappingStatus") == "CAPPED")


class Sessions:
    """The moves of sessions. The caller holds the sandbox's lock; moves by time take it by `under_lock`.

    `told` is called after each change of state.
    """

    def __init__(
        self,
        timetable: Timetable,
        *,
        switches: Callable[[], WahaSwitches],
        now: Callable[[], datetime],
        told: Callable[[Session], None],
        under_lock: Callable[[Action], None],
    ) -> None:
        self._timetable = timetable
        self._switches = switches
        self._now = now
        self._told = told
        self._under_lock = under_lock
        self.known: dict[str, Session] = {}

    def add(self, session: Session) -> Session:
        """Keep a new session."""
        self.known[session.name] = session
        return session

    def move(self, session: Session, status: Status) -> None:
        """Put a session into a state, tell of it, and let follow what follows by itself."""
        if session.status == status and session.statuses:
            return
        session.status = status
        session.generation += 1
        moment = int(self._now().timestamp() * 1000)
        session.statuses = [*session.statuses, {"status": status, "timestamp": moment}][-HISTORY:]
        self._told(session)
        if status == "STARTING":
            then: Status = "WORKING" if session.paired else "SCAN_QR_CODE"
            self._later(session, self._switches().starting_seconds, then)
        elif status == "SCAN_QR_CODE":
            self._later(session, self._switches().qr_seconds, "FAILED", background=True)
        elif status == "WORKING":
            self._catch_up(session)

    def start(self, session: Session) -> None:
        """Start a session; one that runs stays as it is."""
        if session.status in ("STOPPED", "FAILED"):
            self.move(session, "STARTING")

    def stop(self, session: Session) -> None:
        """Stop a session; its pairing stays."""
        self.move(session, "STOPPED")

    def restart(self, session: Session) -> None:
        """Stop and start a session: a dead or broken one lives again."""
        session.dead = session.broken = False
        self.stop(session)
        self.start(session)

    def log_out(self, session: Session) -> None:
        """Undo the pairing: what ran before wants a person with the phone now."""
        session.paired = False
        self.stop(session)
        self.start(session)

    def scan(self, session: Session) -> None:
        """Pair a session that shows a code, as a person with the phone does."""
        session.paired = True
        if session.status == "SCAN_QR_CODE":
            self.move(session, "WORKING")

    def remove(self, session: Session) -> None:
        """Log a session out and forget it."""
        session.paired = False
        self.stop(session)
        del self.known[session.name]

    def when_working(self, session: Session, action: Action) -> None:
        """Do what WhatsApp does to a session: now, or when it works again."""
        if session.status == "WORKING" and not session.dead:
            action()
        else:
            session.backlog.append(action)

    def _later(self, session: Session, seconds: float, status: Status, *, background: bool = False) -> None:
        generation = session.generation

        def act() -> None:
            if session.generation == generation:
                self.move(session, status)

        self._timetable.after(seconds, lambda: self._under_lock(act), background=background)

    def _catch_up(self, session: Session) -> None:
        actions, session.backlog = session.backlog, []
        for action in actions:
            self.when_working(session, action)
