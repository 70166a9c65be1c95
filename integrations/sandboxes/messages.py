"""What comes in and what goes out: a request as routes see it, and the answer that they give."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit


class BadRequest(ValueError):
    """The request cannot be understood; answered with 400 and the message."""


@dataclass(frozen=True)
class Request:
    """One request. `headers` has lower-case names; `facts` is where a route notes for the journal what it did."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes
    facts: dict[str, Any] = field(default_factory=dict)

    @cached_property
    def path(self) -> str:
        """The path without its query, percent signs resolved."""
        return unquote(urlsplit(self.target).path)

    @cached_property
    def query_pairs(self) -> list[tuple[str, str]]:
        """Every parameter of the query in order, repeated names included."""
        return parse_qsl(urlsplit(self.target).query, keep_blank_values=True)

    @cached_property
    def query(self) -> dict[str, str]:
        """The parameters of the query; of a repeated name the last."""
        return dict(self.query_pairs)

    @cached_property
    def content(self) -> Any:
        """The body for the journal: parsed when it is JSON, else text; None when there is none."""
        if not self.body:
            return None
        try:
            return json.loads(self.body)
        except ValueError:
            return self.body.decode("utf-8", errors="replace")

    def json(self) -> Any:
        """Return the body parsed. Raises BadRequest when it is no JSON."""
        try:
            return json.loads(self.body)
        except ValueError as error:
            raise BadRequest("the body is not JSON") from error

    def json_object(self) -> dict[str, Any]:
        """Return the body as an object; an empty body is an empty one. Raises BadRequest for anything else."""
        value = self.json() if self.body else {}
        if not isinstance(value, dict):
            raise BadRequest("the body must be a JSON object")
        return value

    def whole_number(self, name: str, default: int) -> int:
        """Return a parameter of the query as a whole number from 0 on. Raises BadRequest."""
        text = self.query.get(name, "")
        if not text:
            return default
        if not text.isdecimal():
            raise BadRequest(f"{name} must be a whole number")
        return int(text)


@dataclass(frozen=True)
class Answer:
    """An answer: bytes go out as they are, text as HTML, None as an empty body, all else as JSON."""

    status: int = 200
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)

    def encoded(self) -> tuple[bytes, dict[str, str]]:
        """Return the body's bytes and the headers with its type; a type that was given stays."""
        if self.body is None:
            return b"", dict(self.headers)
        if isinstance(self.body, bytes):
            data, kind = self.body, "application/octet-stream"
        elif isinstance(self.body, str):
            data, kind = self.body.encode(), "text/html; charset=utf-8"
        else:
            data, kind = json.dumps(self.body, ensure_ascii=False).encode(), "application/json; charset=utf-8"
        named = {name.lower() for name in self.headers}
        return data, {**({} if "content-type" in named else {"Content-Type": kind}), **self.headers}
