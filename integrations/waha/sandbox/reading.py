"""The addresses that read: chats, single messages, files, numbers and hidden ids."""

from __future__ import annotations

from typing import Any

from integrations.sandboxes import Answer, Request, route
from integrations.waha.sandbox import identifiers, replies
from integrations.waha.sandbox.chats import ACK_NAMES, Listing, Message
from integrations.waha.sandbox.core import Rejected, WahaCore
from integrations.waha.sandbox.sessions import Session

_LEVELS = {name: level for level, name in ACK_NAMES.items()}


class ReadingRoutes(WahaCore):
    """What callers can look up."""

    @route("GET", "/api/<session>/chats/<chat_id>/messages")
    def list_messages(self, request: Request, session: str, chat_id: str) -> Answer:
        """List a chat's messages; without a store there are none."""
        asked = _listing(request.query)
        found = self.session(session)
        merged = request.query.get("merge", "true") != "false"
        chat = identifiers.outer(chat_id)
        messages = self.chats.listing(session, [self.people.chat_of(chat)], asked) if self.switches.store else []
        shown = [one for one in messages if merged or one.addressed == chat]
        return Answer(200, [self._shown(request, found, one) for one in shown])

    @route("GET", "/api/messages")
    def list_messages_as_before(self, request: Request) -> Answer:
        """List a chat's messages by the address of old."""
        return self.list_messages(
            request, session=request.query.get("session", ""), chat_id=request.query.get("chatId", "")
        )

    @route("GET", "/api/<session>/chats/<chat_id>/messages/<message_id>")
    def show_message(self, request: Request, session: str, chat_id: str, message_id: str) -> Answer:
        """Show one message: by its full id, and by its bare one where the engine speaks the protocol itself."""
        found = self.session(session)
        bare = "_" not in message_id
        message = self.chats.find(session, message_id) if self.switches.store else None
        anywhere = chat_id == "all" and not self.switches.in_browser
        here = message and (anywhere or message.chat_id == self.people.chat_of(chat_id))
        if message is None or not here or message.withheld or (bare and self.switches.in_browser):
            raise Rejected(404, replies.error(404, "Message not found"))
        return Answer(200, self._shown(request, found, message))

    def _shown(self, request: Request, session: Session, message: Message) -> replies.Json:
        wanted = request.query.get("downloadMedia", "true") != "false"
        return replies.message(
            message, session, self.switches, media=self.media_of(message, asked=True) if wanted else None
        )

    @route("GET", "/api/files/<session>/<name>")
    def download(self, _request: Request, session: str, name: str) -> Answer:
        """Hand out the file of a message."""
        message = self.chats.find(session, name.rpartition(".")[0])
        if message is None or message.media is None or name != self.file_name(message):
            raise Rejected(404, replies.error(404, "File not found"))
        return Answer(200, message.media.data, {"Content-Type": message.media.mimetype})

    @route("GET", "/api/contacts/check-exists")
    @route("GET", "/api/checkNumberStatus")
    def check_exists(self, request: Request) -> Answer:
        """Tell whether a number is on WhatsApp, and under which chat id."""
        self.working(request.query.get("session", ""))
        phone = identifiers.digits(request.query.get("phone", ""))
        if not phone:
            raise Rejected(400, replies.error(400, ["phone must be a string"]))
        gows = self.switches.engine == "GOWS"
        if not self.people.exists(phone):
            return Answer(200, {"numberExists": False} | ({"chatId": None} if gows else {}))
        chat_id = phone + identifiers.PERSON
        if gows and self.switches.check_answers_hidden:
            return Answer(200, {"numberExists": True, "chatId": self.people.hidden_of(chat_id), "pn": chat_id})
        return Answer(200, {"numberExists": True, "chatId": chat_id})

    @route("GET", "/api/<session>/lids")
    def list_hidden(self, request: Request, session: str) -> Answer:
        """List hidden ids with their numbers."""
        self.session(session)
        offset, limit = request.whole_number("offset", 0), request.whole_number("limit", 100)
        return Answer(200, self.people.pairs()[offset : offset + limit])

    @route("GET", "/api/<session>/lids/count")
    def count_hidden(self, _request: Request, session: str) -> Answer:
        """Count hidden ids."""
        self.session(session)
        return Answer(200, {"count": len(self.people.pairs())})

    @route("GET", "/api/<session>/lids/<hidden>")
    def show_number(self, _request: Request, session: str, hidden: str) -> Answer:
        """Tell the number behind a hidden id; null where it is not known."""
        self.session(session)
        hidden = hidden if identifiers.is_hidden(hidden) else hidden + identifiers.HIDDEN
        return Answer(200, {"lid": hidden, "pn": self.people.phone_of(hidden)})

    @route("GET", "/api/<session>/lids/pn/<phone>")
    def show_hidden(self, _request: Request, session: str, phone: str) -> Answer:
        """Tell the hidden id of a number."""
        self.session(session)
        chat_id = identifiers.digits(phone) + identifiers.PERSON
        exists = self.people.exists(phone)
        return Answer(200, {"lid": self.people.hidden_of(chat_id) if exists else None, "pn": chat_id})


def _listing(query: dict[str, str]) -> Listing:
    """Return what is asked of a list. Raises Rejected (400) for what cannot be read, and where no limit is given."""
    try:
        return Listing(
            limit=_whole(query, "limit"),
            offset=_whole(query, "offset", "0"),
            since=_time(query, "filter.timestamp.gte"),
            until=_time(query, "filter.timestamp.lte"),
            from_me={"true": True, "false": False}.get(query.get("filter.fromMe", "")),
            ack=_level(query.get("filter.ack")),
            rising=query.get("sortOrder", "desc").lower() == "asc",
        )
    except ValueError as error:
        raise Rejected(400, replies.error(400, [str(error)])) from error


def _whole(query: dict[str, str], name: str, default: str = "") -> int:
    text = query.get(name, default)
    if not text.isdecimal():
        raise ValueError(f"{name} must be an integer number")
    return int(text)


def _time(query: dict[str, str], name: str) -> float | None:
    return float(_whole(query, name)) if name in query else None


def _level(name: Any) -> int | None:
    if name is None:
        return None
    if name not in _LEVELS:
        raise ValueError(f"filter.ack must be one of {', '.join(_LEVELS)}")
    return _LEVELS[name]
