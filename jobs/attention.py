"""What needs a person first: jobs given up, clocks and processes that stand still, services outside, open decisions.

Nothing is told that nobody has to do anything about.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

from jobs import failures, health, views
from jobs.platform import Platform
from sql.database import Connection, queries
from ticketing.dashboard import figures as dashboard
from ticketing.dashboard import lists
from ticketing.dashboard.health import HealthView
from ticketing.dashboard.health import show as how_imports_do
from ticketing.dashboard.rules import Days, Figures
from ticketing.paging import PageRequest
from ticketing.people import Actor, Role
from ticketing.qcontact_sync import figures as qcontact
from ticketing.triage import views as triage
from ticketing.triage.rules import MAY_SEE as MAY_SEE_TRIAGE

Level = Literal["danger", "warning"]

SEES: Final[tuple[Role, ...]] = ("manager", "operator", "qa", "viewer")
SEES_JOBS: Final[tuple[Role, ...]] = ("operator", "manager", "viewer")

FAILED_WITHIN = timedelta(hours=24)
# A process that fell silent longer ago is either back under another id or missed as a whole (`workers`).
SILENT_WITHIN = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Concern:
    """One thing that needs somebody: its name, how bad it is, what is said of it, how much of it, since when."""

    name: str
    level: Level
    message: str
    advice: str | None = None
    number: int | None = None
    since: datetime | None = None


def list_concerns(
    platform: Platform,
    connection: Connection,
    actor: Actor,
    *,
    tickets: Figures | None = None,
    doing: HealthView | None = None,
) -> list[Concern]:
    """Return what needs somebody among all that the actor may look at, the worst first.

    Who has the tickets' figures or the health of imports at hand may give them: they are read otherwise.
    """
    now = platform.clock.now()
    found: list[Concern] = []
    if actor.has_role(*SEES_JOBS):
        found += _jobs(connection, now)
        found += _parts(platform, connection)
        found += _processes(connection, now)
    if actor.has_role(*SEES):
        found += _tickets(connection, tickets or dashboard.summarise(connection, now, Days()))
        found += _outside(connection, doing or how_imports_do(connection, now))
    if actor.has_role(*MAY_SEE_TRIAGE):
        found += _messages(connection)
    return sorted(found, key=lambda concern: concern.level != "danger")


def _jobs(connection: Connection, now: datetime) -> Iterator[Concern]:
    given_up = failures.count_failed(connection, now - FAILED_WITHIN, "discarded")
    if given_up["jobs"]:
        yield Concern(
            name="discarded",
            level="danger",
            message=f"{_counted(given_up['jobs'], failures.COUNT_CAP, 'job')} given up in the last 24 hours",
            advice="See what they have in common; retry them once it is mended, or mute it with a note",
            number=given_up["jobs"],
            since=given_up["last_at"],
        )


def _parts(platform: Platform, connection: Connection) -> Iterator[Concern]:
    for finding in health.look_behind(platform, connection):
        if finding.state != "ok":
            bad = finding.part in ("scheduler", "schedules", "workers")
            yield Concern(
                name=finding.part,
                level="danger" if bad else "warning",
                message=finding.message,
                advice=finding.remedy,
            )


def _processes(connection: Connection, now: datetime) -> Iterator[Concern]:
    for worker in views.list_workers(connection, now):
        if worker["status"] == "lost" and worker["heartbeat_at"] > now - SILENT_WITHIN:
            yield Concern(
                name="silent",
                level="warning",
                message=f"The {worker['role']} {worker['host']}:{worker['pid']} gives no sign of life",
                advice="Its jobs are given to others; see what became of the process",
                since=worker["heartbeat_at"],
            )
    if not any(queue["paused"] for queue in queries("statistics").queue_switches(connection)):
        return
    for queue in views.list_queues(connection):
        if queue["paused_at"] is not None and queue["available"]:
            waiting = _counted(queue["available"], views.COUNT_CAP, "job")
            yield Concern(
                name="paused",
                level="warning",
                message=f"{waiting} waiting in {queue['name']}, which {queue['paused_by']} has paused",
                advice=queue["pause_reason"],
                number=queue["available"],
                since=queue["paused_at"],
            )


def _tickets(connection: Connection, figures: Figures) -> Iterator[Concern]:
    overdue = figures.overdue
    if overdue:
        yield Concern(
            name="overdue",
            level="warning",
            message=f"{_counted(overdue, None, 'ticket')} past the time that the SLA allows",
            number=overdue,
        )
    scopes = lists.count_unresolved(connection, None)
    waiting = sum(scope["open"] for scope in scopes)
    if waiting:
        yield Concern(
            name="escalations",
            level="warning",
            message=f"{_counted(waiting, None, 'repeat fault')} nobody looks into yet",
            number=waiting,
            since=min(scope["oldest_at"] for scope in scopes if scope["oldest_at"]),
        )


_IMPORTS = {
    "failed": ("danger", "The last weekly report could not be imported"),
    "rejected_rows": ("warning", "The last weekly report has rows that were not taken"),
    "stale": ("warning", "This week's report has not been imported"),
}


def _outside(connection: Connection, doing: HealthView) -> Iterator[Concern]:
    report = doing.weekly_import
    if report.state in _IMPORTS:
        level, message = _IMPORTS[report.state]
        yield Concern(
            name="import",
            level="danger" if level == "danger" else "warning",
            message=message,
            advice=report.failure_message,
            number=report.rejected_rows or None,
            since=report.last_completed_at if report.state == "stale" else report.uploaded_at,
        )
    if doing.qcontact_sync.state == "failing":
        yield Concern(name="sync", level="warning", message="The last exchange with QContact failed")
    conflicts = qcontact.count_waiting(connection)["open_conflicts"]
    if conflicts:
        yield Concern(
            name="conflicts",
            level="warning",
            message=f"{_counted(conflicts, None, 'conflict')} with QContact to decide",
            number=conflicts,
        )


def _messages(connection: Connection) -> Iterator[Concern]:
    waiting = triage.list_items(connection, None, None, PageRequest(size=1, cursor=None)).open_items
    if waiting:
        yield Concern(
            name="triage",
            level="warning",
            message=f"{_counted(waiting, None, 'WhatsApp message')} to be given a place",
            number=waiting,
        )


def _counted(number: int, cap: int | None, noun: str) -> str:
    if cap is not None and number >= cap:
        return f"More than {cap - 1:,} {noun}s"
    return f"{number:,} {noun}" + ("" if number == 1 else "s")
