"""Starting syncs that somebody asks for, following their jobs for a moment, and telling what they did."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from jobs.kinds.push_to_qcontact import PushToQContact, push_to_qcontact, why_off
from jobs.kinds.reread_qcontact_case import RereadQContactCase, reread_qcontact_case
from jobs.kinds.sync_qcontact import sync_qcontact
from jobs.kinds.sync_qcontact_recent import sync_qcontact_recent
from jobs.kinds.sync_unpushed_tickets import sync_unpushed_tickets
from jobs.ledger import EnqueuedJob
from jobs.platform import Platform
from jobs.work import Work
from sql.database import queries
from ticketing.qcontact_sync import figures, listing, runs
from ticketing.qcontact_sync.requests import SyncRequest
from ticketing.vocabulary import SyncDirection

LOOK_EVERY = 0.2
ENDED = frozenset({"completed", "discarded", "cancelled"})
RECOVERABLE = frozenset(
    {
        "OUTSIDE_UNREACHABLE", "OUTSIDE_NO_ANSWER", "OUTSIDE_SERVER_FAILED", "OUTSIDE_TOO_MANY_REQUESTS",
        "OUTSIDE_NOT_SIGNED_IN",
    }
)  # fmt: skip


def start(work: Work, asked: SyncRequest) -> list[EnqueuedJob]:
    """Enqueue what is asked for; a job that waits already is not made twice.

    Raises InvalidInput for an unknown direction and a period that ends before it begins.
    """
    directions, period = asked.directions(), asked.period()
    jobs: list[EnqueuedJob] = []
    some = asked.ticket_ids is not None or period is not None
    cases = listing.list_cases_of(work, asked.ticket_ids, period) if some else []
    if SyncDirection.INBOUND in directions:
        reread = [RereadQContactCase(case_id=case_id) for _, case_id in cases]
        everything = sync_qcontact if asked.force_resync else sync_qcontact_recent
        jobs += work.enqueue_many(reread_qcontact_case, reread) if some else [work.enqueue(everything)]
    if SyncDirection.OUTBOUND in directions:
        push = [PushToQContact(ticket_id=ticket_id) for ticket_id, _ in cases]
        jobs += work.enqueue_many(push_to_qcontact, push) if some else [work.enqueue(sync_unpushed_tickets)]
    return jobs


def reread(work: Work, ticket_id: UUID) -> list[EnqueuedJob]:
    """Enqueue another reading of one ticket's case. Raises NotFound for a ticket that no case belongs to."""
    listing.find_case(work.connection, ticket_id)
    return start(work, SyncRequest(sync_direction=SyncDirection.INBOUND, ticket_ids=[ticket_id]))


def start_recent(work: Work) -> EnqueuedJob:
    """Enqueue a sync of what is new; one that waits already is not made twice."""
    return work.enqueue(sync_qcontact_recent)


def follow(platform: Platform, job_ids: Sequence[UUID], seconds: float) -> list[Mapping[str, Any]]:
    """Return the jobs' rows as soon as all have ended, or as they are after so many seconds."""
    deadline = time.monotonic() + seconds
    while True:
        with platform.read() as connection:
            rows = [queries("job_views").get_job(connection, id=job_id) for job_id in job_ids]
        if time.monotonic() >= deadline or all(row["state"] in ENDED for row in rows):
            return rows
        time.sleep(LOOK_EVERY)


def result_of(platform: Platform, rows: Sequence[Mapping[str, Any]], asked: SyncRequest) -> dict[str, Any]:
    """Return what the jobs of a sync did, in the shape of the wire contract (`sync_result` and `summary`).

    What is not read or not written back says so: nothing counts as synced that was not.
    """
    began = min((row["created_at"] for row in rows), default=platform.clock.now())
    ended = max((row["finished_at"] for row in rows if row["finished_at"]), default=None if rows else began)
    with platform.read() as connection:
        found = [runs.find_of_job(connection, row["id"]) for row in rows]
        done = [run for run in found if run is not None]
        errors = [_error(failure) for run in done for failure in runs.list_failures(connection, run["id"])]
        outbound = figures.outbound_since(connection, began)
    directions = asked.directions()
    inbound_stats = _inbound([runs.summary(run) for run in done])
    outbound_stats = _outbound(outbound if SyncDirection.OUTBOUND in directions else {})
    errors += [_job_error(row) for row in rows if row["state"] in _FAILED]
    # What was not there has a run that tells of it.
    unread = [why_unread(row) for row, run in zip(rows, found, strict=True) if run is None]
    errors += [_unread(why, began) for why in dict.fromkeys(unread) if why]
    why = why_off(platform.settings) if SyncDirection.OUTBOUND in directions else None
    errors += [_unwritten(why, began)] if why else []
    result = _totals(inbound_stats, outbound_stats) | {
        "started_at": began,
        "completed_at": ended,
        "duration_seconds": (ended - began).total_seconds() if ended else None,
        "inbound_stats": inbound_stats,
        "outbound_stats": outbound_stats,
        "errors": errors,
    }
    return {"sync_result": result, "summary": _summary(result, directions)}


def why_unread(row: Mapping[str, Any]) -> str | None:
    """Return why a job that ended read nothing, as where QContact is not set up; None for every other job."""
    result = row["result"] or {}
    return str(result["reason"]) if result.get("synced") is False else None


_FAILED = frozenset({"discarded", "cancelled"})
_STATS = ("total_processed", "successful", "failed", "partial", "skipped", "created", "updated")


def _inbound(summaries: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    def total(*names: str) -> int:
        return sum(summary[name] for summary in summaries for name in names)

    return {
        "total_processed": total("processed"),
        "successful": total("created", "updated", "unchanged"),
        "failed": total("failed"),
        "partial": total("conflicts"),
        "skipped": total("skipped"),
        "created": total("created"),
        "updated": total("updated"),
    }


def _outbound(counts: Mapping[str, int]) -> dict[str, int]:
    told = {"total_processed": sum(counts.values()), "successful": counts.get("success", 0)}
    return dict.fromkeys(_STATS, 0) | told | {name: counts.get(name, 0) for name in ("failed", "partial")}


def _totals(inbound: Mapping[str, int], outbound: Mapping[str, int]) -> dict[str, Any]:
    failed = inbound["failed"] + outbound["failed"]
    processed = inbound["total_processed"] + outbound["total_processed"]
    return {
        "total_success": inbound["successful"] + outbound["successful"],
        "total_failed": failed,
        "success_rate": runs.success_rate(processed, failed),
    }


def _summary(result: Mapping[str, Any], directions: Sequence[SyncDirection]) -> dict[str, Any]:
    totals = {name: result[name] for name in ("duration_seconds", "total_success", "total_failed", "success_rate")}
    inbound, outbound = result["inbound_stats"], result["outbound_stats"]
    processed = inbound["total_processed"] + outbound["total_processed"]
    return totals | {
        "direction": "bidirectional" if len(directions) > 1 else directions[0].value,
        "total_processed": processed,
        "inbound": {"processed": inbound["total_processed"]}
        | {name: inbound[name] for name in ("successful", "failed", "created", "updated")},
        "outbound": {"processed": outbound["total_processed"]}
        | {name: outbound[name] for name in ("successful", "failed")},
    }


def _error(failure: Mapping[str, Any]) -> dict[str, Any]:
    names = ("ticket_id", "qcontact_ticket_id", "sync_type", "error_message", "error_code")
    told = {name: failure[name] for name in names}
    return told | {"timestamp": failure["synced_at"], "recoverable": failure["error_code"] in RECOVERABLE}


def _job_error(row: Mapping[str, Any]) -> dict[str, Any]:
    """Tell of a job that was given up; a person may retry it."""
    return {
        "ticket_id": None,
        "qcontact_ticket_id": None,
        "sync_type": "full_sync",
        "error_message": row["error_message"] or row["cancel_reason"] or f"The job was {row['state']}",
        "error_code": "SYNC_ERROR",
        "timestamp": row["finished_at"],
        "recoverable": True,
    }


def _unread(why: str, at: datetime) -> dict[str, Any]:
    return _unavailable("INBOUND_UNAVAILABLE", "full_sync", f"Nothing was read: {why}", at)


def _unwritten(why: str, at: datetime) -> dict[str, Any]:
    return _unavailable("OUTBOUND_UNAVAILABLE", "status_update", f"Nothing was written back: {why}", at)


def _unavailable(code: str, sync_type: str, message: str, at: datetime) -> dict[str, Any]:
    return {
        "ticket_id": None,
        "qcontact_ticket_id": None,
        "sync_type": sync_type,
        "error_message": message,
        "error_code": code,
        "timestamp": at,
        "recoverable": False,
    }
