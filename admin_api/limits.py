"""Rate limits: counted in Redis per API key or person, per address for everyone else, and open when Redis is away.

A limit protects the service from one caller; it must not become the reason why no caller is served. So when Redis does
not answer, requests pass, a counter says how many did, and Redis is left alone for a moment.
"""

from __future__ import annotations

import math
import time
from typing import Any

from flask import Flask, current_app, g, request
from flask_limiter import Limiter, RequestLimit
from limits.errors import StorageError

from admin_api import context, problems
from runtime.logging import get_logger
from runtime.settings import Settings

log = get_logger(__name__)

REDIS_TIMEOUT = 0.25
QUIET_AFTER_FAILURE = 2.0


class FailOpenLimiter(Limiter):
    """Flask-Limiter that lets requests pass while its storage is away, and counts them."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._quiet_until = 0.0

    def _check_request_limit(self, callable_name: str | None = None, in_middleware: bool = True) -> None:
        if time.monotonic() < self._quiet_until:
            context.services().metrics.limit_failed_open()
            return
        try:
            super()._check_request_limit(callable_name, in_middleware)
        except StorageError as error:
            self._quiet_until = time.monotonic() + QUIET_AFTER_FAILURE
            context.services().metrics.limit_failed_open()
            log.warning("rate limits are open: Redis does not answer", error=str(error))


def register(app: Flask, settings: Settings) -> None:
    """Check every request of the app against `settings.api_rate_limit`, except the public ones of the operators.

    Without a Redis there is nothing to count in, and no limit.
    """
    if settings.redis_url is None:
        return
    FailOpenLimiter(
        key_func=_caller,
        app=app,
        application_limits=[settings.api_rate_limit],
        storage_uri=_storage_uri(settings.redis_url.get_secret_value()),
        storage_options={
            "wrap_exceptions": True,
            "socket_connect_timeout": REDIS_TIMEOUT,
            "socket_timeout": REDIS_TIMEOUT,
        },
        key_prefix=f"{settings.redis_namespace}:limits",
        in_memory_fallback_enabled=False,
        headers_enabled=False,
        on_breach=_refuse,
    ).request_filter(_is_exempt)


def _storage_uri(redis_url: str) -> str:
    """Return the URL as the limits library spells it."""
    return f"redis+{redis_url}" if redis_url.startswith("unix://") else redis_url


def _caller() -> str:
    return g.principal or f"address:{request.remote_addr}"


def _is_exempt() -> bool:
    return request.method == "OPTIONS" or request.endpoint in current_app.config["FIBREFLOW_UNLIMITED"]


def _refuse(limit: RequestLimit) -> Any:
    wait = _seconds_left(limit)
    response = problems.show_failure("RATE_LIMITED", f"Too many requests ({limit.limit}); try again in {wait} s", 429)
    response.headers["Retry-After"] = str(wait)
    return response


def _seconds_left(limit: RequestLimit) -> int:
    try:
        return max(1, math.ceil(limit.reset_at - time.time()))
    except StorageError:
        return int(limit.limit.get_expiry())
