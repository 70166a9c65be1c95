"""Idempotency keys: a POST that is sent again does its work once and gets the same answer.

    @api.post("/import/weekly")
    @requires("manager")
    @idempotent
    def start() -> Response:
        with unit_of_work() as work:        # admin_api.context: the work and the stored answer commit together
            ...

The key is claimed by inserting its row in the transaction that also does the work. A duplicate that arrives meanwhile
waits on that row; when the first one commits it finds the answer, when the first one fails it does the work itself. A
crash leaves neither work nor key. Failures are not kept: the client mends the request and may use the key again.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable
from typing import Any, TypeVar, cast

from flask import Response, current_app, g, request

from admin_api import context
from ticketing import idempotency
from ticketing.errors import InvalidInput

HEADER = "Idempotency-Key"
REPLAYED = "Idempotency-Replayed"
MAX_LENGTH = 200
_MARK = "fibreflow_idempotent"
_CHUNK = 1024 * 1024

View = TypeVar("View", bound=Callable[..., Any])


def is_idempotent(view: Callable[..., Any]) -> bool:
    """Whether a view takes idempotency keys."""
    return bool(getattr(view, _MARK, False))


def idempotent(view: View) -> View:
    """Let a route take the `Idempotency-Key` header; without the header it works as ever."""

    @functools.wraps(view)
    def once(**arguments: Any) -> Any:
        key = request.headers.get(HEADER)
        if key is None:
            return view(**arguments)
        if not 1 <= len(key) <= MAX_LENGTH or not key.isprintable():
            raise InvalidInput(f"{HEADER} must be 1 to {MAX_LENGTH} printable characters", details={HEADER: "invalid"})
        return _answer_once(key, lambda: view(**arguments))

    setattr(once, _MARK, True)
    return cast("View", once)


def _answer_once(key: str, do: Callable[[], Any]) -> Response:
    fingerprint = _fingerprint()
    with context.platform().begin(context.actor(), request_id=context.request_id()) as work:
        stored = idempotency.claim(work, g.principal, key, fingerprint)
        if stored is not None:
            return _replay(stored)
        g.work = work
        try:
            response = current_app.make_response(do())
        finally:
            g.pop("work", None)
        idempotency.store(work, g.principal, key, response.status_code, response.get_data(as_text=True))
    return response


def _replay(stored: idempotency.StoredAnswer) -> Response:
    response = Response(stored.body, status=stored.status, content_type="application/json")
    response.headers[REPLAYED] = "true"
    return response


def _fingerprint() -> str:
    """Return a digest of what the request asks for.

    Of a form its fields and files, not its bytes: a client that sends it again draws another multipart boundary.
    """
    digest = hashlib.sha256(f"{request.method} {request.full_path}".encode())
    if request.mimetype != "multipart/form-data":
        digest.update(request.get_data())
        return digest.hexdigest()
    for name, value in sorted(request.form.items(multi=True)):
        digest.update(f"\0{name}\0{value}".encode())
    for name, file in sorted(request.files.items(multi=True), key=lambda item: item[0]):
        digest.update(f"\0{name}\0{file.filename}\0".encode())
        while chunk := file.stream.read(_CHUNK):
            digest.update(chunk)
        file.stream.seek(0)
    return digest.hexdigest()
