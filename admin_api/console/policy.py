"""What a page of the console may load, and how it travels: a nonce per answer, CSRF tokens, ETags, compression."""

from __future__ import annotations

import hashlib
import secrets

from flask import Flask, Response, g, request
from flask_compress import Compress
from flask_wtf.csrf import CSRFError, CSRFProtect

from admin_api.console.pages import PREFIX
from runtime.errors import FibreflowError

csrf = CSRFProtect()


class FormTooOld(FibreflowError):
    """A form that was not made for this session, or is from before the last sign-in."""

    code = "VALIDATION_ERROR"


def register(app: Flask) -> None:
    """Put the console's rules on every address under its own, those included at which there is nothing."""
    app.config.update(
        WTF_CSRF_CHECK_DEFAULT=False,
        # As long as the session: a form that was open over lunch still counts.
        WTF_CSRF_TIME_LIMIT=None,
        # The token and the same-site cookie decide; behind a proxy the Referer may be missing.
        WTF_CSRF_SSL_STRICT=False,
        COMPRESS_MIMETYPES=["text/html", "text/css", "text/javascript", "image/svg+xml"],
        COMPRESS_ALGORITHM=["gzip"],
        COMPRESS_STREAMS=False,
    )
    csrf.init_app(app)
    Compress(app)
    app.jinja_env.globals["nonce"] = nonce
    app.before_request(_check_token)
    app.after_request(_finish)


def _finish(response: Response) -> Response:
    if not request.path.startswith(PREFIX):
        return response
    return _answer_unchanged(_protect(response))


def nonce() -> str:
    """Return the nonce of the answer in hand: what carries it may run or style, and nothing else may."""
    if "nonce" not in g:
        g.nonce = secrets.token_urlsafe(16)
    return str(g.nonce)


def _check_token() -> None:
    if request.method != "POST" or not request.path.startswith(PREFIX):
        return
    try:
        csrf.protect()
    except CSRFError as error:
        raise FormTooOld("This form is from an earlier session: open the page again and repeat what you did") from error


def _protect(response: Response) -> Response:
    response.headers["Content-Security-Policy"] = (
        f"default-src 'none'; script-src 'nonce-{nonce()}'; style-src 'self' 'nonce-{nonce()}'; "
        "img-src 'self' data: https://storage.googleapis.com; connect-src 'self'; "
        "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    )
    response.headers["Referrer-Policy"] = "same-origin"
    if response.mimetype == "text/html":
        # A kept page would come back with the nonce of another answer, and its scripts would not run.
        response.headers["Cache-Control"] = "no-store"
        response.vary.add("Cookie")
    return response


def _answer_unchanged(response: Response) -> Response:
    """Answer 304 to whoever has the page already; what differs in every answer is no difference."""
    if request.method != "GET" or response.status_code != 200 or response.mimetype != "text/html":
        return response
    body = response.get_data()
    for always_new in (nonce(), g.get("csrf_token")):
        if always_new:
            body = body.replace(str(always_new).encode(), b"")
    response.set_etag(hashlib.sha256(body).hexdigest()[:32], weak=True)
    response.make_conditional(request)
    return response
