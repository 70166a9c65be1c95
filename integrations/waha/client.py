"""The client of WAHA's HTTP interface: one call a method, no retries, errors as types.

A call is never repeated in here: whether it may be depends on what the ledger knows of the message. Thread-safe.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlsplit

import httpx

from integrations.outside import (
    NoAnswer,
    NotSetUp,
    NotThere,
    OutsideError,
    Refused,
    ServerFailed,
    Unreachable,
)
from integrations.waha import wire
from integrations.waha.errors import error_of
from integrations.waha.wire import Contact, Message, Sent, Server, Session
from runtime.settings import Settings

MEGABYTE = 1024 * 1024
MOST_MEDIA = 25 * MEGABYTE
# Before a send the gateway itself waits up to ten seconds for its session.
SHORTEST_SEND_TIMEOUT = 15.0
CONNECT_TIMEOUT = 5.0
CONNECTIONS = 10
# A connection that idles longer may be closed by the other side at the moment of its next use, and then nobody knows
# whether a message left.
IDLE_SECONDS = 4.0


class WahaClient:
    """Speaks to one session of one gateway."""

    def __init__(self, url: str, api_key: str | None, session: str, *, timeout: float = 20.0) -> None:
        self.session_name = session
        self._base = url.rstrip("/")
        self._send_timeout = httpx.Timeout(max(timeout, SHORTEST_SEND_TIMEOUT), connect=CONNECT_TIMEOUT)
        self._http = httpx.Client(
            base_url=self._base,
            headers={"X-Api-Key": api_key} if api_key else {},
            timeout=httpx.Timeout(timeout, connect=CONNECT_TIMEOUT),
            limits=httpx.Limits(max_connections=CONNECTIONS, keepalive_expiry=IDLE_SECONDS),
            # The key must not follow a redirect to somebody else, nor a proxy of the environment's.
            follow_redirects=False,
            trust_env=False,
        )

    @classmethod
    def from_settings(cls, settings: Settings) -> WahaClient:
        """Return the client that the settings describe. Raises NotSetUp that names what to set."""
        if not settings.waha_url:
            raise NotSetUp("waha", "WhatsApp is not set up: set FIBREFLOW_WAHA_URL (and FIBREFLOW_WAHA_API_KEY)")
        key = settings.waha_api_key.get_secret_value() if settings.waha_api_key else None
        return cls(settings.waha_url, key, settings.waha_session, timeout=settings.waha_timeout)

    def close(self) -> None:
        """Close every connection."""
        self._http.close()

    def version(self) -> Server:
        """Return the gateway's version and engine."""
        return wire.server_of(self._read("/api/server/version"))

    def started_at(self) -> datetime | None:
        """Return when the gateway's process began; another moment than before means that it went down meanwhile."""
        reply = self._read("/api/server/status")
        return wire.moment_of(reply.get("startTimestamp") if isinstance(reply, dict) else None)

    def session(self) -> Session:
        """Return the session's state. Raises NotThere when it was never made."""
        return wire.session_of(self._read(f"/api/sessions/{self.session_name}"))

    def me(self) -> str | None:
        """Return the account's chat id; None when no telephone is paired."""
        reply = self._read(f"/api/sessions/{self.session_name}/me")
        own = reply.get("id") if isinstance(reply, dict) else None
        return own if isinstance(own, str) else None

    def restart(self) -> None:
        """Stop and start the session; it stays paired. Sends meanwhile are refused or hang."""
        self._checked("POST", f"/api/sessions/{self.session_name}/restart")

    def check_exists(self, phone: str) -> Contact:
        """Return whether a number (E.164) is on WhatsApp, and the chat to send to."""
        asked = {"phone": phone.removeprefix("+"), "session": self.session_name}
        return wire.contact_of(self._read("/api/contacts/check-exists", params=asked))

    def new_message_id(self) -> str | None:
        """Return an id for a message yet to be sent; None where the gateway is too old or its engine takes none."""
        try:
            reply = self._read(f"/api/{self.session_name}/new-message-id")
        except (NotThere, Refused):
            return None
        found = wire.message_id_of(reply)
        return wire.stanza_of(found) if found else None

    def send_text(self, chat_id: str, text: str, message_id: str | None = None) -> Sent:
        """Send a text, with an id that was fetched beforehand if there is one.

        An answer without an id is a `Sent` without one: the message was accepted, and must be looked for. Raises an
        OutsideError; only one whose `may_have_happened` is false says that nothing left.
        """
        body: dict[str, Any] = {
            "session": self.session_name,
            "chatId": chat_id,
            "text": text,
            "linkPreview": False,
        }
        if message_id:
            body["id"] = message_id
        answer = self._checked("POST", "/api/sendText", json=body, timeout=self._send_timeout)
        return wire.sent_of(_json_or_none(answer))

    def list_messages(
        self, chat_id: str, *, since: datetime | None = None, from_me: bool = True, limit: int = 100
    ) -> list[Message]:
        """Return the newest messages of a chat, newest first; `since` an aware moment, whole seconds."""
        asked: dict[str, str] = {
            "limit": str(limit),
            "downloadMedia": "false",
            "sortBy": "timestamp",
            "sortOrder": "desc",
        }
        if from_me:
            asked["filter.fromMe"] = "true"
        if since is not None:
            asked["filter.timestamp.gte"] = str(int(since.timestamp()))
        try:
            reply = self._read(f"{self._chat(chat_id)}/messages", params=asked)
        except NotThere:
            # A chat without a message is none yet; a session that is not there is something else, and raises.
            self.session()
            return []
        if not isinstance(reply, list):
            raise ServerFailed("waha", "WAHA answered with something that is no list of messages")
        found = [message for message in map(wire.message_of, reply) if message is not None]
        return [message for message in found if message.from_me] if from_me else found

    def get_message(self, chat_id: str, message_id: str) -> Message | None:
        """Return one message by its whole id (or its bare one, where the engine takes that); None when it is not there.

        A session that is not there is no message that is not there: that raises NotThere.
        """
        path = f"{self._chat(chat_id)}/messages/{quote(message_id, safe='')}"
        try:
            return wire.message_of(self._read(path, params={"downloadMedia": "false"}))
        except NotThere:
            self.session()
            return None

    def phone_of_hidden_id(self, hidden_id: str) -> str | None:
        """Return the telephone (E.164) behind a hidden user id (`...@lid`); None when the gateway does not know it."""
        try:
            reply = self._read(f"/api/{self.session_name}/lids/{quote(hidden_id, safe='')}")
        except NotThere:
            return None
        found = reply.get("pn") if isinstance(reply, dict) else None
        return wire.phone_of(found) if isinstance(found, str) else None

    def download(self, url: str, *, most: int = MOST_MEDIA) -> bytes:
        """Return a file that an event names, at most `most` bytes; Refused when it is larger.

        Only its path and query count: events name the gateway by whatever it is called where it runs, and an address
        that somebody slipped in must lead nowhere else.
        """
        parts = urlsplit(url)
        path = parts.path + (f"?{parts.query}" if parts.query else "")
        if not path.startswith("/") or path.startswith("//"):
            raise Refused("waha", "The address of the file has no path on the gateway")
        with _translated(), self._http.stream("GET", path) as answer:
            if not answer.is_success:
                raise error_of(answer.status_code, answer.headers, answer.read(), now=datetime.now(UTC))
            return b"".join(_bounded(answer.iter_bytes(), most))

    def _chat(self, chat_id: str) -> str:
        return f"/api/{self.session_name}/chats/{quote(chat_id, safe='')}"

    def _read(self, path: str, *, params: dict[str, str] | None = None) -> Any:
        answer = self._checked("GET", path, params=params)
        try:
            return answer.json()
        except ValueError as error:
            raise ServerFailed("waha", "WAHA answered with something that is no JSON") from error

    def _checked(self, method: str, path: str, **options: Any) -> httpx.Response:
        with _translated():
            answer = self._http.request(method, path, **options)
        if not answer.is_success:
            raise error_of(answer.status_code, answer.headers, answer.content, now=datetime.now(UTC))
        return answer


def _bounded(chunks: Iterator[bytes], most: int) -> Iterator[bytes]:
    taken = 0
    for chunk in chunks:
        taken += len(chunk)
        if taken > most:
            raise Refused("waha", f"The file is larger than {most} bytes")
        yield chunk


def _json_or_none(answer: httpx.Response) -> Any:
    """Read the answer of a send: it was accepted whatever the body is, so what cannot be read is an id not given."""
    try:
        return answer.json()
    except ValueError:
        return None


@contextmanager
def _translated() -> Iterator[None]:
    """Turn the library's errors into ours: before a connection nothing was sent, after it nobody knows."""
    try:
        yield
    except OutsideError:
        raise
    except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol) as error:
        raise Unreachable("waha", f"WAHA cannot be reached ({type(error).__name__})") from error
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise NoAnswer("waha", f"WAHA did not answer ({type(error).__name__})") from error
