"""The sandbox as a whole: who may ask, what waits for a session, and answers that do not come."""

from __future__ import annotations

import time
from typing import Any

from integrations.sandboxes import Answer, BadRequest, Request
from integrations.sandboxes.server import Outcome
from integrations.waha.sandbox import replies
from integrations.waha.sandbox.control_routes import ControlRoutes
from integrations.waha.sandbox.core import Rejected
from integrations.waha.sandbox.reading import ReadingRoutes
from integrations.waha.sandbox.sending import GESTURES, SEND_PATHS, SendingRoutes
from integrations.waha.sandbox.session_routes import SessionRoutes

LOOK_EVERY = 0.02
# How long an answer waits for events that are to be told before it.
LONGEST_EARLY = 30.0

_FAULTS: dict[str, tuple[int, str]] = {
    "unauthorised": (401, "Unauthorized"),
    "forbidden": (403, "Forbidden resource"),
    "not_found": (404, "Not Found"),
    "unprocessable": (422, "Unprocessable Entity"),
    "too_many_requests_bare": (429, "Too Many Requests"),
}


class WahaSandbox(SendingRoutes, ReadingRoutes, SessionRoutes, ControlRoutes):
    """WAHA on loopback: `with WahaSandbox().serving() as waha: ... waha.url`.

    One session (`default`) is there, paired and WORKING. `api_key` (None: anybody may ask) and the receiver `hook` of
    all sessions' events are as WAHA's environment would set them. What can be changed while it serves: `switches` (see
    `WahaSwitches`), `faults` of the network, `fates` of messages, and what the methods of `Acts` (and the addresses
    under `/_sandbox`) do. `chats` holds what is true of every message: `received()`, `doubled()`, `never_left()`.
    """

    def respond(self, request: Request) -> Outcome:
        """Carry a request out: a send waits for its session first, and its answer for events told before it."""
        if request.method == "POST" and request.path in SEND_PATHS | GESTURES:
            session = self._awaited(request)
            if session is not None and self.switches.hang_when_not_ready:
                return self._hang(request)
        outcome = super().respond(request)
        if request.facts.get("early"):
            self.sender.await_tries(request.facts["stanza"], request.facts["early"], LONGEST_EARLY)
        return Outcome(None, outcome.fault or "cut_before") if request.facts.get("unanswered") else outcome

    def _awaited(self, request: Request) -> str | None:
        """Wait a while for the session that a send names; return its name if it does not work even so."""
        try:
            name = str(request.json_object().get("session"))
        except BadRequest:
            return None
        until = time.monotonic() + self.switches.ready_wait
        while (session := self.sessions.known.get(name)) and session.status != "WORKING":
            if time.monotonic() >= until or self.closing.wait(LOOK_EVERY):
                return name
        return None

    def _hang(self, request: Request) -> Outcome:
        with self.lock:
            request.facts["unanswered"] = True
            self._note(request, None, "hang", handled=False)
        return Outcome(None, "hang")

    def admit(self, request: Request) -> Answer | None:
        """Refuse who has no key; it may come in a header or, since 2026.4.3, in the query."""
        given = request.headers.get("x-api-key") or request.query.get("x-api-key")
        if self.api_key is None or given == self.api_key or request.path in self.open_paths | {"/ping"}:
            return None
        return Answer(401, replies.error(401, "Unauthorized"))

    def fault_answer(self, fault: str, request: Request) -> Answer:
        """Word a fault as WAHA does; what a proxy before it says stays as it is."""
        if fault == "server_error":
            return Answer(500, self._engine_error(request, "Timed Out"))
        if fault in _FAULTS:
            status, text = _FAULTS[fault]
            return Answer(status, replies.error(status, text))
        return super().fault_answer(fault, request)

    def not_found(self, request: Request) -> Answer:
        """Answer to an address that WAHA does not know."""
        return Answer(404, replies.error(404, f"Cannot {request.method} {request.path}"))

    def _run(self, request: Request) -> Answer:
        try:
            return super()._run(request)
        except Rejected as error:
            return error.answer

    def _note(self, request: Request, answer: Answer | None, fault: str | None, *, handled: bool) -> None:
        unanswered = request.facts.get("unanswered")
        super()._note(request, None if unanswered else answer, fault, handled=handled)

    def state(self) -> dict[str, Any]:
        """Return what the sandbox holds."""
        return ControlRoutes.state(self)
