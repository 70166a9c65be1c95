"""Versions of tickets over HTTP: what `If-Match` accepts, and the `ETag` to come back with."""

from __future__ import annotations

from typing import Any

from flask import Response, request
from pydantic import BaseModel

from ticketing.instants import Instant
from ticketing.ticket_changes import version


def expected_versions() -> set[str]:
    """Return the versions that `If-Match` accepts; none named, or `*`: any."""
    return set() if request.if_match.star_tag else request.if_match.as_set(include_weak=True)


class Seen(BaseModel):
    """The version that the sender of a request without other fields has seen."""

    updated_at: Instant | None = None


def expected_versions_or_body() -> set[str]:
    """Return the versions that `If-Match` accepts, else the one of `updated_at` in a body, which need not be there.

    Raises pydantic.ValidationError for an `updated_at` that is no time with a zone.
    """
    body = request.get_json(silent=True)
    seen = Seen.model_validate(body if isinstance(body, dict) else {}).updated_at
    return expected_versions() or (set() if seen is None else {version(seen)})


def with_version(response: Response, ticket: dict[str, Any]) -> Response:
    """Give an answer that shows a ticket its ETag: the version to change the ticket by."""
    response.set_etag(version(ticket["updated_at"]))
    return response
