"""Verification: the 12 steps of a ticket."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from flask import Response
from pydantic import BaseModel, Field

from admin_api.auth import requires
from admin_api.blueprints import blueprint
from admin_api.context import actor, platform, unit_of_work
from admin_api.requests import parse_uuid
from admin_api.responses import Failure, Success, success
from ticketing import verification
from ticketing.verification import StepChanges

api = blueprint("verification")


class MissingView(BaseModel):
    """Something that a step still needs, and what to do about it."""

    condition: str
    message: str


class StepView(BaseModel):
    """A verification step on the wire."""

    id: UUID
    ticket_id: UUID
    step_number: int = Field(ge=1, le=12)
    step_name: str
    step_description: str | None
    is_complete: bool
    completed_at: datetime | None
    completed_by: UUID | None
    completed_by_name: str | None
    photo_required: bool
    photo_url: str | None
    photo_verified: bool
    photos_count: int = Field(description="Evidence photos of the step that were not rejected")
    notes: str | None
    created_at: datetime
    needs: list[str] = Field(description="Of photo, ont_serial, ont_rx_level and notes, what completing it needs")
    missing: list[MissingView] = Field(description="What of that is not there yet; empty for a complete step")


class ProgressView(BaseModel):
    """How far a ticket's verification is."""

    ticket_id: UUID
    total_steps: int
    completed_steps: int
    pending_steps: int
    progress: str = Field(description="As people say it: 7/12")
    progress_percentage: int
    all_steps_complete: bool
    steps: list[StepView]


class StepAnswer(Success):
    """One step."""

    data: StepView


class StepList(Success):
    """The steps of a ticket, in their order."""

    data: list[StepView]


class ProgressAnswer(Success):
    """How far a ticket's verification is; `meta.completion_status` is complete or in_progress."""

    data: ProgressView


@api.get("/tickets/<ticket_id>/verification", responses={200: StepList, 404: Failure})
@requires.signed_in()
def list_steps(ticket_id: str) -> Response:
    """List the 12 steps of a ticket: what each needs and lacks, who completed it and when."""
    progress = _progress(ticket_id)
    steps = progress["steps"]
    return success(steps, f"{progress['progress']} verification steps are complete", meta={"count": len(steps)})


@api.post("/tickets/<ticket_id>/verification", responses={404: Failure, 409: Failure})
@requires("manager", "qa", "technician", "contractor")
def initialise(ticket_id: str) -> Response:
    """Answer 409: the steps are made with the ticket."""
    wanted = _ticket_id(ticket_id)
    with platform().read() as connection:
        verification.initialise(connection, actor(), wanted)


@api.put("/tickets/<ticket_id>/verification/<step>", responses={200: StepAnswer, 404: Failure, 409: Failure})
@requires("manager", "qa", "technician", "contractor")
def change_step(ticket_id: str, step: str, body: StepChanges) -> Response:
    """Complete a step, open it again, or change its notes or photo. What it needs must be there."""
    wanted, number = _ticket_id(ticket_id), verification.parse_step_number(step)
    with unit_of_work() as work:
        changed = verification.change_step(work, wanted, number, body)
    state = "complete" if changed["is_complete"] else "open"
    return success(changed, f"Step {number} ({changed['step_name']}) is {state}")


@api.post("/tickets/<ticket_id>/verification/complete", responses={200: ProgressAnswer, 404: Failure})
@requires.signed_in()
def report_progress(ticket_id: str) -> Response:
    """Tell whether all steps are complete. Changes nothing."""
    progress = _progress(ticket_id)
    done = progress["all_steps_complete"]
    message = "All verification steps completed" if done else f"Verification progress: {progress['progress']}"
    return success(progress, message, meta={"completion_status": "complete" if done else "in_progress"})


def _progress(ticket_id: str) -> dict[str, Any]:
    wanted = _ticket_id(ticket_id)
    with platform().read() as connection:
        return verification.get_progress(connection, actor(), wanted)


def _ticket_id(text: str) -> UUID:
    return parse_uuid(text, "Invalid ticket ID")
