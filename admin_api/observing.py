"""What a request leaves behind: its id in every log line and answer, one line in the access log, and its measures."""

from __future__ import annotations

import re
import time
from uuid import uuid4

import structlog
from flask import Flask, Response, g, request

from admin_api import context
from runtime.logging import get_logger

log = get_logger(__name__)

_SANE_ID = re.compile(r"[A-Za-z0-9._:-]{8,100}")
NO_ROUTE = "(no route)"


def register(app: Flask) -> None:
    """Give every request of the app an id, a log line and measures. Must be registered before whatever logs."""
    app.before_request(_begin)
    app.after_request(_end)
    app.teardown_request(_forget)


def _begin() -> None:
    given = request.headers.get("X-Request-ID", "")
    g.request_id = given if _SANE_ID.fullmatch(given) else str(uuid4())
    g.started = time.perf_counter()
    structlog.contextvars.bind_contextvars(request_id=g.request_id)


def _end(response: Response) -> Response:
    response.headers["X-Request-ID"] = g.request_id
    seconds = time.perf_counter() - g.started
    route = request.url_rule.rule if request.url_rule else NO_ROUTE
    context.services().metrics.answered(request.method, route, response.status_code, seconds)
    # The path and not the URL: a query string may hold a customer's name or number.
    log.info(
        "request",
        method=request.method,
        path=_loggable_path(route),
        route=route,
        status=response.status_code,
        milliseconds=round(seconds * 1000, 1),
        bytes_out=response.calculate_content_length(),
        address=request.remote_addr,
        caller=g.get("principal"),
    )
    return response


def _loggable_path(route: str) -> str:
    """Return the path, or only its route where the path itself lets somebody in."""
    return route if "<token>" in route else request.path


def _forget(_error: BaseException | None) -> None:
    structlog.contextvars.unbind_contextvars("request_id")
