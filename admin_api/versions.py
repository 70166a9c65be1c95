"""Versions of tickets over HTTP: what `If-Match` accepts, and the `ETag` to come back with."""

from __future__ import annotations

from typing import Any

from flask import Response, request

from ticketing.ticket_changes import version


def expected_versions() -> set[str]:
    """Return the versions that `If-Match` accepts; none named, or `*`: any."""
    return set() if request.if_match.star_tag else request.if_match.as_set(include_weak=True)


def with_version(response: Response, ticket: dict[str, Any]) -> Response:
    """Give an answer that shows a ticket its ETag: the version to change the ticket by."""
    response.set_etag(version(ticket["updated_at"]))
    return response
