"""Answers: the envelope of the wire contract, and JSON that keeps times, ids and numbers as the contract says."""

from __future__ import annotations

import dataclasses
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID

from flask import Response, json
from flask.json.provider import DefaultJSONProvider
from pydantic import BaseModel, Field

from admin_api import context


class Meta(BaseModel):
    """What every answer carries beside its data."""

    timestamp: datetime = Field(description="When the answer was made, ISO-8601, UTC")


class Success(BaseModel):
    """An answer that went well."""

    success: bool = True
    data: Any = None
    message: str | None = None
    meta: Meta


class Problem(BaseModel):
    """What went wrong."""

    code: str = Field(description="Stable, for programs")
    message: str = Field(description="For people: what is wrong and what to do")
    details: Any = None


class Failure(BaseModel):
    """An answer that did not go well."""

    success: bool = False
    error: Problem
    meta: Meta


def success(
    data: Any,
    message: str | None = None,
    status: int = 200,
    meta: dict[str, Any] | None = None,
    pagination: dict[str, Any] | None = None,
    counts: dict[str, int] | None = None,
    count: int | None = None,
    summary: dict[str, Any] | None = None,
) -> Response:
    """Return the success envelope: `data` is anything JSON-ready (see `JsonProvider`), `meta` is added to the time."""
    envelope: dict[str, Any] = {"success": True, "data": data}
    if message is not None:
        envelope["message"] = message
    if pagination is not None:
        envelope["pagination"] = pagination
    if counts is not None:
        envelope["counts"] = counts
    if count is not None:
        envelope["count"] = count
    if summary is not None:
        envelope["summary"] = summary
    envelope["meta"] = {"timestamp": context.now(), **(meta or {})}
    return _json(envelope, status)


def success_without_data(message: str) -> Response:
    """Return the success envelope of what has nothing to show: it has no `data` at all."""
    return _json({"success": True, "message": message, "meta": {"timestamp": context.now()}}, 200)


def bare(data: Any, status: int = 200) -> Response:
    """Return JSON without an envelope, for the few routes of which the contract wants it so."""
    return _json(data, status)


def failure(code: str, message: str, status: int, details: Any = None) -> Response:
    """Return the failure envelope. Routes raise errors instead; `admin_api.problems` calls this."""
    error: dict[str, Any] = {"code": code, "message": message}
    if details is not None:
        error["details"] = details
    return _json({"success": False, "error": error, "meta": {"timestamp": context.now()}}, status)


def _json(envelope: dict[str, Any], status: int) -> Response:
    return Response(json.dumps(envelope), status=status, content_type="application/json")


def download(content: bytes, filename: str, content_type: str) -> Response:
    """Return a file to be saved under `filename` (ASCII letters, digits, dot, dash and underscore)."""
    response = Response(content, content_type=content_type)
    response.headers.set("Content-Disposition", "attachment", filename=filename)
    return response


def to_json(value: Any) -> Any:
    """Return the JSON-ready form of one value that JSON does not know.

    Aware times become UTC with `Z`; decimals become numbers; durations become seconds; sets become sorted lists.
    """
    if isinstance(value, datetime):
        return _instant(value)
    if isinstance(value, BaseModel):
        return value.model_dump(mode="python", by_alias=True)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if isinstance(value, set | frozenset):
        return sorted(value, key=str)
    return _scalar(value)


def _scalar(value: Any) -> Any:
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, Enum):
        return value.value
    raise TypeError(f"{type(value).__name__} has no JSON form")


def _instant(value: datetime) -> str:
    if value.tzinfo is None:
        raise TypeError("A time without a zone must not leave the API")
    return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class JsonProvider(DefaultJSONProvider):
    """Flask's JSON, with the contract's forms of times, ids and numbers; keys stay in the order they were given."""

    default = staticmethod(to_json)
    sort_keys = False
    ensure_ascii = False
