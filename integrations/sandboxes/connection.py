"""The sockets of a sandbox: kept alive between requests, and cut, stalled or slowed where a fault says so."""

from __future__ import annotations

import contextlib
import select
import socket
import sys
import threading
import time
import traceback
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from integrations.sandboxes.messages import Answer, Request

if TYPE_CHECKING:
    from integrations.sandboxes.server import Sandbox

LARGEST_BODY = 64 * 1024 * 1024
BODILESS = (204, 304)
LONGEST_STOP = 5.0
LOOK_EVERY = 0.1


class Listener(ThreadingHTTPServer):
    """Accepts connections while its block lasts, a thread for each; on leaving it closes them and waits for them."""

    daemon_threads = True
    allow_reuse_address = True
    # Many threads of a client connect at once, and a refused connection must be a fault that was asked for.
    request_queue_size = 256

    def __init__(self, sandbox: Sandbox) -> None:
        self.address_family = socket.AF_INET6 if ":" in sandbox.host else socket.AF_INET
        super().__init__((sandbox.host, sandbox.port), Connection)
        self.sandbox = sandbox
        self._open: set[socket.socket] = set()
        self._changed = threading.Condition()
        self._thread = threading.Thread(
            target=self.serve_forever, kwargs={"poll_interval": 0.02}, name=f"{sandbox.name}-sandbox", daemon=True
        )

    def __enter__(self) -> Self:
        """Start to accept."""
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Accept no more, close what is open, wait for its threads."""
        self.shutdown()
        self._thread.join()
        self.server_close()
        with self._changed:
            for connection in self._open:
                _shut(connection)
            self._changed.wait_for(lambda: not self._open, timeout=LONGEST_STOP)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Hand a connection to a thread, and remember it."""
        with self._changed:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """Close a connection, and forget it."""
        super().shutdown_request(request)
        with self._changed:
            self._open.discard(request)
            self._changed.notify_all()

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002 - the signature is the library's
        """Let a client that went away go in silence; anything else is a mistake of the sandbox and must be seen."""
        error = sys.exception()
        if not isinstance(error, ConnectionError | TimeoutError):
            traceback.print_exc()


class Connection(BaseHTTPRequestHandler):
    """One connection: its requests, one after another."""

    server: Listener
    protocol_version = "HTTP/1.1"
    server_version = "nginx"
    sys_version = ""
    # An answer goes out in one piece at once; else each would wait for the acknowledgement of its head.
    wbufsize = -1
    disable_nagle_algorithm = True

    def _answer(self) -> None:
        request = self._read()
        if request is None:
            return
        sandbox = self.server.sandbox
        answer, fault = sandbox.respond(request)
        if request.path.startswith("/_sandbox/"):
            self._write(answer or Answer(500))
            return
        if fault == "hang":
            self._wait(sandbox.faults.hang_seconds)
        self._wait(sandbox.latency + (sandbox.faults.slow_seconds if fault == "slow" else 0))
        if answer is None or fault == "cut_after" or (fault == "cut_midway" and answer.status in BODILESS):
            self._cut()
        elif fault == "cut_midway":
            self._write(answer, cut_midway=True)
        else:
            self._write(answer)

    # The names are the library's: one for each method of HTTP.
    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = _answer  # noqa: N815

    def _read(self) -> Request | None:
        length = self.headers.get("Content-Length", "0")
        if "Transfer-Encoding" in self.headers or not length.isdecimal() or int(length) > LARGEST_BODY:
            self._write(Answer(411, {"error": "a body must tell its length"}))
            self.close_connection = True
            return None
        body = self.rfile.read(int(length))
        if len(body) < int(length):
            # The client died amid its request; nothing of it counts.
            self.close_connection = True
            return None
        headers = {name.lower(): value for name, value in self.headers.items()}
        return Request(self.command, self.path, headers, body)

    def _write(self, answer: Answer, *, cut_midway: bool = False) -> None:
        data, headers = answer.encoded()
        self.send_response(answer.status)
        for name, value in headers.items():
            self.send_header(name, value)
        if answer.status not in BODILESS:
            self.send_header("Content-Length", str(len(data) + cut_midway))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data[: len(data) // 2] if cut_midway else data)
        self.wfile.flush()
        if cut_midway:
            self._cut()

    def _wait(self, seconds: float) -> None:
        """Wait, but no longer than the client does or the sandbox serves."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0 and not self.server.sandbox.closing.is_set():
            readable, _, _ = select.select([self.connection], [], [], min(left, LOOK_EVERY))
            if readable and not self.connection.recv(1, socket.MSG_PEEK):
                self.close_connection = True
                return
            if readable:
                # The next request is there already: nothing tells any more whether the client still waits.
                self.server.sandbox.closing.wait(left)
                return

    def _cut(self) -> None:
        self.close_connection = True
        _shut(self.connection)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's name
        """Say nothing: the journal tells more."""


def _shut(connection: socket.socket) -> None:
    # The other side may have been faster.
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
