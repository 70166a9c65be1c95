"""The addresses that send: text, files, and what a person does before writing."""

from __future__ import annotations

import base64
import binascii
from typing import Any
from urllib.parse import urlsplit

from integrations.sandboxes import Answer, BadRequest, Request, route
from integrations.waha.sandbox import identifiers, replies
from integrations.waha.sandbox.chats import Media, Message
from integrations.waha.sandbox.core import Rejected, WahaCore
from integrations.waha.sandbox.fates import ENGINE_ERRORS, LOST
from integrations.waha.sandbox.sessions import Session

SEND_PATHS = frozenset({"/api/sendText", "/api/sendImage", "/api/sendFile", "/api/sendVideo", "/api/sendVoice"})
GESTURES = frozenset({"/api/sendSeen", "/api/startTyping", "/api/stopTyping"})


def fields(request: Request) -> dict[str, Any]:
    """Return a request's body as an object. Raises Rejected (400)."""
    try:
        return request.json_object()
    except BadRequest as error:
        raise Rejected(400, replies.error(400, str(error))) from error


class SendingRoutes(WahaCore):
    """What callers send, and how it is answered; a message's fate is chosen here."""

    @route("POST", "/api/sendText")
    def send_text(self, request: Request) -> Answer:
        """Send a text."""
        body = _checked(fields(request), ("text",))
        return self._send(request, body, body["text"], None)

    @route("POST", "/api/sendImage")
    @route("POST", "/api/sendFile")
    @route("POST", "/api/sendVideo")
    @route("POST", "/api/sendVoice")
    def send_file(self, request: Request) -> Answer:
        """Send a file with a caption."""
        body = _checked(fields(request), ())
        return self._send(request, body, body.get("caption") or "", _file(body.get("file")))

    @route("POST", "/api/sendSeen")
    @route("POST", "/api/startTyping")
    @route("POST", "/api/stopTyping")
    def gesture(self, request: Request) -> Answer:
        """Mark as seen, begin or cease to type."""
        self.working(_checked(fields(request), ())["session"])
        return Answer(201, {"result": True})

    @route("GET", "/api/<session>/new-message-id")
    def new_message_id(self, _request: Request, session: str) -> Answer:
        """Give out an id with which a message can be sent."""
        self.session(session)
        if not self.switches.given_ids:
            raise Rejected(404, replies.error(404, f"Cannot GET /api/{session}/new-message-id"))
        if self.switches.in_browser:
            raise Rejected(422, replies.error(422, f"Not supported by {self.switches.engine} engine"))
        return Answer(200, {"id": identifiers.new_stanza()})

    def _send(self, request: Request, body: dict[str, Any], text: str, media: Media | None) -> Answer:
        session = self.working(body["session"])
        addressed = identifiers.outer(body["chatId"])
        chat_id = self.people.chat_of(addressed)
        given = self._given(body)
        known = self.chats.find(session.name, given) if given else None
        if known and known.fate not in LOST and known.fate != "dead":
            # An id once used names one message: what is on its way already does not go out again.
            return self._answered(request, session, self.chats.change(known, calls=known.calls + 1), again=True)
        fate = request.facts["fate"] = self._fate(session, chat_id)
        self._refuse(request, session, fate)
        if fate == "restart_before":
            return self._cut(request)
        values = {"chat_id": chat_id, "addressed": addressed, "body": text, "media": media}
        values |= {"stanza": given or identifiers.new_stanza(), "reply_to": body.get("reply_to")}
        return self._let_go(request, session, self._written(session, known, fate, values))

    def _written(self, session: Session, known: Message | None, fate: str | None, values: dict[str, Any]) -> Message:
        """Keep a message, or try one again that did not leave."""
        fate = "dead" if session.dead else fate
        state = {"fate": fate, "withheld": fate == "vanished"}
        if known:
            return self.chats.change(known, calls=known.calls + 1, **state)
        return self.chats.add(session=session.name, from_me=True, at=self.now(), **values, **state)

    def _let_go(self, request: Request, session: Session, message: Message) -> Answer:
        request.facts["early"] = self.release(session, message)
        if message.fate == "doubled":
            self._double(session, message)
        if message.fate == "restart_after":
            request.facts["stanza"] = message.stanza
            return self._cut(request)
        if message.fate == "error_after":
            request.facts["stanza"] = message.stanza
            raise Rejected(500, self._engine_error(request, "Protocol error: the page was closed"))
        return self._answered(request, session, message)

    def _answered(self, request: Request, session: Session, message: Message, *, again: bool = False) -> Answer:
        request.facts.update(stanza=message.stanza, message=message.number, again=again)
        empty = message.fate == "empty" and not again
        return Answer(201, None if empty else replies.sent(message, session, self.switches))

    def _given(self, body: dict[str, Any]) -> str | None:
        """Return the id that the caller gave; engines that take none leave it unread."""
        given = body.get("id")
        if given is None or not self.switches.takes_ids:
            return None
        if not isinstance(given, str) or not identifiers.STANZA.match(given):
            raise Rejected(400, replies.error(400, ["id must be a message id"]))
        return given

    def _fate(self, session: Session, chat_id: str) -> str | None:
        """Return what becomes of this attempt: as the account's state demands, as was asked for, or by chance."""
        cold = not self.chats.knows(session.name, chat_id)
        if session.broken:
            return "broken"
        if cold and session.restricted("reachoutTimelock"):
            return "timelocked"
        if cold and session.restricted("messageCapping"):
            return "capped"
        if not identifiers.is_group(chat_id) and not self.people.exists(chat_id):
            return "no_lid" if self.switches.in_browser else "unacknowledged"
        return self.fates.choose(chat_id)

    def _refuse(self, request: Request, session: Session, fate: str | None) -> None:
        if fate not in ENGINE_ERRORS:
            return
        session.broken = session.broken or fate == "broken"
        raise Rejected(500, self._engine_error(request, ENGINE_ERRORS[fate][1]))

    def _engine_error(self, request: Request, text: str) -> replies.Json:
        told = {"path": request.path, "method": request.method, "body": request.content, "query": request.query}
        return replies.engine_error(text, told, self.switches, self.now().isoformat())

    def _cut(self, request: Request) -> Answer:
        """Start the whole of WAHA anew amid the call: no answer comes."""
        request.facts["unanswered"] = True
        self.restart_server()
        return Answer(500)

    def _double(self, session: Session, message: Message) -> None:
        twin = self.chats.add(
            session=session.name,
            chat_id=message.chat_id,
            addressed=message.addressed,
            body=message.body,
            media=message.media,
            stanza=identifiers.new_stanza(),
            from_me=True,
            at=self.now(),
            fate="doubled",
        )
        self.release(session, twin)


def _checked(body: dict[str, Any], texts: tuple[str, ...]) -> dict[str, Any]:
    """Return a body whose session, chat and texts are there. Raises Rejected (400) naming what is not."""
    wrong = [
        f"{name} must be a string" for name in ("session", "chatId", *texts) if not isinstance(body.get(name), str)
    ]
    if not wrong and not identifiers.CHAT_ID.match(body["chatId"]):
        wrong = ["chatId must be a chat id"]
    if wrong:
        raise Rejected(400, replies.error(400, wrong))
    return body


def _file(file: Any) -> Media:
    """Return the file of a request: its bytes, or from an address of this machine. Raises Rejected."""
    if not isinstance(file, dict) or not isinstance(file.get("mimetype"), str):
        raise Rejected(400, replies.error(400, ["file must have a mimetype, and data or url"]))
    if isinstance(file.get("url"), str):
        # The sandbox calls nobody: a file by address counts as sent without its bytes.
        return Media(b"", file["mimetype"], file.get("filename") or urlsplit(file["url"]).path.rpartition("/")[2])
    try:
        data = base64.b64decode(file.get("data") or "", validate=True)
    except (binascii.Error, TypeError, ValueError) as error:
        raise Rejected(400, replies.error(400, ["file.data must be base64"])) from error
    return Media(data, file["mimetype"], file.get("filename"))
