"""Problems: the one place where an error becomes a status and an envelope.

Routes raise and never catch. What nobody expected is logged with its trace and answered with nothing but the request's
id, which finds the trace.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

from flask import Flask, Response, current_app, request
from pydantic import ValidationError
from werkzeug.exceptions import HTTPException

from admin_api import context, requests
from admin_api.responses import bare, failure
from runtime.errors import FibreflowError
from runtime.logging import get_logger
from sql.errors import translate

log = get_logger(__name__)

STATUS = {
    "VALIDATION_ERROR": 422,
    "INVALID_ID": 400,
    "PARSE_ERROR": 400,
    "EMPTY_FILE": 400,
    "TEMPLATE_ERROR": 422,
    "HANDOVER_GATE_FAILED": 422,
    "IDEMPOTENCY_KEY_REUSED": 422,
    "UNAUTHORIZED": 401,
    "FORBIDDEN": 403,
    "NOT_FOUND": 404,
    "UNKNOWN_JOB_KIND": 404,
    "METHOD_NOT_ALLOWED": 405,
    "ALREADY_EXISTS": 409,
    "DUPLICATE_ERROR": 409,
    "INVALID_STATUS_TRANSITION": 409,
    "CONDITION_NOT_MET": 409,
    "STALE_WRITE": 409,
    "CONFLICT": 409,
    "IDEMPOTENCY_IN_PROGRESS": 409,
    "PAYLOAD_TOO_LARGE": 413,
    "UNSUPPORTED_MEDIA_TYPE": 415,
    "RATE_LIMITED": 429,
    "DATABASE_ERROR": 500,
    "INTERNAL_ERROR": 500,
    "SCHEMA_MISMATCH": 503,
    "SERVICE_UNAVAILABLE": 503,
    "SESSION_NOT_READY": 503,
    # What a service outside said or failed to say, where a request itself asked it.
    "OUTSIDE_ERROR": 502,
    "OUTSIDE_UNREACHABLE": 502,
    "OUTSIDE_NO_ANSWER": 504,
    "OUTSIDE_SERVER_FAILED": 502,
    "OUTSIDE_TOO_MANY_REQUESTS": 503,
    "OUTSIDE_NOT_SIGNED_IN": 502,
    "OUTSIDE_NOT_ALLOWED": 502,
    "OUTSIDE_NOT_THERE": 502,
    "OUTSIDE_REFUSED": 502,
    "OUTSIDE_NOT_SET_UP": 503,
    "QCONTACT_CHANGE_IGNORED": 502,
    "QCONTACT_DESCRIPTION_CONTESTED": 502,
    "WAHA_CAPPED": 503,
    "WAHA_CONTACTS_HELD": 503,
    "WAHA_SESSION_BROKEN": 502,
    "WAHA_SESSION_NOT_WORKING": 503,
    "WAHA_TIMELOCKED": 503,
    "WAHA_UNKNOWN_CHAT": 502,
}

_HTTP_CODES = {
    400: "VALIDATION_ERROR",
    404: "NOT_FOUND",
    405: "METHOD_NOT_ALLOWED",
    413: "PAYLOAD_TOO_LARGE",
    415: "UNSUPPORTED_MEDIA_TYPE",
    429: "RATE_LIMITED",
}
_HTTP_MESSAGES = {
    404: "There is nothing at this address",
    405: "This address does not take this method",
    413: "The upload is larger than this installation takes",
    415: "This address does not take this kind of content",
}
_PAGES = "fibreflow_failure_pages"
_OVERRIDES = "fibreflow_statuses"
_PLAIN = "fibreflow_plain_failures"
_TEXT = "fibreflow_text_failures"
_ON_FAILURE = "fibreflow_on_failure"
_FAILS_AS = "fibreflow_fails_as"
_AT_THE_DOOR = (401, 403, 429)

View = TypeVar("View", bound=Callable[..., Any])


def answers(**statuses: int) -> Callable[[View], View]:
    """Declare the statuses with which a route differs from the table, as the contract says: `@answers(NOT_FOUND=400)`.

    Stands under the route's decorator, like `requires`.
    """

    def declare(view: View) -> View:
        setattr(view, _OVERRIDES, statuses)
        return view

    return declare


def plain_failures(view: View) -> View:
    """Declare that a route's failures are `{"error": text}`, as the contract wants it of a few.

    Who is not let in at all is told so as everywhere.
    """
    setattr(view, _PLAIN, True)
    return view


def text_failures(view: View) -> View:
    """Declare that a route's failures are `{"success": false, "error": text}`, the door's too."""
    setattr(view, _TEXT, True)
    return view


def fails_with(message: str) -> Callable[[View], View]:
    """Declare what a route says when it fails for no fault of the caller, where the contract words it."""

    def declare(view: View) -> View:
        setattr(view, _ON_FAILURE, message)
        return view

    return declare


def fails_as(code: str, message: str) -> Callable[[View], View]:
    """Declare the one code with which a route fails for no fault of the caller: 500, with the cause as `details`."""

    def declare(view: View) -> View:
        setattr(view, _FAILS_AS, (code, message))
        return view

    return declare


def register(app: Flask) -> None:
    """Make the app answer every error as the failure envelope."""
    app.register_error_handler(FibreflowError, _expected)
    app.register_error_handler(ValidationError, _invalid)
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(Exception, _unexpected)


def show_failures_with(app: Flask, prefix: str, show: Callable[[str, str, int, Any], Response]) -> None:
    """Let the addresses under `prefix` show failures as pages: `show` is given code, message, status and details."""
    app.extensions.setdefault(_PAGES, {})[prefix] = show


def status_of(code: str) -> int:
    """Return the HTTP status of a code on the route in hand; 500 for a code that the API does not know."""
    view = current_app.view_functions.get(request.endpoint or "")
    overrides: dict[str, int] = getattr(view, _OVERRIDES, {})
    return overrides.get(code) or STATUS.get(code, 500)


def _expected(error: FibreflowError) -> Response:
    if error.code not in STATUS:
        return _unexpected(error)
    status = STATUS[error.code] if isinstance(error, requests.InvalidPathId) else status_of(error.code)
    if status >= 500:
        log.error("request failed", code=error.code, error=error.message, exc_info=error)
    response = show_failure(error.code, error.message, status, error.details)
    if status == 401:
        response.headers["WWW-Authenticate"] = 'Bearer realm="FibreFlow"'
    if status == 503:
        response.headers["Retry-After"] = "5"
    return response


def _invalid(error: ValidationError) -> Response:
    return _expected(requests.invalid_input(error))


def _http(error: HTTPException) -> Response:
    status = error.code or 500
    if error.response is not None or status < 400:
        return error.get_response(request.environ)  # type: ignore[return-value]
    if status >= 500:
        return _unexpected(error)
    if status not in _HTTP_CODES:
        return show_failure("VALIDATION_ERROR", "The request cannot be understood", status)
    message = _HTTP_MESSAGES.get(status) or error.description or "The request cannot be understood"
    response = show_failure(_HTTP_CODES[status], message, status_of(_HTTP_CODES[status]))
    for name, value in error.get_headers():
        if name in {"Allow", "Retry-After"}:
            response.headers[name] = value
    return response


def _unexpected(error: Exception) -> Response:
    known = translate(error)
    if known is not None:
        return _expected(known)
    log.error("request failed unexpectedly", exc_info=error)
    details = {"request_id": context.request_id()}
    return show_failure(
        "INTERNAL_ERROR", "Something went wrong here. Quote the request id to the operators.", 500, details
    )


def show_failure(code: str, message: str, status: int, details: Any = None) -> Response:
    """Return the answer that says what went wrong, as the route in hand says it: a page, or one of the envelopes."""
    for prefix, show in current_app.extensions.get(_PAGES, {}).items():
        if request.path == prefix or request.path.startswith(f"{prefix}/"):
            return cast("Response", show(code, message, status, details))
    view = current_app.view_functions.get(request.endpoint or "")
    if getattr(view, _TEXT, False):
        return bare({"success": False, "error": message, "meta": {"timestamp": context.now()}}, status)
    if getattr(view, _PLAIN, False) and status not in _AT_THE_DOOR:
        return bare({"error": message}, status)
    if status >= 500 and hasattr(view, _FAILS_AS):
        code, summary = getattr(view, _FAILS_AS)
        return failure(code, summary, 500, message)
    if status == 500 and hasattr(view, _ON_FAILURE):
        code, message = "DATABASE_ERROR", getattr(view, _ON_FAILURE)
    return failure(code, message, status, details)
