"""The server under every sandbox: threads on loopback, routes by decorator, faults, latency, journal, control."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any, NamedTuple, Self
from urllib.parse import unquote, urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from integrations.sandboxes.connection import Listener
from integrations.sandboxes.control import LOOPBACK
from integrations.sandboxes.faults import BEFORE, Faults
from integrations.sandboxes.journal import Journal
from integrations.sandboxes.messages import Answer, BadRequest, Request
from integrations.sandboxes.routing import RouteTable, route
from runtime.clock import Clock, SystemClock

__all__ = ["Outcome", "Sandbox", "Switches", "route"]

CONTROL = "/_sandbox/"
# How many entries one look at the journal answers.
JOURNAL_PAGE = 1_000

HTML_ERROR = (
    "<html>\r\n<head><title>{0} {1}</title></head>\r\n<body>\r\n<center><h1>{0} {1}</h1></center>\r\n"
    "<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
)


class Switches(BaseModel):
    """What can be switched while a sandbox runs. Each sandbox has a subclass with its own; `latency` is in seconds."""

    model_config = ConfigDict(extra="forbid", validate_assignment=True)

    latency: float = Field(default=0.0, ge=0, le=60)


class Outcome(NamedTuple):
    """What became of a request: the answer (None: cut without one) and the fault that it met."""

    answer: Answer | None
    fault: str | None


class Sandbox:
    """A service outside, as a server on loopback. Subclasses add `@route` methods and keep their state in memory.

    Routes run one at a time under `lock`, together with `admit`, `dressed` and their entry in the journal, so the
    journal's order is the order of effect; they must be quick and must not call out (override `started` and `stopping`
    for threads that do). Faults and latency happen outside the lock. Raises ValueError for a host that is not loopback.
    """

    name = "sandbox"
    switches_type: type[Switches] = Switches

    def __init__(self, *, host: str = "127.0.0.1", port: int = 0, seed: int = 0, clock: Clock | None = None) -> None:
        if host not in LOOPBACK:
            raise ValueError(f"a sandbox listens on this machine only, not on {host}")
        self.host = host
        self.port = port
        self.clock: Clock = clock or SystemClock()
        self.journal = Journal()
        self.faults = Faults(seed)
        self.switches: Any = self.switches_type()
        self.lock = threading.RLock()
        self.closing = threading.Event()
        self._routes = RouteTable(self)

    @property
    def latency(self) -> float:
        """Seconds added to each answer."""
        return float(self.switches.latency)

    @latency.setter
    def latency(self, seconds: float) -> None:
        self.switches.latency = seconds

    @property
    def url(self) -> str:
        """The address, without a slash at its end; the port is known once the sandbox serves."""
        return f"http://{self.host if ':' not in self.host else f'[{self.host}]'}:{self.port}"

    @contextmanager
    def serving(self) -> Iterator[Self]:
        """Serve from threads for as long as the block; on leaving, every connection is closed."""
        self.closing.clear()
        with Listener(self) as listener:
            self.port = listener.server_port
            self.started()
            try:
                yield self
            finally:
                self.closing.set()
                self.stopping()

    def started(self) -> None:
        """Start what the sandbox does by itself (senders of webhooks); `closing` tells it to end."""

    def stopping(self) -> None:
        """Wait for what `started` began."""

    def now(self) -> datetime:
        """Return the present by the sandbox's clock."""
        return self.clock.now()

    def state(self) -> dict[str, Any]:
        """Return what the sandbox holds, for `GET /_sandbox/state`."""
        return {}

    def admit(self, request: Request) -> Answer | None:  # noqa: ARG002 - for those who override it
        """Return the answer to a request that may not reach its route (no credentials), None to let it pass."""
        return None

    def dressed(self, request: Request, answer: Answer) -> Answer:  # noqa: ARG002 - for those who override it
        """Return what goes out for an answer of a route, or of `admit`; for what every answer carries."""
        return answer

    def fault_answer(self, fault: str, request: Request) -> Answer:  # noqa: ARG002 - for those who override it
        """Return how this service words a fault; override it for what the service says differently."""
        if fault == "bad_gateway_html":
            return Answer(502, HTML_ERROR.format(502, "Bad Gateway"))
        if fault == "unavailable_html":
            return Answer(503, HTML_ERROR.format(503, "Service Temporarily Unavailable"))
        if fault == "too_many_requests":
            return Answer(429, {"error": "Too many requests"}, {"Retry-After": f"{self.faults.retry_after:g}"})
        status, text = _WORDS[fault]
        return Answer(status, {"error": text})

    def respond(self, request: Request) -> Outcome:
        """Carry a request out: its fault, its route, its entry in the journal. Called by the connections."""
        if request.path.startswith(CONTROL):
            return Outcome(self._run(request), None)
        fault = self.faults.choose(request.method, request.path)
        with self.lock:
            if fault in BEFORE:
                cut = fault in ("cut_before", "hang")
                answer = None if cut else self.fault_answer(fault or "", request)
            else:
                answer = self.dressed(request, self.admit(request) or self._run(request))
            lost = fault in ("cut_after", "cut_midway")
            self._note(request, None if lost else answer, fault, handled=fault not in BEFORE)
            if fault == "server_error_after":
                answer = self.fault_answer("server_error", request)
        return Outcome(answer, fault)

    def _note(self, request: Request, answer: Answer | None, fault: str | None, *, handled: bool) -> None:
        status = answer.status if answer else None
        self.journal.add(
            method=request.method,
            path=request.path,
            query=request.query,
            headers=request.headers,
            body=request.content,
            status=500 if fault == "server_error_after" else status,
            fault=fault,
            handled=handled,
            facts=request.facts,
            at=self.now(),
        )

    def _run(self, request: Request) -> Answer:
        found = self._routes.find(request.method, urlsplit(request.target).path)
        if found is None:
            return self.not_found(request)
        method, values = found
        try:
            with self.lock:
                return method(request, **{name: unquote(value) for name, value in values.items()})
        except BadRequest as error:
            return Answer(400, {"error": str(error)})

    def not_found(self, request: Request) -> Answer:
        """Return the answer to an address that the service does not know."""
        return Answer(404, {"error": f"no route {request.method} {request.path}"})

    @route("GET", "/_sandbox/state")
    def _show_state(self, _request: Request) -> Answer:
        return Answer(
            body={
                "name": self.name,
                "url": self.url,
                "switches": self.switches.model_dump(mode="json"),
                "faults": self.faults.as_json(),
                "journal": {"entries": len(self.journal)},
                **self.state(),
            }
        )

    @route("GET", "/_sandbox/journal")
    def _show_journal(self, request: Request) -> Answer:
        most = min(request.whole_number("most", JOURNAL_PAGE), JOURNAL_PAGE)
        entries = self.journal.entries(after=request.whole_number("after", 0), most=most)
        return Answer(
            body={"entries": [one.as_json() for one in entries], "next": entries[-1].number if entries else None}
        )

    @route("DELETE", "/_sandbox/journal")
    def _clear_journal(self, _request: Request) -> Answer:
        self.journal.clear()
        return Answer(204)

    @route("PUT", "/_sandbox/faults")
    def _change_faults(self, request: Request) -> Answer:
        self.faults.change(request.json_object())
        return Answer(body=self.faults.as_json())

    @route("PUT", "/_sandbox/switches")
    def _change_switches(self, request: Request) -> Answer:
        values = {**self.switches.model_dump(), **request.json_object()}
        try:
            self.switches = self.switches_type.model_validate(values)
        except ValidationError as error:
            raise BadRequest(_reasons(error)) from error
        return Answer(body=self.switches.model_dump(mode="json"))


def _reasons(error: ValidationError) -> str:
    return "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors(include_input=False))


_WORDS = {
    "unauthorised": (401, "Unauthorized"),
    "forbidden": (403, "Forbidden"),
    "not_found": (404, "Not found"),
    "unprocessable": (422, "Unprocessable"),
    "too_many_requests_bare": (429, "Too many requests"),
    "server_error": (500, "Internal server error"),
}
