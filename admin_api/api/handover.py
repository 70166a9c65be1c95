"""Handover: gates, handing over, history, what is pending, a snapshot (also as PDF), and the proof of the chain."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from flask import Response
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from admin_api.auth import requires
from admin_api.blueprints import blueprint
from admin_api.context import actor, platform, reading, unit_of_work
from admin_api.file_links import files
from admin_api.idempotency import idempotent
from admin_api.problems import answers
from admin_api.requests import parse_uuid
from admin_api.responses import Failure, Success, download, success
from integrations.file_archive import FileArchive
from integrations.handover_pdf import CONTENT_TYPE, handover_pdf
from jobs.kinds.verify_handovers import submit
from ticketing.handover import service, views
from ticketing.handover.evidence import read_checksums
from ticketing.handover.requests import NewHandover
from ticketing.handover.views import HandoverLine, PendingRequest, SnapshotView
from ticketing.paging import DEFAULT_ROWS, MAX_DEPTH, MAX_ROWS
from ticketing.ticket_access import SEES_EVERY_TICKET
from ticketing.vocabulary import HandoverType, Owner, Status

api = blueprint("handover")

_BAD_TICKET = "Invalid ticket ID format"
_BAD_HANDOVER = "Invalid handover ID format"

_Unset = BeforeValidator(lambda value: None if value == "" else value)


class HandoversQuery(BaseModel):
    """Which handovers to list."""

    model_config = ConfigDict(extra="ignore")

    handover_type: Annotated[HandoverType | None, _Unset] = None
    limit: Annotated[int, Field(ge=1, description=f"Rows, {MAX_ROWS} at most")] = DEFAULT_ROWS
    cursor: Annotated[
        int | None, Field(ge=1, lt=2**63, description="The `next_cursor` of an earlier answer"), _Unset
    ] = None


class GateQuery(BaseModel):
    """For which handover the gates are tried."""

    model_config = ConfigDict(extra="ignore")

    type: HandoverType


class HistoryQuery(BaseModel):
    """Where to go on in the history."""

    model_config = ConfigDict(extra="ignore")

    cursor: str | None = Field(default=None, max_length=500, description="The `next_cursor` of an earlier answer")


class PendingQuery(BaseModel):
    """Which pending handovers to list."""

    model_config = ConfigDict(extra="ignore")

    handover_type: Annotated[HandoverType | None, _Unset] = None
    project_id: str | None = Field(default=None, description="A project's id or code")
    limit: Annotated[
        int,
        Field(ge=1, description=f"Rows, {MAX_ROWS} at most"),
        BeforeValidator(lambda value: DEFAULT_ROWS if value == "" else value),
    ] = DEFAULT_ROWS
    offset: Annotated[int, Field(ge=0, le=MAX_DEPTH), BeforeValidator(lambda value: value or 0)] = 0
    cursor: str | None = Field(default=None, max_length=500, description="Reaches any depth; goes before `offset`")

    def request(self) -> PendingRequest:
        """Return which part of the list is wanted."""
        return PendingRequest(
            handover_type=self.handover_type,
            project_id=self.project_id or None,
            limit=min(self.limit, MAX_ROWS),
            offset=self.offset,
            cursor=self.cursor or None,
        )


class BlockingIssue(BaseModel):
    """Why a handover is refused, and what to do about it."""

    gate_name: str
    severity: str
    message: str
    resolution_hint: str


class GateView(BaseModel):
    """What came of one gate; one that is not `required` only warns."""

    gate_name: str
    passed: bool
    required: bool
    message: str


class GateResultView(BaseModel):
    """What came of all gates."""

    can_handover: bool
    blocking_issues: list[BlockingIssue]
    warnings: list[str]
    gates_passed: list[GateView]
    gates_failed: list[GateView]
    handover_type: HandoverType
    status: Status
    owner: Owner


class GateAnswer(Success):
    """What the gates say."""

    data: GateResultView


class SnapshotAnswer(Success):
    """One snapshot."""

    data: SnapshotView


class HistoryView(BaseModel):
    """The handovers of a ticket, oldest first; `current_owner_*` are of the latest."""

    ticket_id: UUID
    ticket_uid: str
    handovers: list[SnapshotView]
    total_handovers: int
    current_owner_type: Owner | None
    current_owner_id: UUID | None


class HistoryAnswer(Success):
    """The handovers of a ticket; `meta.next_cursor` goes on."""

    data: HistoryView


class GateStatus(BaseModel):
    """How many gates passed, of how many."""

    passed: int
    total: int


class PendingView(BaseModel):
    """A ticket that waits for a handover."""

    ticket_id: UUID
    ticket_uid: str
    title: str
    status: Status
    project_name: str | None
    current_owner: Owner | None
    pending_handover_type: HandoverType
    gate_status: GateStatus
    blockers: list[str]
    can_handover: bool


class PendingAnswer(Success):
    """A part of the tickets that wait for a handover; `pagination` and `summary` stand beside the rows."""

    data: list[PendingView]
    pagination: dict[str, Any]
    summary: dict[str, Any]


class HandoversAnswer(Success):
    """Handovers, the latest first; `meta.next_cursor` goes on."""

    data: list[HandoverLine]


class QueuedView(BaseModel):
    """The job that proves the chain; its result, or its failure, tells."""

    job_id: UUID


class QueuedAnswer(Success):
    """A proof that runs as a job."""

    data: QueuedView


@api.get("/tickets/<ticket_id>/handover/validate", responses={200: GateAnswer, 404: Failure})
@requires.signed_in()
def validate(ticket_id: str, query: GateQuery) -> Response:
    """Try the gates of a handover without making it. Files are read again, as for the handover itself."""
    wanted = parse_uuid(ticket_id, _BAD_TICKET)
    with platform().read() as connection:
        actual = read_checksums(connection, actor(), wanted, archive())
        return success(views.try_gates(connection, actor(), wanted, query.type, actual))


@api.post("/tickets/<ticket_id>/handover", responses={201: SnapshotAnswer, 404: Failure, 409: Failure, 422: Failure})
@requires("manager", "qa")
@idempotent
def hand_over(ticket_id: str, body: NewHandover) -> Response:
    """Hand a ticket over: gates, snapshot, status and owner at once. A snapshot never changes again."""
    wanted = parse_uuid(ticket_id, _BAD_TICKET)
    with reading() as connection:
        actual = read_checksums(connection, actor(), wanted, archive())
    with unit_of_work() as work:
        snapshot = service.hand_over(work, wanted, body, actual)
    return success(snapshot, "Handover snapshot created successfully", status=201)


@api.get("/tickets/<ticket_id>/handover-history", responses={200: HistoryAnswer, 404: Failure})
@requires.signed_in()
def history(ticket_id: str, query: HistoryQuery) -> Response:
    """List the handovers of a ticket, oldest first."""
    wanted = parse_uuid(ticket_id, _BAD_TICKET)
    with platform().read() as connection:
        found, cursor = views.get_history(connection, actor(), wanted, query.cursor or None)
    return success(found, meta={"next_cursor": cursor})


@api.get("/handovers/pending", responses={200: PendingAnswer, 400: Failure})
@requires.signed_in()
@answers(VALIDATION_ERROR=400)
def pending(query: PendingQuery) -> Response:
    """List the tickets that wait for a handover, newest first, with what is in the way."""
    request = query.request()
    with platform().read() as connection:
        found = views.list_pending(connection, actor(), request)
    pagination = {
        "total": found.total,
        "limit": request.limit,
        "offset": request.offset,
        "has_more": found.next_cursor is not None,
        "next_cursor": found.next_cursor,
    }
    return success(found.rows, pagination=pagination, summary=found.summary)


@api.post("/handovers/verify", responses={202: QueuedAnswer})
@requires("admin")
def verify() -> Response:
    """Prove the whole chain of handovers as a job; the job fails where the chain is broken and says where."""
    with unit_of_work() as work:
        job = submit(work)
    return success({"job_id": job.id}, "The chain of handovers is being verified", status=202)


@api.get("/handovers", responses={200: HandoversAnswer})
@requires(*SEES_EVERY_TICKET)
def list_handovers(query: HandoversQuery) -> Response:
    """List the handovers of all tickets, the latest first."""
    size = min(query.limit, MAX_ROWS)
    with platform().read() as connection:
        rows, cursor = views.list_handovers(connection, query.handover_type, before=query.cursor, size=size)
    return success(rows, meta={"next_cursor": cursor})


@api.get("/handovers/<handover_id>", responses={200: SnapshotAnswer, 404: Failure})
@requires.signed_in()
def get(handover_id: str) -> Response:
    """Read a snapshot."""
    wanted = parse_uuid(handover_id, _BAD_HANDOVER)
    with platform().read() as connection:
        return success(views.get_snapshot(connection, actor(), wanted))


@api.get("/handovers/<handover_id>/pdf", responses={200: {"content": {CONTENT_TYPE: {}}}, 404: Failure})
@requires.signed_in()
def pdf(handover_id: str) -> Response:
    """Download a snapshot as a PDF, with its number in the chain and its hash on every page."""
    wanted = parse_uuid(handover_id, _BAD_HANDOVER)
    with platform().read() as connection:
        return download_snapshot(views.get_snapshot(connection, actor(), wanted))


def download_snapshot(snapshot: dict[str, Any]) -> Response:
    """Return a snapshot as a PDF to keep."""
    name = f"handover-{snapshot['chain_number']}-{snapshot['snapshot_data']['ticket_uid']}.pdf"
    return download(handover_pdf(snapshot), name, CONTENT_TYPE)


def archive() -> FileArchive:
    """Return where the files are whose checksums a handover reads again."""
    return FileArchive(files().storage)
