"""Failures that are alike, grouped by a fingerprint: look at them, mute them; retrying a group is a bulk action."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from flask import Response
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from admin_api.api.jobs import OPERATORS, READERS, ReasonBody
from admin_api.auth import requires
from admin_api.blueprints import blueprint
from admin_api.context import now, platform, unit_of_work
from admin_api.requests import Reason, body_as, parse_uuid
from admin_api.responses import Failure, Success, success
from jobs import failures
from jobs.failures import Window

api = blueprint("failures")

_Unset = BeforeValidator(lambda value: None if value == "" else value)


class FailuresQuery(BaseModel):
    """Which failures to group."""

    model_config = ConfigDict(extra="forbid")

    window: Window = Field(default="24h", description="By when a job failed last")
    muted: Annotated[bool | None, _Unset] = Field(default=None, description="Only muted ones, or only others")


class MuteBody(BaseModel):
    """What is known of these failures; everybody who looks at them is told."""

    model_config = ConfigDict(extra="forbid")

    note: Reason


class FailureView(BaseModel):
    """Failed jobs of one kind with the same error at the same place."""

    fingerprint: UUID
    kind: str
    error_class: str
    place: str = Field(description="The function that failed, or the message without ids and numbers")
    discarded: int
    retrying: int
    first_seen_at: datetime
    last_seen_at: datetime
    newest_job_id: UUID | None
    newest_message: str | None
    muted_at: datetime | None
    muted_by: str | None
    mute_note: str | None


class FailuresAnswer(Success):
    """Groups of failures, the most frequent first; `meta.looked_at` is how many jobs are grouped at most."""

    data: list[FailureView]


@api.get("/failures", responses={200: FailuresAnswer})
@requires(*READERS)
def list_failures(query: FailuresQuery) -> Response:
    """Group the discarded and retrying jobs by kind, error and place. Their jobs: `GET /jobs?fingerprint=`."""
    with platform().read() as connection:
        rows = failures.list_failures(connection, now(), query.window, muted=query.muted)
    return success(rows, meta={"looked_at": failures.LOOKED_AT})


@api.post("/failures/<fingerprint>/mute", responses={404: Failure})
@requires(*OPERATORS)
def mute_failure(fingerprint: str, body: MuteBody) -> Response:
    """Take these failures out of what needs attention, with a note; muting again changes the note."""
    with unit_of_work() as work:
        failures.mute(work, parse_uuid(fingerprint, "Invalid fingerprint"), body.note)
    return success({"fingerprint": fingerprint.lower(), "muted": True}, "These failures are muted")


@api.post("/failures/<fingerprint>/unmute", responses={404: Failure, 409: Failure})
@requires(*OPERATORS)
def unmute_failure(fingerprint: str) -> Response:
    """Let these failures be told of again."""
    reason = body_as(ReasonBody, optional=True).reason
    with unit_of_work() as work:
        failures.unmute(work, parse_uuid(fingerprint, "Invalid fingerprint"), reason)
    return success({"fingerprint": fingerprint.lower(), "muted": False}, "These failures are told of again")
