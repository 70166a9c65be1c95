"""A WAHA on loopback for tests, and a receiver of its events."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx

from integrations.waha.sandbox import Hook, WahaSandbox, WahaSwitches
from tests.processes import PATIENCE

SECRET = "test-hook-key"


def quick_sandbox(**options: Any) -> WahaSandbox:
    """A sandbox that waits for nothing longer than a test should."""
    sandbox = WahaSandbox(**options)
    sandbox.switches = WahaSwitches(
        ready_wait=0.1,
        starting_seconds=0.02,
        ack_delivered_after=0.06,
        ack_read_after=0.1,
        ack_read_share=1.0,
        hook_longest_delay=0.05,
        hook_time_scale=0.01,
    )
    return sandbox


def plain_client(sandbox: WahaSandbox, *, key: str | None = "sandbox-key") -> httpx.Client:
    """An HTTP client for a sandbox. It reads no certificates: that takes longer than most tests."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    headers = {"X-Api-Key": key} if key else {}
    return httpx.Client(base_url=sandbox.url, headers=headers, timeout=PATIENCE, verify=tls, trust_env=False)


@dataclass(frozen=True)
class Event:
    """An event as it came in."""

    headers: dict[str, str]
    raw: bytes = field(repr=False)

    @property
    def body(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.raw)
        return found

    @property
    def name(self) -> str:
        return str(self.body["event"])

    @property
    def payload(self) -> dict[str, Any]:
        found: dict[str, Any] = self.body["payload"]
        return found


class Receiver(ThreadingHTTPServer):
    """Takes events and keeps them; `answer` decides the status of each."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Requests)
        self.events: list[Event] = []
        self.lock = threading.Lock()
        self.answer: Callable[[Event], int] = lambda _event: 200

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/hooks/waha"

    def take(self, event: Event) -> int:
        with self.lock:
            self.events.append(event)
            return self.answer(event)

    def named(self, name: str) -> list[Event]:
        """Return the events of a name in the order in which they happened, however they came in."""
        with self.lock:
            return sorted(
                (event for event in self.events if event.name == name), key=lambda event: str(event.body["id"])
            )

    def levels(self, name: str = "message.ack") -> list[int]:
        return [event.payload["ack"] for event in self.named(name)]


class _Requests(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Receiver

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers["Content-Length"]))
        status = self.server.take(Event({name.lower(): value for name, value in self.headers.items()}, raw))
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's name
        """Say nothing."""


@contextmanager
def receiving() -> Iterator[Receiver]:
    """A receiver that listens while the block lasts."""
    receiver = Receiver()
    thread = threading.Thread(target=receiver.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        receiver.shutdown()
        thread.join()
        receiver.server_close()


def hook_to(receiver: Receiver, **more: Any) -> Hook:
    """The configuration that sends everything to a receiver, signed."""
    return Hook.with_secret(receiver.url, SECRET, **({"events": ("*",)} | more))
