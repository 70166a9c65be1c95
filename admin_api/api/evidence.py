"""Evidence: what inspection found of the photos, what QA says of them, and having them inspected again."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from flask import Response
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from admin_api.api.tickets import Paging
from admin_api.auth import requires
from admin_api.blueprints import blueprint
from admin_api.context import actor, platform, unit_of_work
from admin_api.idempotency import idempotent
from admin_api.requests import parse_uuid
from admin_api.responses import Failure, Success, success
from jobs.kinds.inspect_photo import submit
from jobs.kinds.reinspect_photos import TICKETS_MOST, ReinspectPhotos, reinspect_photos
from ticketing import ticket_views
from ticketing.evidence import service, views
from ticketing.evidence.overruling import Overruling
from ticketing.evidence.rules import DOUBTED, Finding
from ticketing.evidence.views import EvidenceFilter, EvidenceView
from ticketing.instants import Instant
from ticketing.vocabulary import InspectionStatus

api = blueprint("evidence")

EVERY = "all"


def _listed(value: Any) -> Any:
    """Read `rejected,suspect`, or the name repeated, as a list; nothing, and `all`, filter nothing."""
    text = ",".join(value) if isinstance(value, list) else value
    if text in (None, "", EVERY):
        return None
    return [part.strip() for part in text.split(",")] if isinstance(text, str) else text


_Unset = BeforeValidator(lambda value: None if value == "" else value)


class EvidenceQuery(Paging):
    """Which photos to list; what waits for QA's word if nothing is said."""

    status: Annotated[tuple[InspectionStatus, ...] | None, BeforeValidator(_listed)] = Field(
        default=tuple(sorted(DOUBTED)), description="One or more, also with commas, or `all`"
    )
    code: Annotated[Finding | None, _Unset] = Field(default=None, description="Only photos of which this was found")
    overruled: Annotated[bool | None, _Unset] = Field(
        default=False, description="Whether QA has said something of them; empty: either"
    )
    project_id: Annotated[str | None, _Unset] = Field(default=None, description="A project's id or code")

    def filter(self) -> EvidenceFilter:
        """Return the filter, without the paging."""
        return EvidenceFilter(
            statuses=self.status, code=self.code, overruled=self.overruled, project_id=self.project_id
        )


class Reinspection(BaseModel):
    """Which photos to inspect again; what is not given filters nothing. The times are those of the upload."""

    model_config = ConfigDict(extra="forbid")

    statuses: list[InspectionStatus] | None = Field(default=None, min_length=1)
    ticket_ids: list[UUID] | None = Field(default=None, min_length=1, max_length=TICKETS_MOST)
    uploaded_from: Instant | None = None
    uploaded_before: Instant | None = None


class JobView(BaseModel):
    """The job that does it."""

    job_id: UUID


class EvidenceAnswer(Success):
    """One photo."""

    data: EvidenceView


class EvidenceList(Success):
    """Photos, newest first; `meta.next_cursor` goes on."""

    data: list[EvidenceView]


class JobAnswer(Success):
    """Work that goes on as a job."""

    data: JobView


@api.get("/evidence", responses={200: EvidenceList})
@requires.signed_in()
def list_findings(query: EvidenceQuery) -> Response:
    """List the photos of tickets that you may see by what was found of them; those that wait for QA's word at first."""
    with platform().read() as connection:
        rows, next_cursor = views.list_evidence(connection, actor(), query.filter(), query.request())
    return success(rows, meta={"next_cursor": next_cursor})


@api.get("/tickets/<ticket_id>/evidence", responses={200: EvidenceList, 404: Failure})
@requires.signed_in()
def list_of_ticket(ticket_id: str, query: Paging) -> Response:
    """List a ticket's evidence photos with what inspection found and what QA said of each."""
    wanted = parse_uuid(ticket_id, "Invalid ticket ID format")
    with platform().read() as connection:
        ticket_views.get_ticket(connection, actor(), wanted)
        rows, next_cursor = views.list_evidence(connection, actor(), EvidenceFilter(ticket_id=wanted), query.request())
    return success(rows, meta={"next_cursor": next_cursor})


@api.post("/attachments/<attachment_id>/overrule", responses={200: EvidenceAnswer, 404: Failure, 409: Failure})
@requires("manager", "qa")
@idempotent
def overrule(attachment_id: str, body: Overruling) -> Response:
    """Say as QA whether a photo counts, whatever inspection found of it, and why."""
    wanted = _attachment_id(attachment_id)
    with unit_of_work() as work:
        photo = service.overrule(work, wanted, body)
    return success(photo, f"The photo is {photo['inspection_status']}")


@api.post("/attachments/<attachment_id>/inspection", responses={202: JobAnswer, 404: Failure})
@requires("manager", "qa")
@idempotent
def inspect_again(attachment_id: str) -> Response:
    """Have a photo inspected again, as a job."""
    wanted = _attachment_id(attachment_id)
    with unit_of_work() as work:
        photo = service.find_photo(work.connection, wanted)
        if photo is None:
            raise service.no_such_photo(wanted)
        job = submit(work, wanted, photo["ticket_id"])
    return success({"job_id": job.id}, "The inspection has been queued", status=202)


@api.post("/evidence/inspections", responses={202: JobAnswer})
@requires("manager", "qa")
@idempotent
def inspect_many_again(body: Reinspection) -> Response:
    """Have many photos inspected again, as a job that enqueues one for each; photos of tickets that are over stay."""
    with unit_of_work() as work:
        job = work.enqueue(reinspect_photos, ReinspectPhotos.model_validate(body.model_dump()))
    return success({"job_id": job.id}, "The inspections have been queued", status=202)


def _attachment_id(text: str) -> UUID:
    return parse_uuid(text, "Invalid attachment ID format")
