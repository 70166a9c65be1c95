"""What happens in the sandbox: messages leave or do not, levels are reached, people write, and events tell of it."""

from __future__ import annotations

import time
from collections import OrderedDict
from datetime import timedelta
from functools import partial
from random import Random
from typing import Any, NamedTuple

from integrations.sandboxes import Answer, Sandbox
from integrations.waha.sandbox import acknowledgements, identifiers, replies
from integrations.waha.sandbox.acknowledgements import Planned
from integrations.waha.sandbox.chats import DEVICE, ERROR, PENDING, SERVER, Chats, Message
from integrations.waha.sandbox.fates import LOST, Fates
from integrations.waha.sandbox.hooks import Hook, written
from integrations.waha.sandbox.people import People
from integrations.waha.sandbox.sender import HookSender
from integrations.waha.sandbox.sessions import Session, Sessions
from integrations.waha.sandbox.switches import WahaSwitches
from integrations.waha.sandbox.timetable import Action, Timetable
from runtime.clock import Clock

# How long after a send its first event comes: later than the answer, unless it is to come earlier.
BREATH = 0.02
ENVELOPES = 50_000


class Rejected(Exception):
    """WAHA refuses the request, with this answer."""

    def __init__(self, status: int, body: Any) -> None:
        super().__init__(f"{status} {body}")
        self.answer = Answer(status, body)


class Told(NamedTuple):
    """An event that was sent: what it was called, of which message it told, and its bytes."""

    event: str
    stanza: str | None
    body: bytes


class WahaCore(Sandbox):
    """The state behind the addresses. Everything that changes it holds `lock`; see `WahaSandbox` for the whole."""

    name = "waha"
    switches_type = WahaSwitches
    switches: WahaSwitches

    def __init__(
        self,
        *,
        api_key: str | None = "sandbox-key",
        hook: Hook | None = None,
        session: str = "default",
        host: str = "127.0.0.1",
        port: int = 0,
        seed: int = 0,
        clock: Clock | None = None,
    ) -> None:
        super().__init__(host=host, port=port, seed=seed, clock=clock)
        self.api_key = api_key
        self.open_paths: frozenset[str] = frozenset()
        self.hook = hook
        self.seed = seed
        self.chats, self.people, self.fates = Chats(), People(), Fates(seed)
        self.timetable = Timetable("waha-timetable")
        self.sender = HookSender(self.timetable, lambda: self.switches, self.clock, seed)
        self.sessions = Sessions(
            self.timetable,
            switches=lambda: self.switches,
            now=self.now,
            told=self.tell_session,
            under_lock=self._under_lock,
        )
        self.envelopes: OrderedDict[str, Told] = OrderedDict()
        self._envelope_ids = identifiers.EnvelopeIds()
        self.started_at = self.now()
        self.sessions.move(self.sessions.add(Session(session)), "WORKING")

    @property
    def settings_values(self) -> dict[str, Any]:
        """The values of the settings that point an installation here, by their names."""
        return {
            "waha_url": self.url,
            "waha_api_key": self.api_key,
            "waha_session": next(iter(self.sessions.known)),
            "waha_webhook_secret": self.hook and self.hook.key,
        }

    def started(self) -> None:
        """Begin to do things by itself."""
        self.sender.start()
        self.timetable.start()

    def stopping(self) -> None:
        """End what it does by itself."""
        self.timetable.stop()
        self.sender.stop()

    def _under_lock(self, action: Action) -> None:
        with self.lock:
            action()

    def milliseconds(self) -> int:
        """Return the present as Unix milliseconds."""
        return int(self.now().timestamp() * 1000)

    def session(self, name: str, *, missing: int = 404) -> Session:
        """Return a session by its name. Raises Rejected with the status `missing` where there is none."""
        if name not in self.sessions.known:
            raise Rejected(missing, replies.error(missing, f"Session '{name}' not found"))
        return self.sessions.known[name]

    def working(self, name: str) -> Session:
        """Return a session that works. Raises Rejected for any other."""
        session = self.session(name, missing=self.switches.unknown_session_status)
        if session.status != "WORKING":
            raise Rejected(422, replies.not_ready(session))
        return session

    def emit(self, session: Session, event: str, payload: replies.Json, *, stanza: str | None = None) -> int:
        """Send an event to everybody who wants it; return how many do. A dead session tells nothing."""
        if session.dead or not self.sender.is_open:
            return 0
        hooks = [hook for hook in self.hooks_of(session) if hook.wants(event)]
        moment = self.milliseconds()
        envelope_id = self._envelope_ids.new(moment)
        envelope = replies.envelope(
            event, payload, envelope_id=envelope_id, milliseconds=moment, session=session, switches=self.switches
        )
        if self.switches.bare_envelopes:
            envelope = {key: value for key, value in envelope.items() if key not in ("id", "timestamp")}
        told = self.envelopes[envelope_id] = Told(event, stanza, written(envelope))
        if len(self.envelopes) > ENVELOPES:
            self.envelopes.popitem(last=False)
        for hook in hooks:
            self.sender.send(hook, envelope_id=envelope_id, event=event, stanza=stanza, body=told.body)
        return len(hooks)

    def hooks_of(self, session: Session) -> list[Hook]:
        """Return who is told of what happens to a session: the receiver of all, and its own."""
        return [hook for hook in (self.hook, *session.hooks) if hook]

    def tell_session(self, session: Session, data: replies.Json | None = None) -> None:
        """Tell of a session's state, or in `data` of what befell its account."""
        self.emit(session, "session.status", replies.session_state(session, data))

    def restart_server(self) -> None:
        """Let the whole of WAHA start anew: sessions that worked are away for a while, the start's time changes."""
        # Another moment than before, even by a clock that stands still: by it callers know.
        self.started_at = max(self.now(), self.started_at + timedelta(milliseconds=1))
        for session in self.sessions.known.values():
            if session.status != "STOPPED":
                session.dead = session.broken = False
                self.sessions.move(session, "STARTING")

    @property
    def pending(self) -> int:
        """How much is still to come by itself: levels, events not yet taken, what waits for a session."""
        waiting = sum(len(session.backlog) for session in self.sessions.known.values())
        # In this order: what is due next may bring new events, an event brings nothing that is due.
        return self.timetable.awaited + self.sender.pending + waiting

    def settle(self, within: float = 30.0) -> bool:
        """Wait until nothing is to come by itself any more; tell whether that came to pass in so many seconds."""
        until = time.monotonic() + within
        while self.pending:
            if time.monotonic() > until:
                return False
            self.closing.wait(0.01)
        return True

    # -- our messages

    def release(self, session: Session, message: Message) -> int:
        """Let a message that was accepted go its way; return how many events were told of at once.

        What becomes of it follows from its fate and from chance, which starts from the seed and its number.
        """
        if session.dead:
            return 0
        if message.fate in LOST and message.fate != "refused_later":
            if message.fate == "unacknowledged" and self.switches.engine != "GOWS":
                self._after(BREATH, session, lambda: self._tell_message(session, message, PENDING))
            return 0
        planned = self._planned(message)
        if message.fate == "early_acks":
            return self._at_once(session, message, planned)
        self._in_time(session, message, planned)
        return 0

    def _planned(self, message: Message) -> list[Planned]:
        group = identifiers.is_group(message.chat_id)
        if message.fate == "refused_later":
            return [Planned(ERROR, 0.0, 0.0)]
        if not self.switches.acks_automatic:
            return [Planned(SERVER, 0.0, None)]
        chance = Random(f"acks {self.seed} {message.number}")  # noqa: S311 - the same again for the same seed
        return acknowledgements.plan(self.switches, chance, group=group)

    def _at_once(self, session: Session, message: Message, planned: list[Planned]) -> int:
        """Tell of the server and the device before the answer, of the rest in time."""
        told = self._tell_message(session, message, self._first_level())
        for one in planned:
            if one.level in (SERVER, DEVICE):
                self._reach(message, one.level)
                told += self._tell_planned(session, message, one) if one.told_after is not None else 0
        self._in_time(session, message, [one for one in planned if one.level not in (SERVER, DEVICE)], own=False)
        return told

    def _in_time(self, session: Session, message: Message, planned: list[Planned], *, own: bool = True) -> None:
        """Let levels be reached and told of when they are due; what is reached at once is true before the answer."""
        if own:
            first = planned[0].after if planned and self.switches.engine == "GOWS" else 0.0
            self._after(max(first, BREATH), session, lambda: self._tell_message(session, message, self._first_level()))
        for one in planned:
            if one.after == 0:
                self._reach(message, one.level)
            else:
                self._after(one.after, session, partial(self._reach, message, one.level))
            if one.told_after is not None:
                wait = max(one.told_after, 2 * BREATH)
                self._after(wait, session, partial(self._tell_planned, session, message, one))

    def _after(self, seconds: float, session: Session, action: Action) -> None:
        """Do something later, or as soon after as the session works."""
        self.timetable.after(seconds, lambda: self._under_lock(lambda: self.sessions.when_working(session, action)))

    def _reach(self, message: Message, level: int) -> None:
        self.chats.acknowledge(message, level, self.now())

    def _first_level(self) -> int:
        """What our own `message.any` says: GOWS tells when the server has it, the others before."""
        return SERVER if self.switches.engine == "GOWS" else PENDING

    def _tell_message(self, session: Session, message: Message, level: int) -> int:
        payload = replies.message(message, session, self.switches, ack=level, media=self.media_of(message))
        return self.emit(session, "message.any", payload, stanza=message.stanza)

    def _tell_planned(self, session: Session, message: Message, planned: Planned) -> int:
        return sum(
            self.tell_level(session, message.addressed, message.stanza, planned.level, hidden=planned.hidden)
            for _ in range(planned.times)
        )

    def tell_level(
        self,
        session: Session,
        chat_id: str,
        stanza: str,
        level: int,
        *,
        hidden: bool = False,
        participant: str | None = None,
        error: replies.Json | None = None,
    ) -> int:
        """Tell of a level, of a group for each member; the message need not be known. Returns how many were told.

        `error` is what newer builds add to an ERROR: code, blocked, reason, until.
        """
        more = {"error": error} if error else {}
        if not identifiers.is_group(chat_id):
            place = self.people.hidden_of(chat_id) if hidden else chat_id
            payload = replies.acknowledgement(place, stanza, level) | more
            return self.emit(session, "message.ack", payload, stanza=stanza)
        members = [participant] if participant else self.people.members(chat_id)
        told = 0
        for member in members:
            payload = replies.acknowledgement(chat_id, stanza, level, participant=member) | more
            told += self.emit(session, self.switches.group_ack_event, payload, stanza=stanza)
        return told

    # -- files

    def media_of(self, message: Message, *, asked: bool = False) -> replies.Json | None:
        """Return what is told of a message's file; its address if `media_urls` lets it, or if it is asked for."""
        if message.media is None:
            return None
        address = f"{self.switches.media_base_url or self.url}/api/files/{message.session}/{self.file_name(message)}"
        return {
            "url": address if asked or self.switches.media_urls else None,
            "mimetype": message.media.mimetype,
            "filename": message.media.filename,
            "error": None,
        }

    def file_name(self, message: Message) -> str:
        """Return under which name a message's file is kept."""
        kind = message.media.mimetype.partition("/")[2].partition(";")[0] if message.media else ""
        return f"{message.id}.{kind or 'bin'}"
