"""Files by signed link: read one, send one to a place that was kept for it, and make it a file of its ticket."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

from flask import Response, request
from pydantic import BaseModel, Field

from admin_api.api.attachments import UploadAnswer, results_of
from admin_api.auth import requires
from admin_api.blueprints import blueprint
from admin_api.context import actor, now, platform, reading, unit_of_work
from admin_api.file_links import READ, SIZES, WRITE, LinkQuery, files, link_for_upload, require_good
from admin_api.idempotency import idempotent
from admin_api.requests import parse_uuid
from admin_api.responses import Failure, Success, success
from integrations.storage import StoredFileMissing
from jobs.procedures import attachment_files
from ticketing.attachments import direct, rules, service, views
from ticketing.attachments.direct import UploadRequest
from ticketing.errors import InvalidInput, NotFound
from ticketing.vocabulary import AttachmentFileType

api = blueprint("files")

PICTURE = "image/webp"
# A file from a stranger loads nothing, runs nothing, and is of no origin, whatever a browser makes of it.
SANDBOX = "default-src 'none'; style-src 'unsafe-inline'; sandbox"
SHOWN_INLINE = frozenset({"image/jpeg", "image/png", "image/webp", "image/gif"})


class UploadPlace(BaseModel):
    """Where to send a file, how, and what to call when it is there."""

    upload_id: UUID
    ticket_id: UUID
    method: Literal["PUT"]
    url: str = Field(description="Good until `expires_at`, for whoever holds it: send it the bytes and nothing else")
    expires_at: datetime
    confirm_url: str = Field(description="POST here, signed in, once the file is there")


class UploadPlaceAnswer(Success):
    """Where to send the file."""

    data: UploadPlace


class Received(BaseModel):
    """What arrived."""

    upload_id: UUID
    file_size: int


class ReceivedAnswer(Success):
    """The file is there and waits for the confirmation."""

    data: Received


@api.post("/tickets/<ticket_id>/attachments/uploads", responses={201: UploadPlaceAnswer, 404: Failure, 409: Failure})
@requires("manager", "qa", "technician", "contractor")
@idempotent
def request_upload(ticket_id: str, body: UploadRequest) -> Response:
    """Ask for an address to send a file to: of the bucket itself where files are kept in one, else of this server."""
    wanted, store = parse_uuid(ticket_id, "Invalid ticket ID format"), files()
    with unit_of_work() as work:
        upload = direct.request_upload(work, wanted, body, store.writable_for)
    return success(
        {
            "upload_id": upload["id"],
            "ticket_id": wanted,
            "method": "PUT",
            "url": _address(upload, store.writable_for),
            "expires_at": upload["expires_at"],
            "confirm_url": f"{api.url_prefix}/tickets/{wanted}/attachments/uploads/{upload['id']}/confirm",
        },
        "Send the file to the address, then confirm it",
        status=201,
    )


@api.post(
    "/tickets/<ticket_id>/attachments/uploads/<upload_id>/confirm",
    responses={201: UploadAnswer, 404: Failure, 409: Failure},
)
@requires("manager", "qa", "technician", "contractor")
@idempotent
def confirm_upload(ticket_id: str, upload_id: str) -> Response:
    """Look at what was sent to the address and make it a file of the ticket."""
    wanted, which = parse_uuid(ticket_id, "Invalid ticket ID format"), parse_uuid(upload_id, "Invalid upload ID format")
    with reading() as connection:
        direct.find_own(connection, actor(), wanted, which)
        service.require_may_add(connection, actor(), wanted)
        upload = direct.find_open(connection, which, now())
    kept = attachment_files.keep_upload(files().storage, upload)
    with unit_of_work() as work:
        added = direct.confirm(work, upload, kept.attachment_id, kept.storage_key, kept.facts)
    return results_of([added])


@api.put("/uploads/<upload_id>", responses={201: ReceivedAnswer, 404: Failure, 409: Failure})
@requires.anyone()
def receive(upload_id: str, query: LinkQuery) -> Response:
    """Take the bytes of a file by a signed link. They count for nothing until they are confirmed."""
    which = parse_uuid(upload_id, "Invalid upload ID format")
    require_good(WRITE, query)
    with platform().read() as connection:
        upload = direct.find_open(connection, which, now())
    data = _body(upload["file_size"])
    files().storage.put(upload["storage_key"], data)
    return success({"upload_id": which, "file_size": len(data)}, "The file is there: confirm it", status=201)


@api.get("/files/<attachment_id>/<size>", responses={200: None, 404: Failure})
@requires.anyone()
def read(attachment_id: str, size: str, query: LinkQuery) -> Response:
    """Return a file, or a smaller picture of it, by a signed link."""
    which = parse_uuid(attachment_id, "Invalid attachment ID format")
    good_until = require_good(READ, query)
    with platform().read() as connection:
        stored = views.find_stored(connection, which)
    key = _key(stored, size)
    try:
        content = files().storage.get(key)
    except StoredFileMissing as error:
        raise NotFound("The file is not in storage any more", details={"attachment_id": str(which)}) from error
    return _answer(content, stored, size, good_until)


def _key(stored: dict[str, Any], size: str) -> str:
    columns = dict(zip(SIZES, ("storage_key", "thumbnail_key", "preview_key"), strict=True))
    key: str | None = stored[columns[size]] if size in columns else None
    if key is None:
        raise NotFound(f"There is no {size} of this file", details={"sizes": list(SIZES)})
    return key


def _answer(content: bytes, stored: dict[str, Any], size: str, good_until: datetime) -> Response:
    mime_type = stored["mime_type"] if size == "original" else PICTURE
    response = Response(content, content_type=mime_type)
    inline = stored["file_type"] == AttachmentFileType.PHOTO and mime_type in SHOWN_INLINE
    name = stored["filename"] if size == "original" else f"{stored['filename'].rpartition('.')[0]}-{size}.webp"
    response.headers["Content-Disposition"] = _disposition("inline" if inline else "attachment", name)
    response.headers["Content-Security-Policy"] = SANDBOX
    response.headers["X-Content-Type-Options"] = "nosniff"
    seconds = int((good_until - now()).total_seconds())
    response.headers["Cache-Control"] = f"private, max-age={max(0, seconds)}, immutable"
    return response


def _disposition(how: str, filename: str) -> str:
    """Return the header: a plain name for old browsers, and the true one in the form of RFC 6266."""
    plain = "".join(sign if sign.isascii() and (sign.isalnum() or sign in "._- ") else "_" for sign in filename)
    exact = "".join(
        sign if sign.isascii() and (sign.isalnum() or sign in "._-") else "".join(f"%{b:02X}" for b in sign.encode())
        for sign in filename
    )
    return f"{how}; filename=\"{plain}\"; filename*=UTF-8''{exact}"


def _address(upload: dict[str, Any], valid_for: timedelta) -> str:
    store = files().storage
    if store.signs_urls:
        return store.upload_url(upload["storage_key"], valid_for)
    return link_for_upload(upload["id"], upload["expires_at"])


def _body(announced: int) -> bytes:
    """Return the request's bytes, no more of which are read than were announced."""
    rules.require_size(announced)
    data = request.stream.read(announced + 1)
    if len(data) != announced:
        problem = f"{announced} bytes were announced, {'more' if len(data) > announced else len(data)} arrived"
        raise InvalidInput(f"file: {problem}", details={"file_size": problem})
    return data
