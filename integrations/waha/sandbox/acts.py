"""What people do at their phones and WhatsApp does to us, as calls: each whole under the sandbox's lock."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

from integrations.sandboxes import BadRequest
from integrations.waha.sandbox import identifiers, replies
from integrations.waha.sandbox.chats import DEVICE, Media, Message
from integrations.waha.sandbox.core import WahaCore
from integrations.waha.sandbox.sessions import Session, Status

Given = ParamSpec("Given")
Result = TypeVar("Result")
Owner = TypeVar("Owner", bound=WahaCore)


def _whole(act: Callable[Concatenate[Owner, Given], Result]) -> Callable[Concatenate[Owner, Given], Result]:
    @wraps(act)
    def locked(self: Owner, /, *args: Given.args, **kwargs: Given.kwargs) -> Result:
        with self.lock:
            return act(self, *args, **kwargs)

    return locked


class Acts(WahaCore):
    """Safe from any thread. `session` is a session's name; None: the first. Raises BadRequest for what is not there."""

    @_whole
    def inbound(
        self,
        sender: str,
        text: str = "",
        *,
        hidden: bool = False,
        media: Media | None = None,
        group: str | None = None,
        name: str | None = None,
        session: str | None = None,
    ) -> Message:
        """Let a person (a phone number or chat id) write to us, or into a group; told of when the session works."""
        found = self._named(session)
        person = identifiers.outer(sender) if "@" in sender else identifiers.digits(sender) + identifiers.PERSON
        shown = self.people.hidden_of(person) if hidden else person
        message = self.chats.add(
            session=found.name,
            chat_id=group or self.people.chat_of(shown),
            stanza=identifiers.new_app_stanza(),
            from_me=False,
            body=text,
            at=self.now(),
            addressed=group or shown,
            source="app",
            participant=shown if group else None,
            media=media,
            name=name,
            ack=DEVICE,
        )
        self.sessions.when_working(found, lambda: self._tell_inbound(found, message))
        return message

    def _tell_inbound(self, session: Session, message: Message) -> None:
        told = [message]
        if self.switches.told_in_both_forms:
            known = identifiers.is_hidden(message.addressed)
            other = self.people.chat_of(message.addressed) if known else self.people.hidden_of(message.addressed)
            told.append(replace(message, addressed=other))
        for one in told:
            payload = replies.message(one, session, self.switches, media=self.media_of(one))
            for event in ("message", "message.any"):
                self.emit(session, event, payload, stanza=message.stanza)

    @_whole
    def typed(self, chat_id: str, text: str, *, session: str | None = None) -> Message:
        """Let a person at our own phone write a message: it is ours, but not through WAHA."""
        found = self._named(session)
        message = self.chats.add(
            session=found.name,
            chat_id=self.people.chat_of(chat_id),
            stanza=identifiers.new_app_stanza(),
            from_me=True,
            body=text,
            at=self.now(),
            addressed=chat_id,
            source="app",
        )
        self.release(found, message)
        return message

    @_whole
    def acknowledge(
        self,
        message: str,
        level: int,
        *,
        chat_id: str | None = None,
        hidden: bool = False,
        participant: str | None = None,
        times: int = 1,
        error: replies.Json | None = None,
        session: str | None = None,
    ) -> None:
        """Let a message (a full or bare id) reach a level, and tell of it; one that nobody knows is only told of.

        Of such a one `chat_id` must be given.
        """
        owner = self._named(session)
        found = self.chats.find(owner.name, message)
        place = chat_id or (found and found.addressed)
        if not place:
            raise BadRequest("of a message that is not known, chat_id must be given")
        if found:
            self.chats.acknowledge(found, level, self.now())
        stanza = identifiers.stanza_of(message)
        for _ in range(times):
            self.tell_level(owner, place, stanza, level, hidden=hidden, participant=participant, error=error)

    @_whole
    def put_session(
        self,
        name: str | None = None,
        *,
        status: Status | None = None,
        paired: bool | None = None,
        dead: bool | None = None,
        broken: bool | None = None,
    ) -> Session:
        """Put a session into a state: a status, paired or not, dead (WORKING, and nothing happens), broken."""
        session = self._named(name)
        session.dead = session.dead if dead is None else dead
        session.broken = session.broken if broken is None else broken
        if paired:
            self.sessions.scan(session)
        elif paired is False:
            self.sessions.log_out(session)
        if status:
            self.sessions.move(session, status)
        return session

    @_whole
    def restrict(self, name: str, data: replies.Json, *, session: str | None = None) -> None:
        """Put a restriction on a session's account, or lift it, and tell: `reachoutTimelock` or `messageCapping`."""
        found = self._named(session)
        found.restrictions[name] = data
        self.tell_session(found, {name: data})

    @_whole
    def restart(self) -> None:
        """Let the whole of WAHA start anew."""
        self.restart_server()

    @_whole
    def tell_again(self, envelope_id: str) -> None:
        """Send an event that was sent once more: the same bytes to every receiver that wants such events."""
        told = self.envelopes.get(envelope_id)
        if told is None:
            raise BadRequest("no such event was told")
        hooks = {hook.url: hook for session in self.sessions.known.values() for hook in self.hooks_of(session)}
        for hook in hooks.values():
            if hook.wants(told.event):
                values: dict[str, Any] = {"event": told.event, "stanza": told.stanza, "body": told.body}
                self.sender.send(hook, envelope_id=envelope_id, **values)

    def _named(self, name: str | None) -> Session:
        name = name or next(iter(self.sessions.known), "")
        if name not in self.sessions.known:
            raise BadRequest(f"no session is called {name!r}")
        return self.sessions.known[name]
