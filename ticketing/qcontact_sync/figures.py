"""How the sync does: its last exchange, the last day and week, what waits, and whether that is healthy."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from sql.database import Connection, queries
from ticketing.qcontact_sync import pushes
from ticketing.qcontact_sync.runs import success_rate
from ticketing.qcontact_sync.views import tally
from ticketing.vocabulary import SyncDirection, SyncStatus

HEALTHY_RATE = 0.8
MOST_FAILURES = 10
DAY, WEEK = timedelta(days=1), timedelta(days=7)


def read_status(connection: Connection, now: datetime) -> dict[str, Any]:
    """Return the figures of the wire contract, nested and flat."""
    named = queries("qcontact_log")
    last = named.find_last_logged(connection)
    day = list(named.count_logged_since(connection, since=now - DAY))
    week = list(named.count_logged_since(connection, since=now - WEEK))
    run = queries("qcontact_runs").find_last_run(connection)
    sweep = queries("qcontact_runs").find_last_sweep(connection)
    waiting = count_waiting(connection)
    last_day, last_week = tally(day), tally(week)
    issues = issues_of(last_day["total"], last_day["by_status"]["failed"])
    return {
        "last_sync": _last(last),
        "last_24h": _day(last_day),
        "last_7d": {"by_direction": _by_direction(week)},
        "health": {"is_healthy": not issues, "health_issues": issues},
        "last_sync_at": last["synced_at"] if last else None,
        "last_sync_status": last["status"] if last else None,
        "last_sync_duration_seconds": (run["finished_at"] - run["started_at"]).total_seconds() if run else None,
        "read_until": sweep["started_at"] if sweep else None,
        "pending_outbound": pushes.count_due(connection),
        **waiting,
        "failed_last_24h": last_day["by_status"]["failed"],
        "success_rate_last_7d": round(100 * last_week["success_rate"], 2),
        "is_healthy": not issues,
        "health_issues": issues,
    }


def count_waiting(connection: Connection) -> dict[str, int]:
    """Return how many cases are yet to be read, conflicts are open, and cases left the list, by the wire names."""
    row: dict[str, int] = queries("qcontact_log").count_waiting(connection)
    return row


def issues_of(total: int, failed: int) -> list[str]:
    """Return what is wrong with a day of `total` exchanges of which `failed` failed; nothing happened is not wrong."""
    issues = []
    rate = success_rate(total, failed)
    if rate < HEALTHY_RATE:
        issues.append(f"The success rate of the last 24 hours is {rate:.0%}, below {HEALTHY_RATE:.0%}")
    if failed > MOST_FAILURES:
        issues.append(f"{failed} exchanges failed in the last 24 hours")
    return issues


def outbound_since(connection: Connection, since: datetime) -> dict[str, int]:
    """Return how many exchanges to the CRM the log has since a moment, by status."""
    found = dict.fromkeys((word.value for word in SyncStatus), 0)
    for row in queries("qcontact_log").count_logged_since(connection, since=since):
        if row["sync_direction"] == SyncDirection.OUTBOUND:
            found[row["status"]] = row["rows"]
    return found


def _last(row: Mapping[str, Any] | None) -> dict[str, Any] | None:
    if row is None:
        return None
    return {name: row[name] for name in ("synced_at", "status", "sync_type", "sync_direction")}


def _day(counts: Mapping[str, Any]) -> dict[str, Any]:
    by_status = counts["by_status"]
    names = {"successful": "success", "failed": "failed", "partial": "partial"}
    told = {name: by_status[status] for name, status in names.items()}
    return {"total": counts["total"], **told, "success_rate": counts["success_rate"]}


def _by_direction(counts: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, int]]:
    found = {word.value: {"total": 0, "successful": 0, "failed": 0} for word in SyncDirection}
    for row in counts:
        direction = found[row["sync_direction"]]
        direction["total"] += row["rows"]
        if row["status"] == SyncStatus.SUCCESS:
            direction["successful"] += row["rows"]
        elif row["status"] == SyncStatus.FAILED:
            direction["failed"] += row["rows"]
    return found
