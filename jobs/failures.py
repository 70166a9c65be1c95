"""Failures that are alike: one kind of job, one error, one place. What has one fingerprint is one thing to mend."""

from __future__ import annotations

import traceback
from datetime import datetime, timedelta
from typing import Any, Final, Literal
from uuid import UUID

from jobs.operations import audit
from jobs.work import Work
from sql.database import Connection, queries
from ticketing.errors import ConditionNotMet, InvalidInput, NotFound

Window = Literal["1h", "24h", "7d"]

WINDOWS: Final[dict[Window, timedelta]] = {
    "1h": timedelta(hours=1),
    "24h": timedelta(hours=24),
    "7d": timedelta(days=7),
}
LOOKED_AT: Final = 50_000
"""How many jobs are grouped at most, the newest failures first: what failed more often than that fails all the time."""
MOST_GROUPS: Final = 200
COUNT_CAP: Final = 10_001

# Where errors come from. The floors below carry everybody's errors, so a place there would say nothing.
_OURS = frozenset({"admin_api", "cli", "integrations", "jobs", "scheduler", "ticketing"})


def place_of(error: BaseException, module: str) -> str | None:
    """Return where an error was raised: the innermost function of our code, or of the package of `module`.

    That is the module of the job's body. None when no such function was under way.
    """
    ours, found = _OURS | {module.partition(".")[0]}, None
    for frame, _ in traceback.walk_tb(error.__traceback__):
        name = str(frame.f_globals.get("__name__", ""))
        if name.partition(".")[0] in ours:
            found = f"{name}.{frame.f_code.co_qualname}"
    return found


def list_failures(
    connection: Connection, now: datetime, window: Window = "24h", *, muted: bool | None = False
) -> list[dict[str, Any]]:
    """Return the groups of discarded and retrying jobs that failed last within the window, the most frequent first.

    `muted` False leaves out what operators have muted, True shows that alone, None both.
    """
    return list(
        queries("failures").list_failures(
            connection, since=now - WINDOWS[window], muted=muted, cap=LOOKED_AT, most=MOST_GROUPS
        )
    )


def count_failed(connection: Connection, since: datetime, state: Literal["discarded", "retryable"]) -> dict[str, Any]:
    """Return how many `jobs` came to the state since then, up to 10,001, and when the last of them failed (`last_at`).

    What is muted is not counted.
    """
    row: dict[str, Any] = queries("failures").count_failed_since(connection, since=since, state=state, cap=COUNT_CAP)
    return row


def find(connection: Connection, fingerprint: UUID) -> dict[str, Any]:
    """Return what is known of a group of failures. Raises NotFound."""
    row: dict[str, Any] | None = queries("failures").find_failure(connection, fingerprint=fingerprint)
    if row is None:
        raise NotFound(f"No failures have the fingerprint {fingerprint}")
    return row


def mute(work: Work, fingerprint: UUID, note: str) -> None:
    """Have a group of failures no more among what needs attention; the note tells everybody why.

    Raises NotFound, and InvalidInput without a note.
    """
    if not note.strip():
        raise InvalidInput("A note is needed: others will want to know why", details={"note": "must not be blank"})
    muted = queries("failures").mute_failure(
        work.connection, fingerprint=fingerprint, now=work.now, who=work.actor.name, note=note.strip()
    )
    if muted is None:
        raise NotFound(f"No failures have the fingerprint {fingerprint}")
    audit(work, "failure_mute", ("failure", fingerprint), reason=note.strip())


def unmute(work: Work, fingerprint: UUID, reason: str | None = None) -> None:
    """Let a group of failures be told of again. Raises NotFound, and ConditionNotMet when it is not muted."""
    find(work.connection, fingerprint)
    if queries("failures").unmute_failure(work.connection, fingerprint=fingerprint) is None:
        raise ConditionNotMet("These failures are not muted")
    audit(work, "failure_unmute", ("failure", fingerprint), reason=reason)
