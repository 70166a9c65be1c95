"""Structured logs: one JSON object a line, with the request, job and ticket they belong to, and nothing secret.

Secrets, tokens, e-mail addresses and phone numbers are masked on the way out, whatever a caller passed.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

MASK = "***"
_SECRET_KEYS = re.compile(
    r"(password|secret|token|authorization|api_?key|cookie|signature|dsn|database_url|redis_url)", re.IGNORECASE
)
_PHONE_KEYS = re.compile(r"(phone|msisdn|chat_?id|contact)", re.IGNORECASE)
# South African numbers as people write them, and any in E.164; the decimals of a number are neither.
_PHONE = re.compile(r"(?<![\w-])(?<!\d\.)(?:(?:\+?27|0)[ -]?[1-8]\d[ -]?\d{3}[ -]?\d{4}|\+\d{8,15})(?!\w)")
# What stands before the @ of a URL is a user, whose password goes by itself.
_EMAIL = re.compile(r"(?<!://)(?<![\w.+-])[\w.+-]+@[\w-]+(?:\.[\w-]+)*\.[^\W\d_]{2,}")
_URL_PASSWORD = re.compile(r"(?<=://)([^:/@\s]*):[^@/\s]+@")
_BEARER = re.compile(r"(?i)\b(bearer\s+)[\w.~+/-]+=*|\bff_[a-z]+_\w{8,}")


def mask_secrets(text: str) -> str:
    """Return the text with URL passwords, bearer tokens and our API keys masked."""
    text = _URL_PASSWORD.sub(rf"\1:{MASK}@", text)
    return _BEARER.sub(lambda match: (match.group(1) or "") + MASK, text)


def mask_text(text: str) -> str:
    """Return the text with secrets, e-mail addresses and phone numbers masked.

    Phone numbers are known as South Africans write them, and in E.164 from anywhere.
    """
    return _PHONE.sub(MASK, _EMAIL.sub(MASK, mask_secrets(text)))


def mask(value: Any, key: str = "") -> Any:
    """Return a copy of a log value (or JSON-like tree) in which nothing secret is readable."""
    if _SECRET_KEYS.search(key) or _PHONE_KEYS.search(key):
        return MASK if value not in (None, "", 0, False) else value
    if isinstance(value, str):
        return mask_text(value)
    if isinstance(value, dict):
        return {name: mask(item, str(name)) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [mask(item) for item in value]
    return value


def _mask_event(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    return {key: mask(value, key) for key, value in event.items()}


def _naming(process: str) -> Any:
    """Name the process on every line: a context variable would name it on the lines of its first thread only."""

    def name(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        if process:
            event.setdefault("process", process)
        return event

    return name


def configure_logging(level: str = "info", output: str = "json", *, process: str = "") -> None:
    """Route structlog and the standard library's logging to stderr in one form (`json` or `console`)."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        _naming(process),
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        _mask_event,
    ]
    renderer: Any = (
        structlog.processors.JSONRenderer()
        if output == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    for noisy in ("apscheduler", "httpx", "httpcore", "psycopg.pool", "dramatiq", "yoyo"):
        logging.getLogger(noisy).setLevel(max(logging.WARNING, root.level))
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )


def get_logger(name: str) -> structlog.stdlib.BoundLogger:
    """Return the logger of a module (pass `__name__`)."""
    logger: structlog.stdlib.BoundLogger = structlog.get_logger(name)
    return logger
