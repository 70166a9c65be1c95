"""Attachments: upload, list, look at, delete (wire contract, section 10)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from flask import Response
from flask_openapi3.models.file import FileStorage
from pydantic import AliasChoices, BaseModel, BeforeValidator, ConfigDict, Field

from admin_api.auth import requires
from admin_api.blueprints import blueprint
from admin_api.context import actor, platform, reading, unit_of_work
from admin_api.file_links import files, link_to
from admin_api.idempotency import idempotent
from admin_api.problems import fails_as
from admin_api.requests import parse_uuid
from admin_api.responses import Failure, Success, success
from admin_api.uploads import read_upload
from jobs.procedures import attachment_files
from ticketing.attachments import rules, service, views
from ticketing.attachments.views import AttachmentFilter
from ticketing.errors import InvalidInput
from ticketing.paging import MAX_ROWS, PageRequest
from ticketing.vocabulary import AttachmentFileType

api = blueprint("attachments")

_Unset = BeforeValidator(lambda value: None if value == "" else value)
_FILE_TYPES = {name.value: name for name in AttachmentFileType}
# The contract ignores a file type that it does not know.
_KnownType = BeforeValidator(lambda value: _FILE_TYPES.get(str(value).lower()))


class UploadForm(BaseModel):
    """Files for a ticket, and what is said of them. `file` may be given several times."""

    model_config = ConfigDict(extra="ignore", arbitrary_types_allowed=True)

    file: list[FileStorage] = Field(default=[], max_length=rules.MAX_FILES)
    uploaded_by: Annotated[str | None, _Unset] = Field(default=None, description="You, or whom an admin acts for")
    is_evidence: Annotated[bool | None, _Unset] = Field(
        default=None, description="If left out: whether it is the photo of a step"
    )
    verification_step_id: Annotated[UUID | None, _Unset] = None
    step_number: Annotated[int | None, Field(ge=1, le=12), _Unset] = None

    def said(self) -> service.Said:
        """Return what is said of the files."""
        return service.Said(
            uploaded_by=self.uploaded_by,
            step_id=self.verification_step_id,
            step_number=self.step_number,
            is_evidence=self.is_evidence,
        )


class FlatUploadForm(UploadForm):
    """Files for the ticket that the form names."""

    ticket_id: Annotated[str | None, _Unset] = None


class AttachmentsQuery(BaseModel):
    """Which files of a ticket to list."""

    model_config = ConfigDict(extra="ignore", populate_by_name=True)

    file_type: Annotated[AttachmentFileType | None, _KnownType] = Field(
        default=None, description="photo, pdf, document or excel; anything else filters nothing"
    )
    is_evidence: Annotated[bool | None, _Unset] = None
    verification_step_id: Annotated[UUID | None, _Unset] = None
    uploaded_by: Annotated[str | None, _Unset] = None
    cursor: str | None = Field(default=None, max_length=500, description="The `next_cursor` of an earlier answer")
    page_size: Any = Field(
        default=MAX_ROWS, description=f"1 to {MAX_ROWS}", validation_alias=AliasChoices("pageSize", "limit")
    )


class Place(BaseModel):
    """Where the camera says that it was."""

    latitude: float
    longitude: float


class AttachmentView(BaseModel):
    """A file of a ticket on the wire. The links are good for a quarter of an hour, unless it is set otherwise."""

    id: UUID
    ticket_id: UUID
    filename: str
    file_type: AttachmentFileType
    mime_type: str
    file_size: int = Field(description="Bytes")
    file_sha256: str
    storage_path: str = Field(description="Names the stored bytes; no address")
    storage_url: str = Field(description="A link to the file, for whoever holds it")
    thumbnail_url: str | None = Field(description="The photo for a phone, upright, once it is made")
    preview_url: str | None = Field(description="The photo for a desk, upright, once it is made")
    uploaded_by: UUID | None
    uploaded_by_name: str | None
    uploaded_at: datetime
    verification_step_id: UUID | None
    step_number: int | None
    is_evidence: bool
    width: int | None
    height: int | None
    captured_at: datetime | None = Field(description="When the camera says that the photo was taken")
    captured_position: Place | None
    inspection_status: str
    inspection_reasons: list[Any]


class UploadResult(BaseModel):
    """What became of an uploaded file."""

    attachment_id: UUID
    ticket_id: UUID
    filename: str
    storage_url: str
    storage_path: str
    file_type: AttachmentFileType
    file_size: int
    file_sha256: str
    mime_type: str
    uploaded_at: datetime
    verification_step_id: UUID | None
    step_number: int | None
    is_evidence: bool


class UploadResults(BaseModel):
    """What became of several files that were uploaded together."""

    attachments: list[UploadResult]
    count: int


class UploadAnswer(Success):
    """What became of the file, or of the files if there were several."""

    data: UploadResult | UploadResults


class AttachmentAnswer(Success):
    """One file."""

    data: AttachmentView


class FileTypeCounts(BaseModel):
    """How many files there are of each type."""

    photo: int
    pdf: int
    document: int
    excel: int


class AttachmentListView(BaseModel):
    """A part of a ticket's files; the sums are over all that the filter finds."""

    attachments: list[AttachmentView]
    total: int
    total_size_bytes: int
    by_file_type: FileTypeCounts
    evidence_count: int


class AttachmentListAnswer(Success):
    """The files of a ticket; `pagination.next_cursor` goes on."""

    data: AttachmentListView
    pagination: dict[str, Any]


class Deleted(BaseModel):
    """Which file was deleted."""

    message: str
    attachment_id: UUID


class DeletedAnswer(Success):
    """The file is deleted."""

    data: Deleted


@api.post("/tickets/<ticket_id>/attachments", responses={201: UploadAnswer, 404: Failure, 409: Failure})
@requires("manager", "qa", "technician", "contractor")
@fails_as("UPLOAD_ERROR", "Failed to upload attachment")
@idempotent
def upload(ticket_id: str, form: UploadForm) -> Response:
    """Add one or more files to a ticket, all or none. What a file is, its bytes say."""
    return _upload(parse_uuid(ticket_id, "Invalid ticket ID format"), form)


@api.post("/attachments", responses={201: UploadAnswer, 404: Failure, 409: Failure})
@requires("manager", "qa", "technician", "contractor")
@idempotent
def upload_flat(form: FlatUploadForm) -> Response:
    """Add one or more files to the ticket that the form names, all or none."""
    _require_given(file=form.file, ticket_id=form.ticket_id, uploaded_by=form.uploaded_by)
    return _upload(parse_uuid(form.ticket_id or "", "Invalid ticket ID format"), form)


@api.get("/tickets/<ticket_id>/attachments", responses={200: AttachmentListAnswer, 404: Failure})
@requires.signed_in()
@fails_as("LIST_ERROR", "Failed to list attachments")
def list_of_ticket(ticket_id: str, query: AttachmentsQuery) -> Response:
    """List the files of a ticket, newest first, with their number, size and types."""
    wanted = parse_uuid(ticket_id, "Invalid ticket ID format")
    filters = AttachmentFilter(
        file_type=query.file_type,
        is_evidence=query.is_evidence,
        step_id=query.verification_step_id,
        uploaded_by=query.uploaded_by,
    )
    part = PageRequest.of(size=query.page_size, cursor=query.cursor)
    with platform().read() as connection:
        found = views.list_attachments(connection, actor(), wanted, filters, part)
    data = {
        "attachments": [shown(row) for row in found.rows],
        "total": found.total,
        "total_size_bytes": found.total_size_bytes,
        "by_file_type": found.by_file_type,
        "evidence_count": found.evidence_count,
    }
    return success(data, pagination={"pageSize": part.size, "next_cursor": found.next_cursor})


@api.get("/attachments/<attachment_id>", responses={200: AttachmentAnswer, 404: Failure})
@requires.signed_in()
def show(attachment_id: str) -> Response:
    """Show a file of a ticket, with links to it and to its smaller pictures."""
    wanted = _attachment_id(attachment_id)
    with platform().read() as connection:
        return success(shown(views.get_attachment(connection, actor(), wanted)))


@api.delete("/attachments/<attachment_id>", responses={200: DeletedAnswer, 404: Failure, 409: Failure})
@requires("manager", "qa", "technician", "contractor")
def delete(attachment_id: str) -> Response:
    """Delete a file. A photo on record in a handover stays, and so does the only one of a complete step."""
    wanted = _attachment_id(attachment_id)
    with unit_of_work() as work:
        service.delete(work, wanted)
    message = "Attachment deleted successfully"
    return success({"message": message, "attachment_id": wanted}, message)


def shown(row: dict[str, Any]) -> dict[str, Any]:
    """Return a file as the API shows it, with fresh links."""
    latitude, longitude = row["captured_latitude"], row["captured_longitude"]
    made = {name: row[name] for name in AttachmentView.model_fields if name in row}
    return made | {
        "storage_url": link_to(row["id"]),
        "thumbnail_url": link_to(row["id"], "phone") if row["thumbnail_key"] else None,
        "preview_url": link_to(row["id"], "desk") if row["preview_key"] else None,
        "captured_position": None if latitude is None else {"latitude": latitude, "longitude": longitude},
    }


def results_of(rows: Sequence[dict[str, Any]]) -> Response:
    """Return the answer to an upload: what became of the one file, or of each of several."""
    results = [
        {name: row["id"] if name == "attachment_id" else row.get(name) for name in UploadResult.model_fields}
        | {"storage_url": link_to(row["id"])}
        for row in rows
    ]
    if len(results) > 1:
        return success(
            {"attachments": results, "count": len(results)}, f"{len(results)} files uploaded successfully", status=201
        )
    response = success(results[0], "File uploaded successfully", status=201)
    response.headers["Location"] = f"{api.url_prefix}/attachments/{results[0]['attachment_id']}"
    return response


def take_in(ticket_id: UUID, sent: Sequence[object], said: service.Said) -> list[dict[str, Any]]:
    """Look at uploaded files, store them and add them to a ticket, all or none; return them as lists show them."""
    with reading() as connection:
        service.require_may_add(connection, actor(), ticket_id)
    received = [read_upload(one, rules.MAX_BYTES) for one in sent]
    kept = attachment_files.keep(files().storage, ticket_id, [(one.data, one.filename) for one in received])
    with unit_of_work() as work:
        return attachment_files.add(work, ticket_id, kept, said)


def _require_given(**fields: object) -> None:
    """Raise InvalidInput naming every field that is empty, in the contract's words (section 10)."""
    missing = [name for name, value in fields.items() if not value]
    if missing:
        message = "; ".join(f"{name} is required" for name in missing)
        raise InvalidInput(message, details=dict.fromkeys(missing, "is required"))


def _upload(ticket_id: UUID, form: UploadForm) -> Response:
    _require_given(file=form.file, uploaded_by=form.uploaded_by)
    return results_of(take_in(ticket_id, form.file, form.said()))


def _attachment_id(text: str) -> UUID:
    return parse_uuid(text, "Invalid attachment ID format")
