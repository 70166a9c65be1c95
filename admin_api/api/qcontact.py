"""The sync with QContact: start it, how it does, its log, and the conflicts that a person decides."""

from __future__ import annotations

import hmac
from datetime import datetime
from typing import Annotated, Any, Literal, NoReturn
from uuid import UUID

from flask import Response, request
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from admin_api.auth import requires
from admin_api.blueprints import blueprint
from admin_api.context import now, platform, request_id, unit_of_work
from admin_api.idempotency import idempotent
from admin_api.problems import fails_as
from admin_api.requests import Moment, body_as, parse_uuid
from admin_api.responses import Failure, Success, success
from admin_api.sign_in import Unauthorized
from jobs.procedures import qcontact_requests
from jobs.procedures.qcontact_requests import ENDED
from runtime.errors import FibreflowError
from ticketing.paging import DEFAULT_ROWS, MAX_ROWS, PageRequest
from ticketing.people import Actor, Role
from ticketing.qcontact_sync import conflicts, figures, views
from ticketing.qcontact_sync.requests import ConflictChoice, SyncRequest
from ticketing.qcontact_sync.views import ConflictFilter, ConflictView, LogFilter, LogRowView
from ticketing.repeat_faults.rules import words_of
from ticketing.vocabulary import SyncDirection, SyncStatus, SyncType

api = blueprint("qcontact")

LONGEST_WAIT = 25.0
STARTS: tuple[Role, ...] = ("manager", "operator")
SEES: tuple[Role, ...] = ("manager", "operator", "qa", "viewer")
DECIDES: tuple[Role, ...] = ("manager",)

_Unset = BeforeValidator(lambda value: None if value == "" else value)
CRON = Actor(kind="schedule", name="cron", roles=frozenset({"operator"}))


class MethodNotAllowed(FibreflowError):
    """The address takes another method only."""

    code = "METHOD_NOT_ALLOWED"


class WaitQuery(BaseModel):
    """How long the caller waits for the end of what it starts."""

    model_config = ConfigDict(extra="ignore")

    wait: float = Field(
        default=LONGEST_WAIT, ge=0, le=LONGEST_WAIT, description="Seconds at most; 0 answers at once with the job"
    )


class PageQuery(BaseModel):
    """Which part of a list."""

    model_config = ConfigDict(extra="ignore")

    page: str | None = None
    page_size: str | None = Field(
        default=None, alias="pageSize", description=f"Rows, {DEFAULT_ROWS} if not given, {MAX_ROWS} at most"
    )
    cursor: str | None = Field(default=None, max_length=500, description="The `next_cursor` of an earlier answer")

    def request(self) -> PageRequest:
        """Return which part of the list is wanted."""
        return PageRequest.of(page=self.page, size=self.page_size, cursor=self.cursor)


class LogQuery(PageQuery):
    """Which rows of the sync log; words may come with commas or in parameters of their own."""

    ticket_id: Annotated[UUID | None, _Unset] = None
    qcontact_ticket_id: str | None = Field(default=None, max_length=100)
    sync_direction: str = Field(default="", description=f"One or more of {', '.join(SyncDirection)}")
    sync_type: str = Field(default="", description=f"One or more of {', '.join(SyncType)}")
    status: str = Field(default="", description=f"One or more of {', '.join(SyncStatus)}")
    synced_after: Annotated[Moment | None, _Unset] = None
    synced_before: Annotated[Moment | None, _Unset] = None

    def filter(self) -> LogFilter:
        """Return the filter. Raises InvalidInput, with `details.valid_values`, for a word that is none."""
        return LogFilter(
            ticket_id=self.ticket_id,
            case_id=self.qcontact_ticket_id or None,
            directions=words_of(SyncDirection, _all("sync_direction"), "sync_direction") or None,
            types=words_of(SyncType, _all("sync_type"), "sync_type") or None,
            statuses=words_of(SyncStatus, _all("status"), "status") or None,
            since=self.synced_after,
            until=self.synced_before,
        )


class ConflictsQuery(PageQuery):
    """Which conflicts; those that are open unless a status is named."""

    status: Literal["open", "ours", "theirs", "obsolete", "all"] = "open"
    ticket_id: UUID | None = None
    field: str | None = Field(default=None, max_length=100)

    def filter(self) -> ConflictFilter:
        """Return the filter."""
        status = None if self.status == "all" else self.status
        return ConflictFilter(status=status, ticket_id=self.ticket_id, field=self.field)


class StartedJob(BaseModel):
    """A job that does a part of the sync; `existing` if it waited already."""

    id: UUID
    kind: str
    state: str


class SyncView(BaseModel):
    """What was started and, once its jobs have ended, what they did."""

    job_id: UUID | None
    jobs: list[StartedJob]
    is_finished: bool
    sync_result: dict[str, Any] | None
    summary: dict[str, Any] | None


class SyncAnswer(Success):
    """A sync that was started."""

    data: SyncView


class StatusView(BaseModel):
    """How the sync does."""

    model_config = ConfigDict(extra="allow")

    last_sync_at: datetime | None
    read_until: datetime | None = Field(description="What QContact said by then is known here")
    pending_outbound: int
    pending_inbound: int
    open_conflicts: int
    is_healthy: bool
    health_issues: list[str]


class StatusAnswer(Success):
    """How the sync does."""

    data: StatusView


class LogView(BaseModel):
    """Rows of the sync log, and how many there are."""

    model_config = ConfigDict(extra="allow")

    logs: list[LogRowView]


class LogAnswer(Success):
    """Rows of the sync log, newest first."""

    data: LogView


class ConflictsAnswer(Success):
    """Conflicts, newest first."""

    data: list[ConflictView]


class ConflictAnswer(Success):
    """One conflict."""

    data: ConflictView


class CronView(BaseModel):
    """What the sync did; `status` is null while it goes on."""

    job_id: UUID
    status: Literal["success", "partial", "failed"] | None
    started_at: datetime
    completed_at: datetime | None
    duration_seconds: float | None
    summary: dict[str, Any] | None
    error_message: str | None
    error_code: str | None


class CronAnswer(Success):
    """What the sync did."""

    data: CronView


@api.post("/sync/qcontact", responses={200: SyncAnswer, 202: SyncAnswer, 500: Failure})
@requires(*STARTS)
@fails_as("SYNC_ERROR", "The sync could not be started or followed")
def start(query: WaitQuery) -> Response:
    """Start a sync, unless one waits already; answer with what it did or, if `wait` is over before, with its jobs."""
    asked = body_as(SyncRequest) if request.get_data() else SyncRequest()
    with unit_of_work() as work:
        jobs = qcontact_requests.start(work, asked)
    rows = qcontact_requests.follow(platform(), [job.id for job in jobs], query.wait)
    is_finished = all(row["state"] in ENDED for row in rows)
    outcome = qcontact_requests.result_of(platform(), rows, asked) if is_finished else {}
    data = {
        "job_id": jobs[0].id if jobs else None,
        "jobs": [{name: row[name] for name in ("id", "kind", "state")} for row in rows],
        "is_finished": is_finished,
        "sync_result": outcome.get("sync_result"),
        "summary": outcome.get("summary"),
    }
    message = "Sync completed" if is_finished else "The sync has been queued"
    return success(data, message, status=200 if is_finished else 202)


@api.post("/sync/qcontact/tickets/<ticket_id>", responses={202: SyncAnswer, 404: Failure})
@requires(*STARTS)
def resync_ticket(ticket_id: str) -> Response:
    """Read the case of one ticket again."""
    wanted = parse_uuid(ticket_id, "Invalid ticket ID")
    with unit_of_work() as work:
        jobs = qcontact_requests.reread(work, wanted)
    rows = qcontact_requests.follow(platform(), [job.id for job in jobs], 0)
    shown = [{name: row[name] for name in ("id", "kind", "state")} for row in rows]
    data = {"job_id": jobs[0].id, "jobs": shown, "is_finished": False, "sync_result": None, "summary": None}
    return success(data, "The case will be read again", status=202)


@api.get("/sync/qcontact/status", responses={200: StatusAnswer})
@requires(*SEES)
def status() -> Response:
    """Show how the sync does: its last exchange, the last day and week, what waits, and whether that is healthy."""
    with platform().read() as connection:
        return success(figures.read_status(connection, now()))


@api.get("/sync/qcontact/log", responses={200: LogAnswer})
@requires(*SEES)
def list_log(query: LogQuery) -> Response:
    """List the sync log, newest first."""
    with platform().read() as connection:
        page, stats = views.list_log(connection, query.filter(), query.request())
    counts = {name: stats[name] for name in ("by_direction", "by_status", "success_rate")}
    return success({"logs": page.rows, "stats": counts, **stats}, pagination=page.pagination())


@api.get("/sync/qcontact/conflicts", responses={200: ConflictsAnswer})
@requires(*SEES)
def list_conflicts(query: ConflictsQuery) -> Response:
    """List the differences between tickets and their cases that a person has to decide, newest first."""
    with platform().read() as connection:
        page = views.list_conflicts(connection, query.filter(), query.request())
    return success(page.rows, pagination=page.pagination())


@api.post("/sync/qcontact/conflicts/<conflict_id>/resolve", responses={200: ConflictAnswer, 404: Failure, 409: Failure})
@requires(*DECIDES)
@idempotent
def resolve(conflict_id: str, body: ConflictChoice) -> Response:
    """Decide a conflict: `ours` stays and is told to QContact, `theirs` is taken over."""
    wanted = parse_uuid(conflict_id, "Invalid conflict ID")
    with unit_of_work() as work:
        conflicts.resolve(work, wanted, body.choice, body.note)
        shown = views.read_conflict(work.connection, wanted)
    return success(shown, "Conflict resolved")


@api.post("/cron/sync-qcontact", responses={200: CronAnswer, 202: CronAnswer, 401: Failure, 500: Failure})
@requires.anyone()
@fails_as("CRON_JOB_ERROR", "Cron job failed")
def cron() -> Response:
    """Have a scheduler outside start a sync of what is new, by `Authorization: Bearer <the cron secret>`."""
    _require_secret()
    with platform().begin(CRON, request_id=request_id() or None) as work:
        job = qcontact_requests.start_recent(work)
    [row] = qcontact_requests.follow(platform(), [job.id], LONGEST_WAIT)
    data, message = _told(row)
    took = (now() - row["created_at"]).total_seconds() * 1000
    status_code = 200 if data["status"] else 202
    return success(data, message, status=status_code, meta={"execution_time_ms": max(0.0, round(took, 1))})


@api.get("/cron/sync-qcontact", responses={405: Failure})
@requires.anyone()
def no_cron() -> NoReturn:
    """Tell a scheduler that asks in the wrong way how to ask."""
    raise MethodNotAllowed("Use POST to start the sync")


def _told(row: Any) -> tuple[dict[str, Any], str]:
    """Return what a cron's job did, and a sentence about it."""
    ended = row["state"] in ENDED
    outcome = qcontact_requests.result_of(platform(), [row], SyncRequest(sync_direction="inbound")) if ended else {}
    summary = outcome.get("summary")
    unread = qcontact_requests.why_unread(row)
    failed = unread is not None or row["state"] in {"discarded", "cancelled"}
    partly = bool(summary and summary["total_failed"])
    result = ("failed" if failed else "partial" if partly else "success") if ended else None
    said = {
        "failed": "QContact sync failed",
        "partial": "QContact sync completed with some failures",
        "success": "QContact sync completed successfully",
        None: "QContact sync is still going on",
    }
    data = {
        "job_id": row["id"],
        "status": result,
        "started_at": row["created_at"],
        "completed_at": row["finished_at"],
        "duration_seconds": (row["finished_at"] - row["created_at"]).total_seconds() if ended else None,
        "summary": summary,
        "error_message": (row["error_message"] or unread) if failed else None,
        "error_code": "SYNC_ERROR" if failed else None,
    }
    return data, said[result]


def _require_secret() -> None:
    """Raise Unauthorized unless the caller presents the cron secret; without one set nobody may call."""
    secret = platform().settings.cron_secret
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    expected = secret.get_secret_value().encode() if secret else b""
    known = hmac.compare_digest(given.strip().encode(), expected)
    if not (expected and known and scheme.lower() == "bearer"):
        raise Unauthorized("The cron secret is missing or wrong")


def _all(name: str) -> str:
    """Return every value of a query parameter that may be repeated, with commas."""
    return ",".join(request.args.getlist(name))
