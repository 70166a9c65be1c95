"""A stand-in for Google Cloud Storage on loopback: the XML interface, as far as files are kept in it.

It checks what the real one checks: a bearer token signed by the service account, or the V4 signature of an address, its
time included. Files are kept in memory with the time at which they were written.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlsplit
from xml.sax.saxutils import escape

import jwt
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

EMAIL = "files@fibreflow.example"
# Addresses are signed for Google's own host, wherever the account's file points.
HOST = "storage.googleapis.com"


class Bucket(ThreadingHTTPServer):
    """The server; `files` maps each key to its bytes and the time of writing."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Requests)
        self.files: dict[str, tuple[bytes, datetime]] = {}
        self.refused: list[str] = []
        self.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)

    @property
    def account(self) -> str:
        """The service account's key file, as Google gives it out, pointed at this server."""
        pem = self.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        return json.dumps(
            {
                "type": "service_account",
                "client_email": EMAIL,
                "private_key_id": "1",
                "private_key": pem.decode(),
                "gcs_base_url": f"http://127.0.0.1:{self.server_port}",
                "disable_oauth": False,
            }
        )

    def age(self, by: timedelta) -> None:
        """Make every file older."""
        self.files = {key: (data, written - by) for key, (data, written) in self.files.items()}


@contextmanager
def running_bucket() -> Iterator[Bucket]:
    """Run the server for as long as the block."""
    server = Bucket()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class Requests(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    server: Bucket

    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    def handle_one(self) -> None:
        """Answer a request, once it has shown who sends it."""
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts = urlsplit(self.path)
        query = dict(parse_qsl(parts.query))
        if not (self._has_token() or self._is_signed(parts.path, parts.query)):
            self.server.refused.append(self.path)
            self._answer(403)
            return
        _, _, key = unquote(parts.path).lstrip("/").partition("/")
        if self.command == "GET" and "list-type" in query:
            self._answer(200, self._listing(query.get("prefix", "")))
        elif self.command == "PUT":
            self.server.files[key] = (body, datetime.now(UTC))
            self._answer(200)
        elif key not in self.server.files:
            self._answer(404)
        elif self.command == "DELETE":
            del self.server.files[key]
            self._answer(204)
        else:
            self._read(key)

    do_GET = do_PUT = do_HEAD = do_DELETE = handle_one  # noqa: N815 - the library's names

    def _read(self, key: str) -> None:
        data, written = self.server.files[key]
        first, _, last = self.headers.get("Range", "").removeprefix("bytes=").partition("-")
        extra = {"Last-Modified": format_datetime(written, usegmt=True), "ETag": f'"{sha256(data).hexdigest()}"'}
        if first:
            end = min(int(last or len(data) - 1), len(data) - 1)
            extra["Content-Range"] = f"bytes {first}-{end}/{len(data)}"
            self._answer(206, data[int(first) : end + 1], extra)
        else:
            self._answer(200, data, extra)

    def _listing(self, prefix: str) -> bytes:
        found = "".join(
            f"<Contents><Key>{escape(key)}</Key><LastModified>{written:%Y-%m-%dT%H:%M:%S.000Z}</LastModified>"
            f'<ETag>"{sha256(data).hexdigest()}"</ETag><Size>{len(data)}</Size></Contents>'
            for key, (data, written) in sorted(self.server.files.items())
            if key.startswith(prefix)
        )
        return f"<ListBucketResult><IsTruncated>false</IsTruncated>{found}</ListBucketResult>".encode()

    def _answer(self, status: int, data: bytes = b"", extra: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in ({"ETag": '"1"'} | (extra or {})).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def _has_token(self) -> bool:
        token = self.headers.get("Authorization", "").removeprefix("Bearer ")
        try:
            claims = jwt.decode(token, self.server.key.public_key(), algorithms=["RS256"])
        except jwt.InvalidTokenError:
            return False
        return bool(claims["iss"] == EMAIL)

    def _is_signed(self, path: str, query: str) -> bool:
        """Check the address by Google's V4 rules; only the host's header is signed."""
        said = dict(parse_qsl(query))
        signature = said.pop("X-Goog-Signature", "")
        try:
            made = datetime.strptime(said["X-Goog-Date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
            if not abs(datetime.now(UTC) - made) <= timedelta(seconds=int(said["X-Goog-Expires"])):
                return False
            canonical = "&".join(f"{quote(name, safe='')}={quote(said[name], safe='')}" for name in sorted(said))
            request = "\n".join([self.command, path, canonical, f"host:{HOST}", "", "host", "UNSIGNED-PAYLOAD"])
            scope = said["X-Goog-Credential"].partition("/")[2]
            digest = sha256(request.encode()).hexdigest()
            text = "\n".join(["GOOG4-RSA-SHA256", said["X-Goog-Date"], scope, digest])
            self.server.key.public_key().verify(
                bytes.fromhex(signature), text.encode(), padding.PKCS1v15(), hashes.SHA256()
            )
        except (KeyError, ValueError, InvalidSignature):
            return False
        return True
