"""Answers that no well-behaved service sends: endless, trickling, deep; and every way to ask to be left alone."""

from __future__ import annotations

import http.server
import threading
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx
import pytest

from integrations.outside import NoAnswer, OutsideError, Refused, ServerFailed, TooManyRequests
from integrations.qcontact import transport
from integrations.qcontact.session import Session
from integrations.qcontact.tokens import MemoryTokens, Tokens
from integrations.qcontact.transport import Transport
from tests.processes import PATIENCE

HASTE = 0.5


class Odd(http.server.BaseHTTPRequestHandler):
    """Misbehaves as the last part of the path says."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        what = self.path.rpartition("/")[2]
        status = int(what) if what.isdecimal() else 200
        self.send_response(status)
        for name, value in HEADERS.items():
            self.send_header(name, value)
        self.send_header("Content-Length", "1000")
        self.end_headers()
        with suppress(OSError):
            if what == "trickle":
                for _ in range(1000):
                    self.wfile.write(b" ")
                    time.sleep(HASTE / 5)
            else:
                body = b"[" * 1000 if what == "deep" else b" \x00no \n words " * 100
                self.wfile.write(body[:1000])

    def do_POST(self) -> None:
        self.do_GET()

    def log_message(self, *_: object) -> None:
        """Stay silent."""


HEADERS: dict[str, str] = {}


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Odd) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture
def wire(url: str) -> Iterator[Transport]:
    HEADERS.clear()
    one = Transport(url, timeout=PATIENCE, connections=2)
    yield one
    one.close()


def refused(wire: Transport, path: str) -> OutsideError:
    session = Session(MemoryTokens(), Tokens("a", "b", "c"), None)
    with pytest.raises(OutsideError) as caught:
        wire.read(session, path)
    return caught.value


def test_an_answer_that_trickles_is_given_up(url: str) -> None:
    HEADERS.clear()
    began = time.monotonic()
    with closing(Transport(url, timeout=HASTE, connections=1)) as hasty:
        assert isinstance(refused(hasty, "trickle"), NoAnswer)
    # All of it would take 100 s.
    assert time.monotonic() - began < 50


def test_an_answer_that_is_too_long_is_given_up(wire: Transport, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "LONGEST", 999)
    assert "longer than 999" in refused(wire, "long").message


@pytest.mark.parametrize("path", ["deep", "words", "302"])
def test_what_is_no_answer(wire: Transport, path: str) -> None:
    assert isinstance(refused(wire, path), ServerFailed)


def test_what_a_refusal_says_is_shown_in_one_short_line(wire: Transport) -> None:
    error = refused(wire, "422")
    assert isinstance(error, Refused)
    assert error.message.startswith("QContact answered 422: no words no words")
    assert len(error.message) < 400


@pytest.mark.parametrize(
    ("said", "seconds"),
    [("17", 17), ("0", None), ("soon", None), ("", None), ("-5", None), ("9" * 40, 999_999_999)],
)
def test_seconds_to_be_left_alone(wire: Transport, said: str, seconds: float | None) -> None:
    HEADERS["Retry-After"] = said
    error = refused(wire, "429")
    assert isinstance(error, TooManyRequests)
    assert error.retry_after == seconds


@pytest.mark.parametrize(("ahead", "is_asked"), [(600, True), (-60, False)])
def test_a_moment_until_which_to_be_left_alone(wire: Transport, ahead: int, is_asked: bool) -> None:
    now = datetime.now(UTC)
    until = (now + timedelta(seconds=ahead)).replace(microsecond=0)
    HEADERS["Retry-After"] = format_datetime(until)
    found = refused(wire, "503").retry_after
    if not is_asked:
        assert found is None
        return
    assert found is not None
    assert until - datetime.now(UTC) <= timedelta(seconds=found) <= until - now


def test_tokens_in_headers_need_no_body(wire: Transport) -> None:
    HEADERS.update({"uid": "a", "access-token": "b", "client": "c"})
    assert wire.sign_in("noc@example.test", "hunter2") == Tokens("a", "b", "c")


def test_an_address_may_name_the_prefix(url: str) -> None:
    for address in (url, f"{url}/", f"{url}/api/v2", f"{url}/api/v2/"):
        one = Transport(address, timeout=PATIENCE, connections=1)
        assert one._http.base_url == httpx.URL(f"{url}/api/v2/")
        one.close()
