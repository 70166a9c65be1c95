"""What a change of a ticket comes to, as pure rules: which fields differ, which move follows, what a move brings.

A ticket here is a row of `lock_ticket`; fields have the names of the wire, except that a position is two fields.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from ticketing.input_text import plain_lines
from ticketing.vocabulary import Status

ASSIGNEE_FIELDS = ("assigned_to", "assigned_contractor_id", "assigned_team_id")
ASSIGNMENT_FIELDS = frozenset({*ASSIGNEE_FIELDS, "assigned_team"})

# What the readiness check looks at, besides photos (domain page, "QA readiness").
CHECKED_FIELDS = frozenset({"dr_number", "pole_number", "pon_number", "zone_id", "ont_serial", "ont_rx_level"})

# A client whose clock of choice knows no microseconds (JavaScript) must still be able to name a version.
_VERSION_STEP = timedelta(milliseconds=1)


def difference(row: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return those of the given values that differ from what a row of the ticket, or of a part of it, has.

    Line ends alone are no difference.
    """
    return {field: value for field, value in given.items() if plain_lines(row[field]) != plain_lines(value)}


def target_status(current: str, requested: str | None, given: Mapping[str, Any]) -> str:
    """Return the status that a request comes to.

    An open ticket that is given to somebody (user, contractor or team) becomes assigned (domain page, "Status
    machine"), unless the request names another status.
    """
    wanted = requested or current
    if wanted == current == Status.OPEN and any(given.get(field) is not None for field in ASSIGNEE_FIELDS):
        return Status.ASSIGNED.value
    return wanted


def withdraws_readiness(changed: Mapping[str, Any]) -> bool:
    """Whether a change of these fields makes a readiness check that passed before it worthless."""
    return not CHECKED_FIELDS.isdisjoint(changed)


def consequences(
    ticket: Mapping[str, Any], target: str, *, now: datetime, closed_by: UUID | None = None
) -> dict[str, Any]:
    """Return the fields that a move sets by itself: a rejection is counted, a closing is signed."""
    if target == ticket["status"]:
        return {}
    moved: dict[str, Any] = {"status": target}
    if target == Status.QA_REJECTED:
        moved["rectification_count"] = ticket["rectification_count"] + 1
    if target == Status.CLOSED:
        # Another process's clock may have been ahead when the ticket was made.
        moved |= {"closed_at": max(now, ticket["created_at"]), "closed_by": closed_by}
    return moved


def next_version(updated_at: datetime, now: datetime) -> datetime:
    """Return the `updated_at` of a write: the present, but always in a later millisecond than the one before.

    So versions differ even as text cut to milliseconds, and when clocks of two machines disagree.
    """
    return max(now, after_version(updated_at))


def after_version(updated_at: datetime) -> datetime:
    """Return the first moment that cannot belong to the version of `updated_at` any more."""
    return updated_at.replace(microsecond=updated_at.microsecond // 1000 * 1000) + _VERSION_STEP


def version(updated_at: datetime) -> str:
    """Return the version of a ticket as clients see it: ISO-8601, UTC, to the millisecond."""
    return updated_at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def json_ready(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return values of a ticket as an event keeps them: plain JSON, with the types of the wire."""
    return {field: _json(value) for field, value in values.items()}


def _json(value: Any) -> Any:
    if isinstance(value, datetime):
        return version(value)
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, Decimal):
        return float(value)
    return value
